/** Cylindrical and pseudocylindrical projections (Paper II §5.2, §5.3): CYP CEA CAR MER SFL PAR MOL AIT. */
import { asinNear, native, type Parameters, type Plane, type Projection } from './projection.ts'

const { abs, asin, atan, atan2, cos, exp, hypot, log, PI, sign, sin, sqrt, SQRT2, tan } = Math

export function cylindrical(code: string, pv: Parameters): Projection | undefined {
  switch (code) {
    case 'CYP':
      return cyp(pv(1) ?? 1, pv(2) ?? 1)
    case 'CEA': {
      const lambda = pv(1) ?? 1
      if (!(lambda > 0 && lambda <= 1)) throw new RangeError('CEA with PV_1 that is not between 0 and 1')
      return equatorial(
        (x, y) => native(x, asinNear(lambda * y)),
        (phi, theta) => [phi, sin(theta) / lambda],
      )
    }
    case 'CAR':
      return equatorial(native, (phi, theta) => [phi, theta])
    case 'MER':
      return equatorial(
        (x, y) => native(x, 2 * atan(exp(y)) - PI / 2),
        (phi, theta) => (abs(theta) < PI / 2 ? [phi, log(tan(PI / 4 + theta / 2))] : undefined),
      )
    case 'SFL':
      return sfl
    case 'PAR':
      return par
    case 'MOL':
      return mol
    case 'AIT':
      return ait
    default:
      return undefined
  }
}

function equatorial(toNative: Projection['toNative'], fromNative: Projection['fromNative']): Projection {
  return { theta0: 0, toNative: (x, y) => toNative(x, y), fromNative }
}

/** Cylindrical perspective, eqs. 77–80. */
function cyp(mu: number, lambda: number): Projection {
  if (lambda === 0 || mu + lambda === 0) throw new RangeError('CYP with PV_2 or PV_1 + PV_2 that is 0')
  return equatorial(
    (x, y) => {
      const eta = y / (mu + lambda)
      return native(x / lambda, atan(eta) + asinNear((eta * mu) / hypot(eta, 1)))
    },
    (phi, theta) => {
      const t = mu + cos(theta)
      return t === 0 ? undefined : [lambda * phi, ((mu + lambda) * sin(theta)) / t]
    },
  )
}

/** Sanson–Flamsteed, eqs. 91–94. */
const sfl = equatorial(
  (x, y) => {
    const c = cos(y)
    if (abs(y) > PI / 2 + 1e-12) return undefined
    return c <= 1e-15 ? (abs(x) < 1e-12 ? [0, sign(y) * (PI / 2)] : undefined) : native(x / c, y)
  },
  (phi, theta) => [phi * cos(theta), theta],
)

/** Parabolic, eqs. 95–98. */
const par = equatorial(
  (x, y) => {
    const s = y / PI
    if (abs(s) > 0.5 + 1e-12) return undefined
    const width = 1 - 4 * s * s
    const phi = width < 1e-13 ? (abs(x) < 1e-12 ? 0 : Number.NaN) : x / width
    return native(phi, 3 * asin(s))
  },
  (phi, theta) => {
    const s = sin(theta / 3)
    return [phi * (1 - 4 * s * s), PI * s]
  },
)

/** Mollweide, eqs. 99–105. */
const mol = equatorial(
  (x, y) => {
    const sinGamma = y / SQRT2
    const gamma = asinNear(sinGamma)
    const width = (2 * SQRT2 * cos(gamma)) / PI
    const phi = width < 1e-12 ? (abs(x) < 1e-12 ? 0 : Number.NaN) : x / width
    return native(phi, asinNear((2 * gamma + sin(2 * gamma)) / PI), 1e-11)
  },
  (phi, theta): Plane => {
    const gamma = mollweideAngle(theta)
    return [((2 * SQRT2) / PI) * phi * cos(gamma), SQRT2 * sin(gamma)]
  },
)

/** γ of 2γ + sin 2γ = π sin θ, by bisection, which does not fail at the poles. */
function mollweideAngle(theta: number): number {
  if (abs(theta) >= PI / 2) return sign(theta) * (PI / 2)
  const target = PI * sin(theta)
  let [low, high] = [-PI, PI]
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (middle + sin(middle) > target) high = middle
    else low = middle
  }
  return (low + high) / 4
}

/** Hammer–Aitoff, eqs. 106–110. */
const ait = equatorial(
  (x, y) => {
    const z2 = 1 - (x / 4) ** 2 - (y / 2) ** 2
    if (z2 < 0.5 - 1e-13) return undefined
    const z = sqrt(Math.max(z2, 0.5))
    return native(2 * atan2((z * x) / 2, 2 * z * z - 1), asinNear(y * z))
  },
  (phi, theta) => {
    const gamma = sqrt(2 / (1 + cos(theta) * cos(phi / 2)))
    return [2 * gamma * cos(theta) * sin(phi / 2), gamma * sin(theta)]
  },
)
