/** The thread that makes tiles on demand: as a build makes its leaves. */
import { parentPort, workerData } from 'node:worker_threads'
import { type ImageCache, imageCache } from './image-cache.ts'
import type { JournalSettings } from './journal.ts'
import type { Tile } from './tile.ts'
import { type LevelledImage, subtreeBuilder } from './tree.ts'

export interface OnDemandTask {
  readonly id: number
  readonly root: string
  readonly settings: JournalSettings
  readonly images: readonly LevelledImage[]
  readonly tile: Tile
}

const { spool, cacheBytes } = workerData as { spool: string; cacheBytes: number }
/** Of images of one number of bits. */
let cache: { readonly bitpix: number; readonly of: ImageCache } | undefined
let before: Promise<void> = Promise.resolve()

parentPort!.on('message', (task: OnDemandTask) => {
  before = before
    .then(() => make(task))
    .then(
      () => parentPort!.postMessage({ id: task.id }),
      (error: Error) => parentPort!.postMessage({ id: task.id, failure: error.message }),
    )
})

async function make({ root, settings, images, tile }: OnDemandTask): Promise<void> {
  const { bitpix } = settings.storage
  if (cache?.bitpix !== bitpix) {
    await cache?.of.close()
    cache = { bitpix, of: imageCache(spool, cacheBytes, bitpix) }
  }
  const leaf = { npix: tile.npix, images: images.map((_, i) => i), changed: true }
  const build = subtreeBuilder({
    settings: { ...settings, root, order: tile.order, published: true },
    images,
    cache: cache.of,
    leafDone: () => {},
  })
  await build({ cell: tile, leaves: [leaf], gone: [] })
}
