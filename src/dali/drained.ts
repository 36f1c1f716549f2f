import type { Writable } from 'node:stream'

/** Resolves when a stream that was full takes more, or is closed; to false when neither happens within `stallMs`. */
export function drained(stream: Writable, stallMs?: number): Promise<boolean> {
  return new Promise(resolve => {
    const timer = stallMs === undefined ? undefined : setTimeout(() => done(false), stallMs)
    const done = (inTime: boolean) => {
      clearTimeout(timer)
      stream.off('drain', yes)
      stream.off('close', yes)
      resolve(inTime)
    }
    const yes = () => done(true)
    stream.on('drain', yes)
    stream.on('close', yes)
    if (stream.destroyed) yes()
  })
}
