/** The site's light curves as they stand: from the configuration and the catalogue, worked out once a catalogue. */
import { ConfigError } from '../config.ts'
import { demoBlocks, type LightCurveBlock, lightCurveBlocks } from './block.ts'
import { type LightCurve, lightCurvesOf, type Published } from './light-curve.ts'

export interface LightCurves {
  readonly all: readonly LightCurve[]
  /** What is wrong with a block since the service started, for /availability. */
  readonly problem: string | undefined
}

export interface LightCurveSource {
  current(): Promise<LightCurves>
}

/**
 * `configured` is the site's own `lightCurves`. A block of the site that names what is not there stops the start with
 * a ConfigError; one that breaks later, when a table is replaced, is out of service until it fits again.
 */
export async function openLightCurves(
  configured: unknown,
  catalog: () => Promise<Published>,
): Promise<LightCurveSource> {
  const site = configured === undefined ? undefined : lightCurveBlocks(configured)
  if (site) lightCurvesOf(site, await catalog())
  const blocks = site ?? demoBlocks()
  const known = new WeakMap<Published, LightCurves>()
  return {
    async current() {
      const published = await catalog()
      const found = known.get(published) ?? lightCurvesNow(blocks, published, site === undefined)
      known.set(published, found)
      return found
    },
  }
}

function lightCurvesNow(
  blocks: readonly LightCurveBlock[],
  published: Published,
  optional: boolean,
): LightCurves {
  try {
    return { all: lightCurvesOf(blocks, published), problem: undefined }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { all: [], problem: optional ? undefined : error.message }
  }
}
