/** Our positions beside astropy's, in pixels. */
import type { CelestialWcs } from '../../src/fits/wcs/wcs.ts'
import { distance } from '../../src/sphere/vector.ts'
import type { WcsAnswer, WcsCase } from './astropy-wcs.ts'

const DEGREE = Math.PI / 180
const apart = (a: readonly [number, number], b: readonly [number, number]) =>
  distance(a[0] * DEGREE, a[1] * DEGREE, b[0] * DEGREE, b[1] * DEGREE)

export interface Comparison {
  /** Largest differences in pixels: sky of a pixel in the image's frame and in ICRS, and pixel of astropy's sky. */
  world: number
  icrs: number
  back: number
  /** Pixels that one of the two has on the sky and the other has not. */
  offSky: number
  compared: number
}

export function compare(wcs: CelestialWcs, { pixels }: WcsCase, answer: WcsAnswer): Comparison {
  const worst: Comparison = { world: 0, icrs: 0, back: 0, offSky: 0, compared: 0 }
  for (const [i, [x, y]] of pixels.entries()) {
    const [sky, world] = [wcs.skyOf(x, y), wcs.worldOf(x, y)]
    const [icrs, theirs] = [answer.icrs![i], answer.world![i]]
    if (!sky !== !icrs) worst.offSky++
    if (!sky || !world || !icrs || !theirs) continue
    worst.compared++
    const scale = pixelScale(wcs, x, y)
    worst.world = Math.max(worst.world, apart(world, theirs) / scale)
    worst.icrs = Math.max(worst.icrs, apart(sky, icrs) / scale)
    const [back, astropyBack] = [wcs.pixelOf(...icrs), answer.back![i]]
    const off = (p: readonly [number, number] | null | undefined) =>
      p ? Math.hypot(p[0] - x, p[1] - y) : Number.POSITIVE_INFINITY
    // Where astropy does not come back either (the edge of the map is there twice) there is nothing to compare.
    if (off(astropyBack) < 0.01 || off(back) < 0.01) worst.back = Math.max(worst.back, off(back))
  }
  return worst
}

/** Radians of a pixel near a place, in the direction where they are fewest. */
function pixelScale(wcs: CelestialWcs, x: number, y: number): number {
  const here = wcs.worldOf(x, y)!
  const step = 0.01
  const sizes = [
    [step, 0],
    [-step, 0],
    [0, step],
    [0, -step],
  ].flatMap(([dx, dy]) => {
    const there = wcs.worldOf(x + dx!, y + dy!)
    return there ? [apart(here, there) / step] : []
  })
  return Math.max(Math.min(...sizes), 1e-12)
}

/** Pixels from corner to corner of the outer edge. */
export function grid(width: number, height: number, steps: number): [number, number][] {
  const places = Array.from({ length: steps + 1 }, (_, i) => i / steps)
  return places.flatMap(v => places.map((u): [number, number] => [u * width - 0.5, v * height - 0.5]))
}
