/**
 * Tiles of orders that are not built, made when they are asked for: on one thread, one after the other, and kept in the
 * tree. Whoever comes when too many wait is told to come again.
 */
import type { Worker } from 'node:worker_threads'
import { ServiceError } from '../error.ts'
import { startThread } from '../thread.ts'
import { deeperPlan } from './on-demand-plan.ts'
import type { OnDemandTask } from './on-demand-worker.ts'
import type { Tile } from './tile.ts'

export interface TileMaker {
  /** Resolves when the files of the tile are there, or it has turned out empty. Throws `unavailable`. */
  make(root: string, builtOrder: number, tile: Tile): Promise<void>
}

/** Tiles that may wait. */
const MOST_WAITING = 40
/** Without work the thread ends after this time, and its images leave the memory. */
const IDLE_MS = 60_000
const CACHE_BYTES = 256 * 2 ** 20

interface Waiting {
  resolve(): void
  reject(error: Error): void
}

export function tileMaker(spool: string): TileMaker {
  const waiting = new Map<number, Waiting>()
  const underWay = new Map<string, Promise<void>>()
  let worker: Worker | undefined
  let idle: NodeJS.Timeout | undefined
  let last = 0

  function start(): Worker {
    const fresh = startThread(new URL('./on-demand-worker.ts', import.meta.url), {
      workerData: { spool, cacheBytes: CACHE_BYTES },
    })
    fresh.on('message', ({ id, failure }: { id: number; failure: string | undefined }) => {
      const one = waiting.get(id)
      waiting.delete(id)
      if (failure === undefined) one?.resolve()
      else one?.reject(new ServiceError('internal', failure))
      if (waiting.size === 0) idle = setTimeout(() => stop(fresh), IDLE_MS).unref()
    })
    fresh.on('error', error => {
      for (const one of waiting.values()) one.reject(error)
      waiting.clear()
      stop(fresh)
    })
    fresh.unref()
    return fresh
  }

  function stop(one: Worker): void {
    if (worker === one) worker = undefined
    void one.terminate()
  }

  async function ask(root: string, builtOrder: number, tile: Tile): Promise<void> {
    const plan = deeperPlan(root)
    if (!plan || tile.order > plan.order || plan.settings.order !== builtOrder) return
    const above = Math.floor(tile.npix / 4 ** (tile.order - builtOrder))
    const images = (plan.tiles[above] ?? []).map(i => plan.images[i]!)
    if (images.length === 0) return
    if (waiting.size >= MOST_WAITING)
      throw new ServiceError('unavailable', 'Too many tiles are being made; ask again.', { retryAfter: 2 })
    clearTimeout(idle)
    worker ??= start()
    const id = ++last
    const task: OnDemandTask = { id, root, settings: plan.settings, images, tile }
    worker.postMessage(task)
    await new Promise<void>((resolve, reject) => waiting.set(id, { resolve, reject }))
  }

  return {
    make(root, builtOrder, tile) {
      const key = `${root} ${tile.order} ${tile.npix}`
      const known = underWay.get(key)
      if (known) return known
      const made = ask(root, builtOrder, tile).finally(() => underWay.delete(key))
      underWay.set(key, made)
      return made
    },
  }
}
