/** Zenithal projections (Paper II §5.1): AZP SZP TAN STG SIN ARC ZPN ZEA AIR; reference point at the native pole. */
import { asinNear, DEGREE, native, type Parameters, type Projection } from './projection.ts'

const POLE = Math.PI / 2

export function zenithal(code: string, pv: Parameters): Projection | undefined {
  switch (code) {
    case 'TAN':
      return radial(
        theta => (theta > 0 ? Math.cos(theta) / Math.sin(theta) : Number.NaN),
        r => Math.atan2(1, r),
      )
    case 'STG':
      return radial(
        theta => (theta > -POLE ? 2 * Math.tan((POLE - theta) / 2) : Number.NaN),
        r => POLE - 2 * Math.atan(r / 2),
      )
    case 'ARC':
      return radial(
        theta => POLE - theta,
        r => POLE - r,
      )
    case 'ZEA':
      return radial(
        theta => 2 * Math.sin((POLE - theta) / 2),
        r => POLE - 2 * asinNear(r / 2),
      )
    case 'SIN':
      return sin(pv(1) ?? 0, pv(2) ?? 0)
    case 'ZPN':
      return zpn(pv)
    case 'AIR':
      return air((pv(1) ?? 90) * DEGREE)
    case 'AZP':
      return azp(pv(1) ?? 0, (pv(2) ?? 0) * DEGREE)
    case 'SZP':
      return szp(pv(1) ?? 0, (pv(2) ?? 0) * DEGREE, (pv(3) ?? 90) * DEGREE)
    default:
      return undefined
  }
}

/** Projections where the distance from the pole depends on θ only: eqs. 12–15. NaN stands for what is not shown. */
function radial(radius: (theta: number) => number, latitude: (r: number) => number): Projection {
  return {
    theta0: POLE,
    toNative: (x, y) => native(azimuth(x, y), latitude(Math.hypot(x, y))),
    fromNative(phi, theta) {
      const r = radius(theta)
      return Number.isNaN(r) ? undefined : [r * Math.sin(phi), -r * Math.cos(phi)]
    },
  }
}

const azimuth = (x: number, y: number) => (x === 0 && y === 0 ? 0 : Math.atan2(x, -y))

/** Orthographic, or slant orthographic ("synthesis", eqs. 59–66). */
function sin(xi: number, eta: number): Projection {
  const slant = xi * xi + eta * eta
  if (slant === 0) {
    return radial(
      theta => (theta >= 0 ? Math.cos(theta) : Number.NaN),
      r => (r < 0.7 ? Math.acos(r) : asinNear(Math.sqrt(1 - r * r))),
    )
  }
  return {
    theta0: POLE,
    toNative(x, y) {
      const z = oneMinusSin(x * x + y * y, x * xi + y * eta, slant)
      return z === undefined ? undefined : [azimuth(x - xi * z, y - eta * z), latitudeOf(z)]
    },
    fromNative(phi, theta) {
      // Beyond the limb the same place shows the near side (eq. 66).
      if (theta < -Math.atan(xi * Math.sin(phi) - eta * Math.cos(phi))) return undefined
      const z = 2 * Math.sin((POLE - theta) / 2) ** 2
      const c = Math.cos(theta)
      return [c * Math.sin(phi) + xi * z, -c * Math.cos(phi) + eta * z]
    },
  }
}

/**
 * z = 1 − sin θ closest to the pole, where the plane point less z times a slant is at distance cos θ:
 * (1 + slant) z² − 2 (1 + along) z + r² = 0, solved without cancellation.
 */
function oneMinusSin(r2: number, along: number, slant: number): number | undefined {
  const discriminant = (1 + along) ** 2 - (1 + slant) * r2
  if (discriminant < 0) return undefined
  const z = r2 / (1 + along + Math.sqrt(discriminant))
  return z >= 0 && z <= 2 ? z : undefined
}

const latitudeOf = (z: number) => POLE - 2 * Math.asin(Math.sqrt(z / 2))

/** Slant zenithal perspective (eqs. 31–40), from a point at distance μ over (φc, θc). */
function szp(mu: number, phiC: number, thetaC: number): Projection {
  const xp = -mu * Math.cos(thetaC) * Math.sin(phiC)
  const yp = mu * Math.cos(thetaC) * Math.cos(phiC)
  const zp = mu * Math.sin(thetaC) + 1
  if (zp === 0) throw new RangeError('SZP with PV_1 and PV_3 that put the point of projection on the plane')
  const lowest = Math.abs(zp - 1) < 1 ? Math.asin(1 - zp) : -POLE
  return {
    theta0: POLE,
    toNative(x, y) {
      const [x1, y1] = [(x - xp) / zp, (y - yp) / zp]
      const z = oneMinusSin(x * x + y * y, x * x1 + y * y1, x1 * x1 + y1 * y1)
      return z === undefined ? undefined : [azimuth(x - x1 * z, y - y1 * z), latitudeOf(z)]
    },
    fromNative(phi, theta) {
      const s = 2 * Math.sin((POLE - theta) / 2) ** 2
      const t = zp - s
      if (t === 0 || theta < lowest) return undefined
      const [sinPhi, cosPhi] = [Math.sin(phi), Math.cos(phi)]
      if (Math.abs(mu) > 1 && theta < limb(xp * sinPhi - yp * cosPhi, zp - 1, (zp - 1) * zp - 1))
        return undefined
      const r = (zp * Math.cos(theta)) / t
      return [r * sinPhi - (xp * s) / t, -r * cosPhi - (yp * s) / t]
    },
  }
}

/** The native latitude below which the near side hides the sphere (eq. 40), in the form that wcslib has it. */
function limb(s: number, z: number, w: number): number {
  const t = 1 / Math.sqrt(w + s * s)
  return Math.abs(t) <= 1 ? higher(Math.atan2(s, z), Math.asin(t)) : Number.NEGATIVE_INFINITY
}

/** The higher of the two latitudes s − t and s + t + π. */
function higher(s: number, t: number): number {
  const wrapped = (angle: number) => (angle > POLE ? angle - 2 * Math.PI : angle)
  return Math.max(wrapped(s - t), wrapped(s + t + Math.PI))
}

/** Zenithal perspective (eqs. 20–30), the plane tilted by γ. */
function azp(mu: number, gamma: number): Projection {
  const [sinGamma, cosGamma] = [Math.sin(gamma), Math.cos(gamma)]
  if (mu === -1 || Math.abs(cosGamma) < 1e-15) throw new RangeError('AZP with PV_1 = -1 or PV_2 = 90')
  const tanGamma = sinGamma / cosGamma
  const lowest = Math.abs(mu) > 1 ? Math.asin(-1 / mu) : -POLE
  return {
    theta0: POLE,
    toNative(x, y) {
      const yc = y * cosGamma
      const r = Math.hypot(x, yc)
      if (r === 0) return [0, POLE]
      const s = r / (mu + 1 + y * sinGamma)
      const t = asinNear((s * mu) / Math.hypot(s, 1))
      return native(Math.atan2(x, -yc), higher(Math.atan2(1, s), t))
    },
    fromNative(phi, theta) {
      const s = tanGamma * Math.cos(phi)
      const t = mu + Math.sin(theta) + Math.cos(theta) * s
      if (t === 0 || theta < lowest) return undefined
      if (Math.abs(mu * cosGamma) < 1) {
        const u = mu / Math.sqrt(1 + s * s)
        if (Math.abs(u) <= 1 && theta < higher(Math.atan(-s), Math.asin(u))) return undefined
      }
      const r = ((mu + 1) * Math.cos(theta)) / t
      return [r * Math.sin(phi), (-r * Math.cos(phi)) / cosGamma]
    },
  }
}

/** Zenithal polynomial (eqs. 52–54): R = Σ P_m ζ^m of the zenith distance ζ, up to where it stops growing. */
function zpn(pv: Parameters): Projection {
  const coefficients = Array.from({ length: 30 }, (_, m) => pv(m) ?? 0)
  while (coefficients.at(-1) === 0) coefficients.pop()
  const degree = coefficients.length - 1
  if (degree < 1) throw new RangeError('ZPN without PV_1 or higher parameters')
  const radius = (zeta: number) => coefficients.reduceRight((sum, c) => sum * zeta + c, 0)
  const slope = (zeta: number) =>
    coefficients.reduceRight((sum, c, m) => (m === 0 ? sum : sum * zeta + m * c), 0)
  if (slope(0) <= 0) throw new RangeError('ZPN with PV_1 that is not positive')
  const last = degree === 1 ? Math.PI : turningPoint(slope)
  const farthest = radius(last)
  return radial(
    theta => (POLE - theta <= last ? radius(POLE - theta) : Number.NaN),
    r => {
      if (r < coefficients[0]! - 1e-13 || r > farthest + 1e-13) return Number.NaN
      return POLE - bisection(zeta => radius(zeta) - r, 0, last)
    },
  )
}

/** Where a slope that begins positive first is not; π if that is nowhere. */
function turningPoint(slope: (zeta: number) => number): number {
  for (let step = 1; step < 180; step++) {
    if (slope(step * DEGREE) <= 0) return bisection(zeta => -slope(zeta), (step - 1) * DEGREE, step * DEGREE)
  }
  return Math.PI
}

/** Where a function that grows from at most 0 to at least 0 crosses it. */
function bisection(f: (x: number) => number, from: number, to: number): number {
  let [low, high] = [from, to]
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (f(middle) > 0) high = middle
    else low = middle
  }
  return (low + high) / 2
}

/** Airy (eqs. 70–73). */
function air(thetaB: number): Projection {
  const xiB = (POLE - thetaB) / 2
  const c = thetaB === POLE ? -0.5 : Math.log(Math.cos(xiB)) / Math.tan(xiB) ** 2
  if (!(thetaB > -POLE && thetaB <= POLE)) throw new RangeError('AIR with PV_1 that is not a latitude')
  const radius = (xi: number) =>
    xi < 1e-4 ? xi * (1 - 2 * c) : -2 * (Math.log(Math.cos(xi)) / Math.tan(xi) + c * Math.tan(xi))
  return radial(
    theta => (theta > -POLE ? radius((POLE - theta) / 2) : Number.NaN),
    r => {
      const last = POLE - 1e-9
      return r > radius(last) ? Number.NaN : POLE - 2 * bisection(xi => radius(xi) - r, 0, last)
    },
  )
}
