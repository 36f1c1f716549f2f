/**
 * Memory of buffers that are done with. V8 looks for them when its own heap is full or they take 64 MB; readers make
 * many buffers and few objects, so a young collection (a millisecond) is asked for in between.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes read between two collections. */
const STEP = 2 * 1024 * 1024

let collect: ((options: { type: 'minor' }) => void) | undefined
let read = 0

/** Takes note of so many bytes read. */
export function noteRead(bytes: number): void {
  read += bytes
  if (read < STEP) return
  read = 0
  if (!collect) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as typeof collect
    setFlagsFromString('--no-expose-gc')
  }
  collect!({ type: 'minor' })
}
