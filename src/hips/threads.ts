/** Subtrees on several threads: each begins with a stretch of its own, so that its images stay in its memory. */
import { Worker } from 'node:worker_threads'
import type { SubtreeResult, SubtreeTask } from './tree.ts'
import type { WorkerMessage, WorkerSetup } from './worker.ts'

export interface ThreadEvents {
  leaf(): void
  /** Awaited before the thread has its next task, so that results do not pile up. */
  done(task: SubtreeTask, result: SubtreeResult): Promise<void>
}

/** Resolves when all tasks are done; the first failure ends all threads and rejects. */
export async function inThreads(
  tasks: readonly SubtreeTask[],
  setup: WorkerSetup,
  threads: number,
  signal: AbortSignal | undefined,
  events: ThreadEvents,
): Promise<void> {
  signal?.throwIfAborted()
  if (tasks.length === 0) return
  const stretches = stretchesOf(tasks, Math.min(threads, tasks.length))
  const workers = stretches.map(
    () => new Worker(new URL('./worker-entry.mjs', import.meta.url), { workerData: setup }),
  )
  const aborted = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  try {
    const all = workers.map((worker, own) => work(worker, () => next(stretches, own), events))
    await Promise.race([Promise.all(all), aborted])
  } finally {
    await Promise.all(workers.map(worker => worker.terminate()))
  }
}

/** Consecutive tasks with about as many leaves each. */
function stretchesOf(tasks: readonly SubtreeTask[], count: number): SubtreeTask[][] {
  const leaves = tasks.reduce((sum, task) => sum + task.leaves.length, 0)
  const stretches: SubtreeTask[][] = Array.from({ length: count }, () => [])
  let before = 0
  for (const task of tasks) {
    const middle = (before + task.leaves.length / 2) / leaves
    stretches[Math.min(count - 1, Math.floor(middle * count))]!.push(task)
    before += task.leaves.length
  }
  return stretches
}

/** A thread's own next task, or the last one of the longest stretch. */
function next(stretches: readonly SubtreeTask[][], own: number): SubtreeTask | undefined {
  const mine = stretches[own]!.shift()
  if (mine) return mine
  return [...stretches].sort((a, b) => b.length - a.length)[0]!.pop()
}

function work(worker: Worker, take: () => SubtreeTask | undefined, events: ThreadEvents): Promise<void> {
  return new Promise((resolve, reject) => {
    const go = () => {
      const task = take()
      if (task) worker.postMessage(task)
      else resolve()
    }
    worker.on('error', reject)
    worker.on('exit', code => reject(new Error(`a thread ended with code ${code}`)))
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'leaf') events.leaf()
      else if (message.kind === 'failed') reject(new Error(message.message))
      else events.done(message.task, message.result).then(go, reject)
    })
    go()
  })
}
