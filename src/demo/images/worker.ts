/** Worker thread that draws patches: it is told one after the other and answers when its files are written. */
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { fluxVariance, nanojansky } from '../bands.ts'
import { objectsOf } from '../objects.ts'
import { planSurvey, type SurveySize } from '../survey.ts'
import { draw, type Planes, type Source } from './draw.ts'
import { writePatch } from './files.ts'
import { addNoise } from './noise.ts'
import { coaddOf, IMAGE_BANDS, type Patch, PIXEL, patchesOf, SEEING, toPixel } from './plan.ts'

export interface ImageTask {
  readonly survey: SurveySize
  readonly folder: string
}

const port = parentPort!
const { survey: size, folder } = workerData as ImageTask
// On Linux this is the priority of this thread alone: the service goes before.
setPriority(10)
const survey = planSurvey(size)
const patches = patchesOf(survey.footprint)
const coadds = IMAGE_BANDS.map(band => coaddOf(survey, band))
const sky = coadds.map(({ depth }) => skyVariance(depth))
/** A source is looked at when its middle is within so many pixels of the patch. */
const MARGIN = 120

const sources: Source[] = []
{
  const place = toPixel(survey.footprint)
  const inAny = ([x, y]: readonly [number, number]) => patches.some(patch => near(patch, x, y))
  for (let shard = 0; shard < survey.shards.length; shard++) {
    for (const { ra, dec, mags, galaxy, cell, n } of objectsOf(survey, shard)) {
      const at = place(ra, dec)
      if (!inAny(at)) continue
      const fluxes = IMAGE_BANDS.map(band => nanojansky(mags[band]!))
      sources.push({ x: at[0], y: at[1], fluxes, galaxy, cell, n })
    }
  }
}

/**
 * Variance of a pixel under which the fit of a point source is as good as the catalogue says: the fit sums over
 * 4πσ² pixels (a Gaussian's).
 */
function skyVariance(depth: number): number {
  const pixels = 4 * Math.PI * (SEEING / PIXEL / 2.355) ** 2
  return fluxVariance(0, depth) / pixels
}

function near({ x0, y0, size: side }: Patch, x: number, y: number): boolean {
  return x > x0 - MARGIN && x < x0 + side + MARGIN && y > y0 - MARGIN && y < y0 + side + MARGIN
}

async function make(patch: Patch): Promise<void> {
  const bands = IMAGE_BANDS.map(() => new Float32Array(patch.size * patch.size))
  const planes: Planes = { size: patch.size, bands, faintest: 0.05 * Math.sqrt(Math.min(...sky)) }
  for (const source of sources) {
    if (near(patch, source.x, source.y))
      draw(planes, { ...source, x: source.x - patch.x0, y: source.y - patch.y0 })
  }
  for (const [i, band] of IMAGE_BANDS.entries()) {
    const { depth, visits } = coadds[i]!
    const photons = (0.001 * depth) / Math.sqrt(visits)
    addNoise(bands[i]!, patch, size.seed, band, { sky: sky[i]!, photons })
    await writePatch(folder, survey, patch, band, bands[i]!, 1 / sky[i]!)
  }
}

port.on('message', async (name: string) => {
  await make(patches.find(patch => patch.name === name)!)
  port.postMessage(name)
})
port.postMessage('ready')
