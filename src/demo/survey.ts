/**
 * The plan of a demo survey: how many objects each shard holds, which stars vary and which are watched as constant,
 * and the visits. From here on every shard can be made by itself.
 */
import { ServiceError } from '../error.ts'
import { BANDS } from './bands.ts'
import { CELL_AREA, type Footprint, footprintOf, openShard, type Shard, shardsOf } from './footprint.ts'
import { createRandom, STREAM } from './random.ts'
import { type ShardSky, skyOf } from './sky.ts'
import { planVisits, VISITS_PER_BAND, type Visits } from './visits.ts'

export interface SurveySize {
  readonly objects: number
  readonly areaDeg2: number
  /** Any integer of 32 bits. */
  readonly seed: number
}

export const DEFAULT_SIZE: SurveySize = { objects: 120_000, areaDeg2: 4, seed: 1 }

/** One object in this many is a variable star, and as many are constant stars that are watched as closely. */
const OBJECTS_PER_VARIABLE = 40

/** Epochs in each band of an object that is not watched. */
export const SPARSE_EPOCHS = 2

export interface Survey extends SurveySize {
  readonly footprint: Footprint
  readonly shards: readonly number[]
  /** Objects in each of `shards`. */
  readonly counts: Int32Array
  /** An object whose first random number is below this is a variable star … */
  readonly variableBelow: number
  /** … above this a constant star that is watched. */
  readonly constantAbove: number
  readonly variables: number
  readonly forcedSources: number
  readonly visits: Visits
}

/** Refuses, as `usage`, a size that no survey can have. */
export function requireSize({ objects, areaDeg2, seed }: SurveySize): void {
  if (!Number.isSafeInteger(objects) || objects < OBJECTS_PER_VARIABLE || objects > 1e9) {
    throw new ServiceError('usage', `The number of objects must be an integer from 40 to 1e9, not ${objects}`)
  }
  if (seed !== seed >> 0) {
    throw new ServiceError('usage', `The seed must be an integer of 32 bits, not ${seed}`)
  }
  footprintOf(areaDeg2)
}

export function planSurvey(size: SurveySize): Survey {
  requireSize(size)
  const { objects, areaDeg2, seed } = size
  const footprint = footprintOf(areaDeg2)
  const shards = shardsOf(footprint)
  const counts = shardCounts(size, footprint, shards)
  const variables = Math.round(objects / OBJECTS_PER_VARIABLE)
  const watched = 2 * variables
  return {
    ...size,
    footprint,
    shards,
    counts,
    ...thresholds(size, footprint, shards, counts, variables),
    variables,
    forcedSources: BANDS.length * (watched * VISITS_PER_BAND + (objects - watched) * SPARSE_EPOCHS),
    visits: planVisits(seed, footprint),
  }
}

/** Throws each object into a shard, with the shards' expected numbers as odds: the total comes out exactly. */
function shardCounts({ objects, seed }: SurveySize, box: Footprint, shards: readonly number[]): Int32Array {
  const expected = shards.map(shard =>
    skyOf(seed, openShard(box, shard)).totals.reduce((sum, n) => sum + n, 0),
  )
  const random = createRandom(seed)
  random.seek(STREAM.shardCounts, 0, 0)
  return scatter(objects, Float64Array.from(expected), random.uniform)
}

/** Throws n things into boxes at odds proportional to `weights`. */
function scatter(n: number, weights: Float64Array, uniform: () => number): Int32Array {
  const sums = weights.slice()
  for (let k = 1; k < sums.length; k++) sums[k]! += sums[k - 1]!
  const total = sums.at(-1)!
  const counts = new Int32Array(weights.length)
  for (let k = 0; k < n; k++) {
    const at = uniform() * total
    let low = 0
    let high = sums.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sums[middle]! < at) low = middle + 1
      else high = middle
    }
    counts[low]!++
  }
  return counts
}

/** Number of objects in each cell of a shard that holds `count`. */
export function cellCounts(seed: number, shard: Shard, sky: ShardSky, count: number): Int32Array {
  const random = createRandom(seed)
  random.seek(STREAM.cellCounts, shard.shard, 0)
  return scatter(count, sky.totals, random.uniform)
}

/**
 * An object's first random number decides whether it is a variable; the lowest and the highest of them are looked for
 * over the whole survey, so that there are exactly as many variables and watched stars as wanted.
 */
function thresholds(
  { objects, seed }: SurveySize,
  box: Footprint,
  shards: readonly number[],
  counts: Int32Array,
  wanted: number,
): Pick<Survey, 'variableBelow' | 'constantAbove'> {
  const random = createRandom(seed)
  // Ten standard deviations more than expected.
  const share = wanted / objects
  const limit = Math.min(0.5, share + 10 * Math.sqrt(share / objects))
  const low: number[] = []
  const high: number[] = []
  shards.forEach((number, s) => {
    const shard = openShard(box, number)
    const inCell = cellCounts(seed, shard, skyOf(seed, shard), counts[s]!)
    shard.cells.forEach((cell, k) => {
      for (let n = 0; n < inCell[k]!; n++) {
        random.seek(STREAM.object, cell, n)
        const u = random.uniform()
        if (u < limit) low.push(u)
        else if (u > 1 - limit) high.push(u)
      }
    })
  })
  const lowest = Float64Array.from(low).sort()
  const highest = Float64Array.from(high).sort().reverse()
  return { variableBelow: between(lowest, wanted), constantAbove: between(highest, wanted) }
}

/** A value that separates the first n of a sorted list from the rest. */
function between(sorted: Float64Array, n: number): number {
  return (sorted[n - 1]! + sorted[n]!) / 2
}

/** Area of the footprint in deg². */
export function areaOf(survey: Pick<Survey, 'footprint' | 'shards'>): number {
  return survey.shards.reduce((sum, s) => sum + openShard(survey.footprint, s).cells.length, 0) * CELL_AREA
}
