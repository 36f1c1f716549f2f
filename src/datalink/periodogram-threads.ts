/** Threads for periodograms, so that the service answers others meanwhile: begun when needed, ended when idle. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { PeriodogramAnswer, PeriodogramTask } from './periodogram-worker.ts'

/** One core is left to the service itself. */
export const THREADS = Math.max(1, availableParallelism() - 1)
const IDLE_MS = 10_000

interface Waiting {
  readonly task: PeriodogramTask
  resolve(answer: PeriodogramAnswer): void
  reject(error: Error): void
}

const waiting: Waiting[] = []
const idle: Worker[] = []
let running = 0

/** Resolves when a thread has done it; tasks begin in the order in which they came. */
export function inThread(task: PeriodogramTask): Promise<PeriodogramAnswer> {
  return new Promise((resolve, reject) => {
    waiting.push({ task, resolve, reject })
    begin()
  })
}

function begin(): void {
  while (waiting.length > 0 && (idle.length > 0 || running < THREADS)) {
    const worker = idle.pop() ?? started()
    const { task, resolve, reject } = waiting.shift()!
    const settled = (settle: () => void) => {
      worker.removeAllListeners('message').removeAllListeners('error')
      settle()
    }
    worker.ref()
    worker.once('message', (answer: PeriodogramAnswer) =>
      settled(() => {
        resolve(answer)
        rest(worker)
      }),
    )
    worker.once('error', error =>
      settled(() => {
        running--
        reject(error as Error)
        begin()
      }),
    )
    worker.postMessage(task)
  }
}

function started(): Worker {
  running++
  return new Worker(new URL('./periodogram-entry.mjs', import.meta.url))
}

function rest(worker: Worker): void {
  idle.push(worker)
  worker.unref()
  begin()
  setTimeout(() => {
    const at = idle.indexOf(worker)
    if (at < 0) return
    idle.splice(at, 1)
    running--
    void worker.terminate()
  }, IDLE_MS).unref()
}
