/** Stars: how many of which brightness, and their colours along the stellar locus. */
import { I, type PerBand } from './bands.ts'
import type { Random } from './random.ts'

/**
 * The stellar locus (Covey et al. 2007, AJ 134, 2398, table 3; z − y after Tonry et al. 2012, ApJ 750, 99), by g − i:
 * g − r, r − i, i − z, z − y. The first lines are white dwarfs and horizontal-branch stars.
 */
const LOCUS: readonly (readonly [gi: number, gr: number, ri: number, iz: number, zy: number])[] = [
  [-0.7, -0.42, -0.28, -0.26, -0.12],
  [-0.4, -0.23, -0.17, -0.16, -0.08],
  [0.0, 0.02, -0.02, -0.06, -0.04],
  [0.3, 0.24, 0.06, -0.01, -0.01],
  [0.6, 0.45, 0.15, 0.04, 0.02],
  [0.9, 0.66, 0.24, 0.09, 0.04],
  [1.2, 0.87, 0.33, 0.15, 0.07],
  [1.5, 1.07, 0.43, 0.22, 0.1],
  [1.8, 1.24, 0.56, 0.31, 0.15],
  [2.1, 1.33, 0.77, 0.43, 0.21],
  [2.4, 1.36, 1.04, 0.58, 0.29],
  [2.7, 1.37, 1.33, 0.74, 0.38],
  [3.0, 1.4, 1.6, 0.89, 0.48],
  [3.4, 1.44, 1.96, 1.09, 0.6],
]

/** Scatter about the locus, in mag. */
const LOCUS_SCATTER = 0.022

/** Magnitudes in g r i z y of a star with this i magnitude and g − i. */
export function onLocus(i: number, gMinusI: number): [number, number, number, number, number] {
  const last = LOCUS.length - 2
  let k = 0
  while (k < last && LOCUS[k + 1]![0] < gMinusI) k++
  const [below, above] = [LOCUS[k]!, LOCUS[k + 1]!]
  const part = (gMinusI - below[0]) / (above[0] - below[0])
  const colour = (n: 1 | 2 | 3 | 4) => below[n] + part * (above[n] - below[n])
  const r = i + colour(2)
  const z = i - colour(3)
  return [r + colour(1), r, i, z, z - colour(4)]
}

/** Where half of the objects are found, in i, and how sharply the survey ends there. */
const HALF_FOUND = 25
const FADE = 0.15
/** Faintest i magnitude of anything. */
export const FAINT_LIMIT = 25.8
/** Brightest i magnitude of a star: brighter ones saturate in every visit. */
const BRIGHT_LIMIT = 15.5
/** Slope of the star counts at high Galactic latitudes, log10 N per mag. */
const SLOPE = 0.15

/** i magnitude from counts that rise as 10^(slope·i) and fade out at the survey's limit. */
export function countsMagnitude(random: Random, slope: number, bright: number): number {
  const span = 10 ** (slope * (FAINT_LIMIT - bright)) - 1
  for (;;) {
    const i = bright + Math.log10(1 + span * random.uniform()) / slope
    if (random.uniform() < found(i)) return i
  }
}

function found(i: number): number {
  return 1 / (1 + Math.exp((i - HALF_FOUND) / FADE))
}

/**
 * Watched stars are bright enough for a good signal in one visit and do not saturate: their share of all stars rises
 * from i = 16.5 and falls to nothing at 21.5. What they take, the others lack, so that all together follow the counts.
 */
function watchable(i: number): number {
  return Math.max(0, Math.min(1, i - 16.5, 21.5 - i))
}

/** Watched stars at most, as a share of all stars of that magnitude in a survey with Galactic latitude 42°. */
const WATCHED_SHARE = 0.57

export function watchedMagnitude(random: Random): number {
  for (;;) {
    const i = countsMagnitude(random, SLOPE, BRIGHT_LIMIT)
    if (random.uniform() < watchable(i)) return i
  }
}

/** A star that is not watched. */
export function drawStar(random: Random): PerBand {
  for (;;) {
    const i = countsMagnitude(random, SLOPE, BRIGHT_LIMIT)
    if (random.uniform() > WATCHED_SHARE * watchable(i)) return starOf(random, i)
  }
}

/**
 * A star at a high Galactic latitude: blue turn-off stars of disk and halo, M dwarfs that take over towards the faint
 * end, K stars between them, and one in a hundred a white dwarf.
 */
export function starOf(random: Random, i: number): PerBand {
  const redShare = Math.min(0.75, Math.max(0.2, 0.2 + 0.09 * (i - 16)))
  const which = random.uniform()
  let gi: number
  if (which < 0.01) gi = random.between(-0.7, 0.1)
  else if (which < 0.01 + redShare) gi = 2.45 + 0.33 * random.normal()
  else if (which < 0.11 + redShare) gi = random.between(0.6, 2.2)
  else gi = 0.52 + 0.04 * Math.max(0, 19 - i) + 0.17 * random.normal()
  return scattered(onLocus(i, Math.min(3.4, Math.max(-0.7, gi))), random)
}

/** Adds the intrinsic scatter to every band but i, in which the counts are defined. */
export function scattered(mags: [number, number, number, number, number], random: Random): PerBand {
  for (let band = 0; band < mags.length; band++) {
    if (band !== I) mags[band]! += LOCUS_SCATTER * random.normal()
  }
  return mags
}
