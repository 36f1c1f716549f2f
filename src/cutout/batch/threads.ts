/** Stamps on all cores, in the order of their positions; a few are made without threads. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { closeDatasets, type Stamp, type StampTask, stamp } from './stamp.ts'

/** What a thread costs to begin is worth so many stamps. */
const WORTH = 40

/** `count` is how many tasks there will be. Aborting rejects, and ends the threads. */
export async function* stamps<T extends { readonly task: StampTask }>(
  tasks: AsyncIterable<T>,
  count: number,
  signal: AbortSignal,
): AsyncGenerator<T & { readonly stamp: Stamp }> {
  const threads = Math.min(availableParallelism(), Math.floor(count / WORTH))
  if (threads < 1) {
    try {
      for await (const one of tasks) {
        signal.throwIfAborted()
        yield { ...one, stamp: await stamp(one.task) }
      }
    } finally {
      await closeDatasets(0)
    }
    return
  }
  const workers = Array.from({ length: threads }, () => startWorker())
  // Two for each thread are under way or waiting to be taken, so that none waits for the archive.
  const underWay: Promise<T & { readonly stamp: Stamp }>[] = []
  let next = 0
  try {
    for await (const one of tasks) {
      signal.throwIfAborted()
      const worker = workers[next++ % threads]!
      const made = worker.make(one.task).then(result => ({ ...one, stamp: result }))
      made.catch(() => {}) // told where it is awaited
      underWay.push(made)
      if (underWay.length >= 3 * threads) yield await underWay.shift()!
    }
    while (underWay.length > 0) {
      signal.throwIfAborted()
      yield await underWay.shift()!
    }
  } finally {
    await Promise.all(workers.map(worker => worker.end()))
  }
}

interface Maker {
  make(task: StampTask): Promise<Stamp>
  end(): Promise<unknown>
}

/** Answers come in the order of the tasks. */
function startWorker(): Maker {
  const worker = new Worker(new URL('./batch-entry.mjs', import.meta.url))
  const waiting: { resolve(stamp: Stamp): void; reject(error: unknown): void }[] = []
  let last: Promise<unknown> = Promise.resolve()
  let failed: unknown
  worker.on('message', (made: Stamp) => waiting.shift()!.resolve(made))
  worker.on('error', error => {
    failed = error
    for (const one of waiting.splice(0)) one.reject(error)
  })
  return {
    make(task) {
      // One at a time: what a thread has open is closed between two.
      const made = last.then(
        () =>
          new Promise<Stamp>((resolve, reject) => {
            if (failed) return reject(failed)
            waiting.push({ resolve, reject })
            worker.postMessage(task)
          }),
      )
      last = made.catch(() => {})
      return made
    },
    end: () => worker.terminate(),
  }
}
