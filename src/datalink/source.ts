/** The site's light curves as they stand: from the configuration and the catalogue, worked out once a catalogue. */
import type { Identity } from '../auth/identity.ts'
import { ConfigError } from '../config.ts'
import { demoBlocks, type LightCurveBlock, lightCurveBlocks } from './block.ts'
import { type LightCurve, lightCurvesOf, type Published } from './light-curve.ts'

export interface LightCurves {
  readonly all: readonly LightCurve[]
  /** What is wrong with a block since the service started, for /availability. */
  readonly problem: string | undefined
}

export interface LightCurveSource {
  /** Those of which somebody may see every table. */
  current(viewer: Identity | 'operator'): Promise<LightCurves>
}

/**
 * `configured` is the site's own `lightCurves`. A block of the site that names what is not there stops the start with
 * a ConfigError; one that breaks later, when a table is replaced, is out of service until it fits again.
 */
export async function openLightCurves(
  configured: unknown,
  catalog: (viewer: Identity | 'operator') => Promise<Published>,
): Promise<LightCurveSource> {
  const site = configured === undefined ? undefined : lightCurveBlocks(configured)
  if (site) lightCurvesOf(site, await catalog('operator'))
  const blocks = site ?? demoBlocks()
  const known = new WeakMap<Published, LightCurves>()
  return {
    async current(viewer) {
      const published = await catalog('operator')
      const found = known.get(published) ?? lightCurvesNow(blocks, published, site === undefined)
      known.set(published, found)
      if (viewer === 'operator') return found
      const seen = await catalog(viewer)
      return seen === published ? found : visible(found, seen)
    },
  }
}

/** Without the curves of hidden tables, and without a word of them. */
function visible({ all }: LightCurves, { tables }: Published): LightCurves {
  const seen = new Set(tables.all)
  const curves = all.filter(curve => curve.tables.every(table => seen.has(table)))
  return {
    all: curves.map(curve =>
      curve.reference && !seen.has(curve.reference.table) ? { ...curve, reference: undefined } : curve,
    ),
    problem: undefined,
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
