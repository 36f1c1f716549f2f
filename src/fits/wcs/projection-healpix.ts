/** HEALPix as a map projection, HPX, and its butterfly around a pole, XPH (Calabretta & Roukema 2007, MNRAS 381, 865). */
import { asinNear, DEGREE, native, type Parameters, type Projection } from './projection.ts'

const { abs, asin, floor, PI, sign, sin, sqrt } = Math

export function healpix(code: string, pv: Parameters): Projection | undefined {
  if (code === 'HPX') return hpx(pv(1) ?? 4, pv(2) ?? 3)
  return code === 'XPH' ? xph : undefined
}

/** H facets around the equator, K rows (eqs. 1–9 there). */
function hpx(h: number, k: number): Projection {
  if (!(h > 0 && k > 0)) throw new RangeError('HPX with PV_1 or PV_2 that is not positive')
  const equatorial = (k - 1) / k
  /** y at the pole's row, and where the polar regions begin. */
  const [scale, edge, top] = [(PI * k) / (2 * h), (PI * (k - 1)) / (2 * h), (PI * (k + 1)) / (2 * h)]
  const half = PI / h
  const oddRows = Math.round(k) % 2 === 1
  const oddFacets = Math.round(h) % 2
  /** Middle of the polar facet of a longitude. */
  const middle = (phi: number, south: boolean): number => {
    const facet = -PI + (2 * floor(((phi + PI) * h) / (2 * PI)) + 1) * half
    if (oddRows || !south) return facet
    return facet + ((floor(phi / half) + oddFacets) % 2 === 0 ? half : -half)
  }
  return {
    theta0: 0,
    toNative(x, y) {
      if (abs(y) <= edge) return native(x, asin(y / scale))
      if (abs(y) > top + 1e-13) return undefined
      const center = middle(x, y < 0)
      const sigma = Math.max((k + 1) / 2 - (abs(y) * h) / PI, 0)
      const theta = sign(y) * asinNear(1 - (sigma * sigma) / k)
      if (sigma === 0) return abs(x - center) < 1e-12 ? native(center, theta) : undefined
      const offset = (x - center) / sigma
      // Between the facets' points there is no sky.
      return abs(offset) > half + 1e-12 ? undefined : native(center + offset, theta)
    },
    fromNative(phi, theta) {
      const s = sin(theta)
      if (abs(s) <= equatorial) return [phi, scale * s]
      const center = middle(phi, theta < 0)
      const sigma = sqrt(k * (1 - abs(s)))
      const x = center + (phi - center) * sigma
      return [x > PI ? x - 2 * PI : x, sign(theta) * half * ((k + 1) / 2 - sigma)]
    },
  }
}

/** Four quarters of the sky, turned by 45° so that they meet in the pole. */
const xph: Projection = {
  theta0: PI / 2,
  toNative(x, y) {
    const [xr, yr] = [x / Math.SQRT2, y / Math.SQRT2]
    let [xi, eta, phi] = [-xr + yr, -xr - yr, PI / 2]
    if (xr <= 0 && yr > 0) [xi, eta, phi] = [-xr - yr, xr - yr, -PI]
    else if (xr < 0 && yr <= 0) [xi, eta, phi] = [xr - yr, xr + yr, -PI / 2]
    else if (xr >= 0 && yr < 0) [xi, eta, phi] = [xr + yr, -xr + yr, 0]
    eta += PI / 2
    if (abs(eta) > PI / 2) return undefined
    if (abs(eta) <= PI / 4) {
      if (abs(xi) > PI / 4 + 1e-12) return undefined
      return native(phi + xi + PI / 4, asin(eta / (67.5 * DEGREE)))
    }
    const sigma = (PI / 2 - abs(eta)) / (PI / 4)
    // On the meridians between quarters xi / sigma has lost its sign.
    if (sigma === 0) return [0, PI / 2]
    if (abs(xi) > sigma * (PI / 4) + 1e-12) return undefined
    // asin(1 − σ²/3) without loss of digits near the pole.
    const colatitude = 2 * asin(sigma / sqrt(6))
    return native(phi + PI / 4 + xi / sigma, sign(eta) * (PI / 2 - colatitude))
  },
  fromNative(phi, theta) {
    const turned = ((((phi + PI) % (2 * PI)) + 2 * PI) % (2 * PI)) - PI
    const quarter = floor(turned / (PI / 2))
    const psi = turned - (quarter * PI) / 2 - PI / 4
    const s = sin(theta)
    let [xi, eta] = [psi, 67.5 * DEGREE * s]
    if (abs(s) > 2 / 3) {
      const sigma = sqrt(6) * sin((PI / 2 - abs(theta)) / 2)
      xi = psi * sigma
      eta = sign(theta) * (PI / 4) * (2 - sigma)
    }
    eta -= PI / 2
    const [x, y] = (
      [
        [-xi + eta, -xi - eta],
        [xi + eta, -xi + eta],
        [xi - eta, xi + eta],
        [-xi - eta, xi - eta],
      ] as const
    )[quarter + 2]!
    return [x / Math.SQRT2, y / Math.SQRT2]
  },
}
