/**
 * Memory of buffers that are done with. V8 looks for them when its own heap is full or they take 64 MB beyond what it
 * last found in use; readers and writers of tables make many buffers and few objects, so collections are asked for in
 * between: of young buffers (a millisecond), and of all when more have grown old, as they do beside slow clients.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes read, and bytes of rows written out, between two collections of the young. */
const READ_STEP = 2 * 1024 * 1024
const ROWS_STEP = 4 * 1024 * 1024
/** Bytes of buffers, beyond those that the last collection left, that call for one of all. */
const OLD = 16 * 1024 * 1024

type Collect = (options: { type: 'minor' | 'major' }) => void

let collect: Collect | undefined
let read = 0
let rows = 0
let left = 0

/** Takes note of so many bytes read. */
export function noteRead(bytes: number): void {
  read += bytes
  if (read < READ_STEP) return
  read = 0
  collectBuffers()
}

/** Takes note of so many bytes of rows on their way out. */
export function noteRows(bytes: number): void {
  rows += bytes
  if (rows < ROWS_STEP) return
  rows = 0
  collectBuffers()
}

function collectBuffers(): void {
  collector()({ type: 'minor' })
  const now = getHeapStatistics().external_memory
  if (now < left) left = now
  if (now < left + OLD) return
  collector()({ type: 'major' })
  left = getHeapStatistics().external_memory
}

function collector(): Collect {
  if (!collect) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as Collect
    setFlagsFromString('--no-expose-gc')
  }
  return collect
}
