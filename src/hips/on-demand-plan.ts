/**
 * Orders of an image HiPS that are not built: which images each of the finest built tiles is made of, kept in the tree, so
 * that any tile below can be made when somebody asks for it.
 */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { ServiceError } from '../error.ts'
import { medianOf } from './cuts.ts'
import { short } from './describe.ts'
import { type HipsImage, openPlaced } from './input.ts'
import { type JournalSettings, readJournal } from './journal.ts'
import { imageScale, tilesTouched } from './plan.ts'
import { parseProperties, propertiesText } from './properties.ts'
import { orderFor, pixelScale } from './tile.ts'
import type { LevelledImage } from './tree.ts'

export interface DeeperPlan {
  /** The finest that may be asked for. */
  readonly order: number
  readonly settings: JournalSettings
  readonly images: readonly LevelledImage[]
  /** Indices of the images that touch a tile of the built order. */
  readonly tiles: Readonly<Record<string, readonly number[]>>
}

/** Hidden in the tree, as the journal is. */
const fileOf = (root: string) => path.join(root, '.build', 'deeper.json')

export interface DeeperRequest {
  readonly root: string
  readonly images: readonly HipsImage[]
  /** Undefined: pixels no larger than those of the finest image. */
  readonly order: number | undefined
  readonly spool: string
}

/** Resolves to the order that the tree offers now. */
export async function planDeeper({ root, images, order, spool }: DeeperRequest): Promise<number> {
  const { settings, complete } = readJournal(root)
  if (!settings || !complete)
    throw new ServiceError(
      'usage',
      `${path.basename(root)} is no finished HiPS that was built here from images`,
    )
  const file = path.join(root, 'properties')
  const properties = parseProperties(readFileSync(file, 'utf8'))
  const levelled = /without their medians/.test(properties.get('hips_overlay') ?? '')
  const tiles: Record<string, number[]> = {}
  const planned: LevelledImage[] = []
  let finest = settings.order
  for (const image of images) {
    const placed = await openPlaced(image, spool)
    try {
      const scale = imageScale(placed.wcs, placed.size)
      if (scale !== undefined) finest = Math.max(finest, orderFor(scale))
      for (const npix of tilesTouched(placed.wcs, placed.size, settings.frame, settings.order))
        tiles[npix] = [...(tiles[npix] ?? []), planned.length]
      planned.push({ ...image, offset: levelled ? ((await medianOf(placed)) ?? 0) : 0 })
    } finally {
      await placed.close()
    }
  }
  const deepest = order ?? finest
  if (deepest <= settings.order)
    throw new ServiceError('usage', `${path.basename(root)} is built to order ${settings.order} already`)
  for (let k = settings.order + 1; k <= 29; k++)
    rmSync(path.join(root, `Norder${k}`), { recursive: true, force: true })
  const plan: DeeperPlan = { order: deepest, settings, images: planned, tiles }
  writeFileSync(fileOf(root), JSON.stringify(plan))
  const now = new Map<string, string | number>(properties)
  now.set('hips_order', deepest)
  now.set('almagest_built_order', settings.order)
  for (const key of ['hips_pixel_scale', 's_pixel_scale'])
    now.set(key, short((pixelScale(deepest) * 180) / Math.PI))
  await writeFile(`${file}.part`, propertiesText([...now]))
  await rename(`${file}.part`, file)
  return deepest
}

const known = new Map<string, { readonly stamp: number; readonly plan: DeeperPlan | undefined }>()

/** The plan of a tree; undefined where nobody has made one. Read again when it has changed. */
export function deeperPlan(root: string): DeeperPlan | undefined {
  const stamp = statSync(fileOf(root), { throwIfNoEntry: false })?.mtimeMs ?? 0
  const before = known.get(root)
  if (before?.stamp === stamp) return before.plan
  const plan = stamp === 0 ? undefined : (JSON.parse(readFileSync(fileOf(root), 'utf8')) as DeeperPlan)
  known.set(root, { stamp, plan })
  return plan
}
