/** The images of the demo survey: drawn beside a service that goes on, then ingested as collection `demo_coadd`. */
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Database } from '../../db/database.ts'
import { ingestImages } from '../../ingest/images/index.ts'
import type { Report } from '../../progress.ts'
import { BANDS } from '../bands.ts'
import { footprintOf } from '../footprint.ts'
import type { SurveySize } from '../survey.ts'
import { fileNames } from './files.ts'
import { IMAGE_BANDS, type Patch, patchesOf } from './plan.ts'
import type { ImageTask } from './worker.ts'

export const DEMO_IMAGES = 'demo_coadd'

/** Counts the versions of the images: those of an earlier one are made anew. */
const EDITION = 1

export interface ImagesMade {
  /** Images, weight maps not counted. */
  readonly images: number
  /** False when they were there already. */
  readonly filled: boolean
  readonly seconds: number
}

/**
 * Draws what is missing of the images of this survey below `dir`, and ingests them. What was interrupted goes on with
 * the patches that are not there yet; images of another survey are removed. Aborting `signal` rejects with its reason.
 */
export async function fillDemoImages(
  db: Database,
  survey: SurveySize,
  place: { readonly dir: string; readonly authority: string },
  report: Report,
  signal: AbortSignal,
): Promise<ImagesMade> {
  const begun = performance.now()
  const folder = path.join(place.dir, 'images', DEMO_IMAGES)
  const { objects, areaDeg2, seed } = survey
  await openFolder(folder, JSON.stringify({ edition: EDITION, objects, areaDeg2, seed }))
  const patches = patchesOf(footprintOf(areaDeg2))
  const missing: Patch[] = []
  for (const patch of patches) if (!(await isComplete(folder, patch))) missing.push(patch)
  if (missing.length > 0)
    await drawAll({ survey: { objects, areaDeg2, seed }, folder }, missing, patches.length, report, signal)
  const { files } = await ingestImages(
    db,
    {
      sources: [folder],
      collection: DEMO_IMAGES,
      authority: place.authority,
      title: 'Coadds of the demo survey',
      description: 'Simulated coadds in g, r and i of the objects in demo.object, with weight maps',
      prune: true,
      complain: ({ location, reason }) => {
        throw new Error(`${location}: ${reason}`)
      },
    },
    () => {},
    signal,
  )
  const seconds = (performance.now() - begun) / 1000
  return { images: patches.length * IMAGE_BANDS.length, filled: missing.length > 0 || files > 0, seconds }
}

/** The folder with images of this recipe, or none. */
async function openFolder(folder: string, recipe: string): Promise<void> {
  const file = path.join(folder, 'recipe.json')
  if ((await readFile(file, 'utf8').catch(() => '')) === recipe) return
  await rm(folder, { recursive: true, force: true })
  for (const band of IMAGE_BANDS) await mkdir(path.join(folder, BANDS[band]!), { recursive: true })
  await writeFile(file, recipe)
}

async function isComplete(folder: string, patch: Patch): Promise<boolean> {
  for (const band of IMAGE_BANDS) {
    for (const name of Object.values(fileNames(band, patch))) {
      const there = await stat(path.join(folder, name)).catch(() => undefined)
      if (!there) return false
    }
  }
  return true
}

/** Workers at most: what two cores do in a minute; each holds three planes of 25 MB. */
const MOST_WORKERS = 4

async function drawAll(
  task: ImageTask,
  patches: readonly Patch[],
  total: number,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  const queue = patches.map(patch => patch.name)
  let done = total - patches.length
  report({ phase: 'images', done, total })
  const workers = Array.from({ length: Math.min(MOST_WORKERS, availableParallelism(), queue.length) }, () => {
    return new Worker(new URL('./worker-entry.mjs', import.meta.url), { workerData: task })
  })
  const run = (worker: Worker) =>
    new Promise<void>((resolve, reject) => {
      worker.on('error', reject)
      worker.on('exit', () => reject(new Error('a worker ended before its patch was drawn')))
      worker.on('message', (message: string) => {
        if (message !== 'ready') report({ phase: 'images', done: ++done, total })
        const next = queue.shift()
        if (next === undefined) resolve()
        else worker.postMessage(next)
      })
    })
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
  try {
    await Promise.race([Promise.all(workers.map(run)), aborted])
  } finally {
    await Promise.all(workers.map(worker => worker.terminate()))
  }
}
