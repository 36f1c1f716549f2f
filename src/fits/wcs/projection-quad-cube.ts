/** Quadrilateralised spherical cubes (Paper II §5.6): TSC CSC QSC. The sky on the six faces of a cube, laid out flat. */
import { DEGREE, type Projection } from './projection.ts'

const { abs, asin, atan, atan2, cos, hypot, PI, sign, sin, sqrt, SQRT1_2 } = Math

/** Right, up and outward axes of a face in native directions, and its middle in the plane in units of 45°. */
interface Face {
  readonly right: readonly [number, number, number]
  readonly up: readonly [number, number, number]
  readonly out: readonly [number, number, number]
  readonly at: readonly [number, number]
}

const FACES: readonly Face[] = [
  { right: [0, 1, 0], up: [-1, 0, 0], out: [0, 0, 1], at: [0, 2] },
  { right: [0, 1, 0], up: [0, 0, 1], out: [1, 0, 0], at: [0, 0] },
  { right: [-1, 0, 0], up: [0, 0, 1], out: [0, 1, 0], at: [2, 0] },
  { right: [0, -1, 0], up: [0, 0, 1], out: [-1, 0, 0], at: [4, 0] },
  { right: [1, 0, 0], up: [0, 0, 1], out: [0, -1, 0], at: [6, 0] },
  { right: [0, 1, 0], up: [1, 0, 0], out: [0, 0, -1], at: [0, -2] },
]

/** A place on a face, −1 to 1 both ways, from a direction (ξ, η, ζ) in its axes with ζ the largest; and back. */
interface OnFace {
  place(xi: number, eta: number, zeta: number): readonly [u: number, v: number]
  direction(u: number, v: number): readonly [xi: number, eta: number, zeta: number]
}

export function quadCube(code: string): Projection | undefined {
  const onFace = code === 'TSC' ? tangential : code === 'CSC' ? cobe : code === 'QSC' ? equalArea : undefined
  return onFace && cube(onFace)
}

function cube({ place, direction }: OnFace): Projection {
  return {
    theta0: 0,
    toNative(x, y) {
      const [u, v] = [x / (45 * DEGREE), y / (45 * DEGREE)]
      if (abs(u) <= 1 ? abs(v) > 3 : abs(u) > 7 || abs(v) > 1) return undefined
      const right = u < -1 ? u + 8 : u
      const face = FACES[faceAt(right, v)]!
      const [xi, eta, zeta] = direction(right - face.at[0], v - face.at[1])
      const part = (i: 0 | 1 | 2) => xi * face.right[i] + eta * face.up[i] + zeta * face.out[i]
      const [l, m, n] = [part(0), part(1), part(2)]
      return [l === 0 && m === 0 ? 0 : atan2(m, l), atan2(n, hypot(l, m))]
    },
    fromNative(phi, theta) {
      const direction = [cos(theta) * cos(phi), cos(theta) * sin(phi), sin(theta)] as const
      const along = (axis: Face['out']) =>
        direction[0] * axis[0] + direction[1] * axis[1] + direction[2] * axis[2]
      const face = FACES.reduce((best, other) => (along(other.out) > along(best.out) ? other : best))
      const [u, v] = place(along(face.right), along(face.up), along(face.out))
      const within = (w: number) => Math.max(-1, Math.min(1, w))
      return [(within(u) + face.at[0]) * 45 * DEGREE, (within(v) + face.at[1]) * 45 * DEGREE]
    },
  }
}

function faceAt(u: number, v: number): number {
  if (u > 5) return 4
  if (u > 3) return 3
  if (u > 1) return 2
  return v > 1 ? 0 : v < -1 ? 5 : 1
}

/** Gnomonic on every face. */
const tangential: OnFace = {
  place: (xi, eta, zeta) => [xi / zeta, eta / zeta],
  direction(u, v) {
    const zeta = 1 / sqrt(1 + u * u + v * v)
    return [u * zeta, v * zeta, zeta]
  },
}

/** The two COBE polynomials, which are each other's inverse to 24″ only (Chan & O'Neill 1975). */
const cobe: OnFace = {
  place(xi, eta, zeta) {
    const [chi, psi] = [xi / zeta, eta / zeta]
    return [cobeForward(chi, psi), cobeForward(psi, chi)]
  },
  direction: (u, v) => tangential.direction(cobeBack(u, v), cobeBack(v, u)),
}

function cobeForward(chi: number, psi: number): number {
  const [c2, p2] = [chi * chi, psi * psi]
  const [cRest, pRest] = [1 - c2, 1 - p2]
  const cross =
    0.141189631152 +
    0.0809701286525 * c2 -
    0.281528535557 * p2 +
    0.15384112876 * c2 * p2 -
    0.178251207466 * c2 * c2 +
    0.106959469314 * p2 * p2
  const first = 1.37484847732 + p2 * (-0.13161671474 * cRest + 0.004869491981 * c2 + pRest * cross)
  const second = c2 * (-0.159596235474 - cRest * (0.0759196200467 - 0.0217762490699 * c2))
  return chi * (c2 + cRest * (first + second))
}

/** Coefficients of X^2i Y^2j, row j. */
const COBE_BACK = [
  [-0.27292696, -0.07629969, -0.22797056, 0.54852384, -0.62930065, 0.25795794, 0.02584375],
  [-0.02819452, -0.01471565, 0.48051509, -1.74114454, 1.71547508, -0.53022337],
  [0.2705816, -0.56800938, 0.30803317, 0.98938102, -0.83180469],
  [-0.6044156, 1.50880086, -0.93678576, 0.08693841],
  [0.93412077, -1.4160192, 0.33887446],
  [-0.63915306, 0.52032238],
  [0.14381585],
] as const

function cobeBack(u: number, v: number): number {
  const [u2, v2] = [u * u, v * v]
  const sum = COBE_BACK.reduceRight(
    (outer, row) => outer * v2 + row.reduceRight((inner: number, c) => inner * u2 + c, 0),
    0,
  )
  return u + u * (1 - u2) * sum
}

/** Equal area (O'Neill & Laubscher 1976). */
const equalArea: OnFace = {
  place(xi, eta, zeta) {
    // 1 − ζ without loss of digits.
    const rest = (xi * xi + eta * eta) / (1 + zeta)
    if (rest === 0) return [0, 0]
    if (abs(xi) > abs(eta)) return equalAreaPlace(xi, eta, rest)
    const [v, u] = equalAreaPlace(eta, xi, rest)
    return [u, v]
  },
  direction(u, v) {
    if (u === 0 && v === 0) return [0, 0, 1]
    if (abs(u) > abs(v)) return equalAreaDirection(u, v)
    const [eta, xi, zeta] = equalAreaDirection(v, u)
    return [xi, eta, zeta]
  },
}

function equalAreaPlace(major: number, minor: number, rest: number): [number, number] {
  const omega = minor / major
  const tau = 1 + omega * omega
  const first = sign(major) * sqrt(rest / (1 - 1 / sqrt(1 + tau)))
  return [first, (first / (PI / 12)) * (atan(omega) - asin(omega / sqrt(2 * tau)))]
}

function equalAreaDirection(first: number, second: number): [number, number, number] {
  const angle = ((PI / 12) * second) / first
  const omega = sin(angle) / (cos(angle) - SQRT1_2)
  const tau = 1 + omega * omega
  const rest = first * first * (1 - 1 / sqrt(1 + tau))
  const major = sign(first) * sqrt((rest * (2 - rest)) / tau)
  return [major, major * omega, 1 - rest]
}
