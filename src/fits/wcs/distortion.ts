/** Distortions as maps of a plane onto itself, and their inverse. */
import { determinant, inverse, type Matrix2, times } from './linear.ts'
import type { Plane } from './projection.ts'

export type PlaneMap = (p: Plane) => Plane

/** Pixels, or degrees near the reference point, that two steps may differ in at the end. */
const STEPS = 50

/**
 * The point that a map brings to `target`, by Newton's method with differences of width `step`, from `start`;
 * undefined when it does not get there within `tolerance`, for instance where a polynomial folds over.
 */
export function invert(
  map: PlaneMap,
  target: Plane,
  start: Plane,
  step: number,
  tolerance: number,
): Plane | undefined {
  let p = start
  let off = difference(map(p), target)
  for (let i = 0; i < STEPS && size(off) > tolerance; i++) {
    const slope = jacobian(map, p, step)
    if (!(Math.abs(determinant(slope)) > 1e-9)) return undefined
    const [dx, dy] = times(inverse(slope), off)
    // Half steps until it comes closer: far out, where high powers rule, whole ones overshoot.
    let [shorter, next, rest] = [1, p, off]
    do {
      next = [p[0] - shorter * dx, p[1] - shorter * dy]
      rest = difference(map(next), target)
      shorter /= 2
    } while (!(size(rest) < size(off)) && shorter > 1e-3)
    if (!(size(rest) < size(off))) break
    p = next
    off = rest
  }
  return size(off) <= 1000 * tolerance ? p : undefined
}

const difference = (a: Plane, b: Plane): Plane => [a[0] - b[0], a[1] - b[1]]
const size = (p: Plane) => Math.hypot(p[0], p[1])

function jacobian(map: PlaneMap, [x, y]: Plane, step: number): Matrix2 {
  const [right, left] = [map([x + step, y]), map([x - step, y])]
  const [up, down] = [map([x, y + step]), map([x, y - step])]
  const by = 2 * step
  return [
    [(right[0] - left[0]) / by, (up[0] - down[0]) / by],
    [(right[1] - left[1]) / by, (up[1] - down[1]) / by],
  ]
}
