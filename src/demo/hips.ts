/** The HiPS of the demo survey: g, r and i of its coadds, and colour. */
import path from 'node:path'
import type { Client } from '../db/database.ts'
import { buildTree } from '../hips/build.ts'
import { chooseColorLook, colorTiles, type Trees } from '../hips/color.ts'
import { finishColor, finishTree } from '../hips/finish.ts'
import { FLOAT32 } from '../hips/image-tile.ts'
import { publishedTrees } from '../hips/published.ts'
import { collectionSources } from '../hips/sources.ts'
import type { Report } from '../progress.ts'
import { DEMO_IMAGES } from './images/index.ts'

const BANDS = ['g', 'r', 'i'] as const
/** Pixels of 0.8″: a quarter of the bytes of the images' own order, and made in seconds. */
const ORDER = 9
const COLOR = 'demo_color'

export interface HipsPlace {
  readonly dir: string
  readonly authority: string
  readonly publisher: string
}

/** Builds what is missing or has changed; resolves to the names of those that were made. */
export async function fillDemoHips(
  db: Client,
  { dir, authority, publisher }: HipsPlace,
  report: Report,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const folder = path.join(dir, 'hips')
  const trees = publishedTrees(folder)
  const made: string[] = []
  for (const band of BANDS) {
    const name = `demo_${band}`
    const sources = await collectionSources(db, DEMO_IMAGES, band)
    const built = await buildTree({
      root: path.join(folder, name),
      images: sources.images,
      order: ORDER,
      frame: 'equatorial',
      formats: ['fits', 'png'],
      storage: FLOAT32,
      look: { stretch: 'asinh', cuts: undefined, forced: false },
      levelled: false,
      force: false,
      spool: path.join(dir, 'spool'),
      memoryBytes: 256e6,
      report: progress => report({ ...progress, phase: `${name} ${progress.phase}` }),
      signal,
    })
    if (built.tiles === 0 && (await trees.tree(name))) continue
    const about = {
      did: `ivo://${authority}/hips/${name}`,
      title: `Demo survey, ${band}`,
      description: `Simulated coadds of the demo survey in ${band}`,
      collection: DEMO_IMAGES,
      progenitor: publisher,
      regime: 'Optical',
    }
    await finishTree(
      built,
      { ...about, ...sources, title: about.title, description: about.description },
      false,
    )
    made.push(name)
  }
  if (made.length === 0 && (await trees.tree(COLOR))) return made
  const three = await Promise.all(
    ['demo_i', 'demo_r', 'demo_g'].map(name => publishedTrees(folder).tree(name)),
  )
  const look = chooseColorLook(three as unknown as Trees, 'asinh')
  if (!look) return made
  const request = {
    root: path.join(folder, COLOR),
    trees: three as unknown as Trees,
    formats: ['png'] as const,
    look,
    report: (progress: Parameters<Report>[0]) => report({ ...progress, phase: `${COLOR} ${progress.phase}` }),
    signal,
  }
  await colorTiles(request)
  const number = (index: number, key: string) => Number(three[index]!.properties.get(key))
  await finishColor(request, {
    did: `ivo://${authority}/hips/${COLOR}`,
    title: 'Demo survey in colour',
    description: 'Simulated coadds of the demo survey: i, r and g as red, green and blue',
    collection: DEMO_IMAGES,
    progenitor: publisher,
    regime: 'Optical',
    tMin: number(0, 't_min'),
    tMax: number(0, 't_max'),
    emMin: number(2, 'em_min'),
    emMax: number(0, 'em_max'),
  })
  return [...made, COLOR]
}
