/** TPV: polynomials of the plane of projection in PVi_m, then TAN (FITS registry, "The TPV World Coordinate System"). */
import type { PlaneMap } from './distortion.ts'

/** Powers of ξ and η of the terms m; the others (3, 11, 23, 39) are powers of r. */
const POWERS: (readonly [number, number] | undefined)[] = []
const RADIAL: Readonly<Record<number, number>> = { 3: 1, 11: 3, 23: 5, 39: 7 }
for (let degree = 0, m = 0; degree <= 7; degree++) {
  for (let q = 0; q <= degree; q++) POWERS[m++] = [degree - q, q]
  if (degree % 2 === 1) POWERS[m++] = undefined
}

type Coefficients = ReadonlyMap<number, number>

/** Degrees in, degrees out. PVi_1 is 1 unless it says something else, the other coefficients 0. */
export function tpvOf(lon: Coefficients, lat: Coefficients): PlaneMap {
  const [f, g] = [polynomial(lon), polynomial(lat)]
  return ([xi, eta]) => [f(xi, eta), g(eta, xi)]
}

function polynomial(coefficients: Coefficients): (x: number, y: number) => number {
  const highest = Math.max(0, ...coefficients.keys())
  if (highest > 39) throw new RangeError(`PVi_${highest} is no coefficient of TPV; the last is 39`)
  const c = Array.from({ length: 40 }, (_, m) => coefficients.get(m) ?? (m === 1 ? 1 : 0))
  const terms = c.flatMap((value, m) =>
    value === 0 ? [] : [{ value, powers: POWERS[m], radial: RADIAL[m] }],
  )
  return (x, y) => {
    let sum = 0
    for (const { value, powers, radial } of terms) {
      sum += value * (powers ? x ** powers[0] * y ** powers[1] : Math.hypot(x, y) ** radial!)
    }
    return sum
  }
}
