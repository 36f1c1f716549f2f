/** A thread that builds subtrees, one task after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import { imageCache } from './image-cache.ts'
import type { WorkerSetup } from './threads.ts'
import { type SubtreeResult, type SubtreeTask, subtreeBuilder } from './tree.ts'

export type WorkerMessage =
  | { readonly kind: 'leaf' }
  | { readonly kind: 'done'; readonly task: SubtreeTask; readonly result: SubtreeResult }
  | { readonly kind: 'failed'; readonly message: string; readonly code: unknown }

const { settings, images, spool, cacheBytes } = workerData as WorkerSetup
const port = parentPort!
const cache = imageCache(spool, cacheBytes, settings.storage.bitpix)
const leafDone = () => port.postMessage({ kind: 'leaf' } satisfies WorkerMessage)
const build = subtreeBuilder({ settings, images, cache, leafDone })

port.on('message', async (task: SubtreeTask) => {
  try {
    const result = await build(task)
    port.postMessage(
      { kind: 'done', task, result } satisfies WorkerMessage,
      result.values ? [result.values.buffer] : [],
    )
  } catch (error) {
    const { message, code } = error as Error & { readonly code?: unknown }
    port.postMessage({ kind: 'failed', message, code } satisfies WorkerMessage)
  }
})
