/** Subtrees on several threads: each begins with a stretch of its own, so that its images stay in its memory. */
import { setImmediate } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { startThread } from '../thread.ts'
import { imageCache } from './image-cache.ts'
import { type SubtreeResult, type SubtreeTask, subtreeBuilder, type TreeDependencies } from './tree.ts'
import type { WorkerMessage } from './worker.ts'

export interface WorkerSetup extends Pick<TreeDependencies, 'settings' | 'images'> {
  readonly spool: string
  readonly cacheBytes: number
}

export interface Threads {
  readonly count: number
  /** One of them is this one: it starts at once, but a service would not answer meanwhile. */
  readonly here: boolean
}

export interface ThreadEvents {
  leaf(): void
  /** Awaited before the thread has its next task, so that results do not pile up. */
  done(task: SubtreeTask, result: SubtreeResult): Promise<void>
}

/** Resolves when all tasks are done; the first failure ends all threads and rejects. */
export async function inThreads(
  tasks: readonly SubtreeTask[],
  setup: WorkerSetup,
  threads: Threads,
  signal: AbortSignal | undefined,
  events: ThreadEvents,
): Promise<void> {
  signal?.throwIfAborted()
  if (tasks.length === 0) return
  const stretches = stretchesOf(tasks, Math.min(threads.count, tasks.length))
  const others = threads.here ? stretches.length - 1 : stretches.length
  const workers = Array.from({ length: others }, () =>
    startThread(new URL('./worker.ts', import.meta.url), { workerData: setup }),
  )
  const aborted = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  try {
    const all = workers.map((worker, own) => work(worker, () => next(stretches, own), events))
    if (threads.here) all.push(workHere(setup, () => next(stretches, others), signal, events))
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

async function workHere(
  { settings, images, spool, cacheBytes }: WorkerSetup,
  take: () => SubtreeTask | undefined,
  signal: AbortSignal | undefined,
  events: ThreadEvents,
): Promise<void> {
  const cache = imageCache(spool, cacheBytes, settings.storage.bitpix)
  const leafDone = async () => {
    events.leaf()
    await setImmediate() // the other threads wait for their next tasks
    signal?.throwIfAborted()
  }
  const build = subtreeBuilder({ settings, images, cache, leafDone })
  try {
    for (let task = take(); task; task = take()) {
      const result = await build(task)
      await events.done(task, result)
    }
  } finally {
    await cache.close()
  }
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
      else if (message.kind === 'failed')
        reject(Object.assign(new Error(message.message), { code: message.code }))
      else events.done(message.task, message.result).then(go, reject)
    })
    go()
  })
}
