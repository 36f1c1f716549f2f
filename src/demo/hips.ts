/** The HiPS of the demo survey: g, r and i of its coadds, and colour. */
import path from 'node:path'
import type { Client } from '../db/database.ts'
import { buildTree } from '../hips/build.ts'
import { buildColor } from '../hips/build-color.ts'
import { finishTree } from '../hips/finish.ts'
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
      look: { stretch: 'asinh', cuts: undefined },
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
  const three = publishedTrees(folder)
  const treeOf = async (name: string) => (await three.tree(name))!
  const tiles = await buildColor({
    root: path.join(folder, COLOR),
    trees: [await treeOf('demo_i'), await treeOf('demo_r'), await treeOf('demo_g')],
    formats: ['png'],
    kind: 'asinh',
    force: false,
    about: {
      did: `ivo://${authority}/hips/${COLOR}`,
      title: 'Demo survey in colour',
      description: 'Simulated coadds of the demo survey: i, r and g as red, green and blue',
      collection: DEMO_IMAGES,
      progenitor: publisher,
    },
    report: progress => report({ ...progress, phase: `${COLOR} ${progress.phase}` }),
    signal,
  })
  return tiles === undefined ? made : [...made, COLOR]
}
