/** Conic and polyconic projections (Paper II §5.4, §5.5): COP COE COD COO, BON PCO. */
import { asinNear, DEGREE, native, type Parameters, type Projection } from './projection.ts'

const { abs, atan, atan2, cos, hypot, log, PI, sin, sqrt, tan } = Math
const POLE = PI / 2

export function conic(code: string, pv: Parameters): Projection | undefined {
  if (!['COP', 'COE', 'COD', 'COO', 'BON', 'PCO'].includes(code)) return undefined
  if (code === 'PCO') return pco
  const thetaA = pv(1)
  if (thetaA === undefined)
    throw new RangeError(`${code} needs PV_1, the latitude of the middle of its parallels`)
  const [middle, half] = [thetaA * DEGREE, (pv(2) ?? 0) * DEGREE]
  if (code === 'BON') return bon(middle)
  if (middle === 0) throw new RangeError(`${code} with PV_1 = 0 is a cylinder`)
  if (code === 'COP') return cop(middle, half)
  if (code === 'COE') return coe(middle, half)
  if (code === 'COD') return cod(middle, half)
  return coo(middle, half)
}

/** All four are given by the constant of the cone C, and the radius of a parallel (eqs. 112–115); y0 = radius of θa. */
function cone(
  theta0: number,
  constant: number,
  radius: (theta: number) => number,
  latitude: (r: number) => number,
): Projection {
  const y0 = radius(theta0)
  return {
    theta0,
    toNative(x, y) {
      const dy = y0 - y
      const r = theta0 < 0 ? -hypot(x, dy) : hypot(x, dy)
      const alpha = r === 0 ? 0 : atan2(x / r, dy / r)
      return native(alpha / constant, latitude(r))
    },
    fromNative(phi, theta) {
      const r = radius(theta)
      if (Number.isNaN(r)) return undefined
      return [r * sin(constant * phi), y0 - r * cos(constant * phi)]
    },
  }
}

/** Perspective, eqs. 120–124. */
function cop(middle: number, half: number): Projection {
  const constant = sin(middle)
  const cosHalf = cos(half)
  if (abs(cosHalf) < 1e-15) throw new RangeError('COP with PV_2 = 90')
  const cotMiddle = 1 / tan(middle)
  return cone(
    middle,
    constant,
    theta => {
      if (abs(theta) === POLE) return theta < 0 === middle < 0 ? 0 : Number.NaN
      if (abs(cos(theta - middle)) < 1e-15) return Number.NaN
      const r = cosHalf * (cotMiddle - tan(theta - middle))
      return r * constant < 0 ? Number.NaN : r
    },
    r => middle + atan(cotMiddle - r / cosHalf),
  )
}

/** Equal area, eqs. 125–129. */
function coe(middle: number, half: number): Projection {
  const [sin1, sin2] = [sin(middle - half), sin(middle + half)]
  const gamma = sin1 + sin2
  const constant = gamma / 2
  if (constant === 0) throw new RangeError('COE with standard parallels on both sides of the equator')
  return cone(
    middle,
    constant,
    theta => (2 / gamma) * sqrt(Math.max(0, 1 + sin1 * sin2 - gamma * sin(theta))),
    r => asinNear((1 + sin1 * sin2 - (constant * r) ** 2) / gamma),
  )
}

/** Equidistant, eqs. 130–134. */
function cod(middle: number, half: number): Projection {
  const constant = half === 0 ? sin(middle) : (sin(middle) * sin(half)) / half
  const y0 = half === 0 ? 1 / tan(middle) : (half / tan(half)) * (1 / tan(middle))
  return cone(
    middle,
    constant,
    theta => middle - theta + y0,
    r => middle + y0 - r,
  )
}

/** Orthomorphic, eqs. 135–140. */
function coo(middle: number, half: number): Projection {
  const [theta1, theta2] = [middle - half, middle + half]
  const tangent = (theta: number) => tan((POLE - theta) / 2)
  const constant =
    half === 0 ? sin(theta1) : log(cos(theta2) / cos(theta1)) / log(tangent(theta2) / tangent(theta1))
  const psi = cos(theta1) / (constant * tangent(theta1) ** constant)
  if (!Number.isFinite(psi) || psi === 0) throw new RangeError('COO with PV_1 and PV_2 that give no cone')
  return cone(
    middle,
    constant,
    theta => {
      if (theta <= -POLE) return constant < 0 ? 0 : Number.NaN
      return psi * tangent(theta) ** constant
    },
    r => {
      if (r === 0) return constant < 0 ? -POLE : POLE
      return POLE - 2 * atan((r / psi) ** (1 / constant))
    },
  )
}

/** Bonne, eqs. 141–145; with θ1 = 0 it is Sanson–Flamsteed. */
function bon(theta1: number): Projection {
  if (theta1 === 0) {
    return {
      theta0: 0,
      toNative: (x, y) => (abs(y) > POLE + 1e-12 ? undefined : native(x / cos(y), y)),
      fromNative: (phi, theta) => [phi * cos(theta), theta],
    }
  }
  const y0 = 1 / tan(theta1) + theta1
  return {
    theta0: 0,
    toNative(x, y) {
      const dy = y0 - y
      const r = theta1 < 0 ? -hypot(x, dy) : hypot(x, dy)
      const alpha = r === 0 ? 0 : atan2(x / r, dy / r)
      const theta = y0 - r
      const c = cos(theta)
      return native(abs(c) < 1e-15 ? 0 : (alpha * r) / c, theta, 1e-11)
    },
    fromNative(phi, theta) {
      const r = y0 - theta
      const alpha = r === 0 ? 0 : (phi * cos(theta)) / r
      return [r * sin(alpha), y0 - r * cos(alpha)]
    },
  }
}

/** Polyconic, eqs. 146–150. */
const pco: Projection = {
  theta0: 0,
  toNative(x, y) {
    if (abs(y) < 1e-12) return native(x, 0)
    if (abs(abs(y) - POLE) < 1e-12) return abs(x) < 1e-12 ? [0, y] : undefined
    const theta = polyconicLatitude(x, y)
    const rest = y - theta
    const t = tan(theta)
    const psi = atan2(x * t, 1 - rest * t)
    return native(psi / sin(theta), theta)
  },
  fromNative(phi, theta) {
    const s = sin(theta)
    if (abs(s) < 1e-9) return [phi, theta * (1 + (phi * phi) / 2)]
    const cot = cos(theta) / s
    return [cot * sin(phi * s), theta + cot * (1 - cos(phi * s))]
  },
}

/** θ between 0 and y, or the pole, where x² + (y − θ)² = 2 (y − θ) cot θ. */
function polyconicLatitude(x: number, y: number): number {
  const f = (theta: number) => x * x + (y - theta) * (y - theta - 2 / tan(theta))
  let [inside, outside] = [abs(y) < POLE ? y : Math.sign(y) * POLE, 0]
  for (let i = 0; i < 100; i++) {
    const middle = (inside + outside) / 2
    if (middle === inside || middle === outside) break
    if (f(middle) > 0) inside = middle
    else outside = middle
  }
  return (inside + outside) / 2
}
