/**
 * Celestial reference frames as rotations from ICRS; angles in radians. The numbers are those of astropy.coordinates,
 * so that images are placed where its users place them.
 */
import { cross, dot, type Vector } from './vector.ts'

/** Rows are the axes of a frame. */
export type Matrix = readonly [Vector, Vector, Vector]

/** A frame that images are given in. Equinoxes are Julian years, those of FK4 Besselian. */
export type Frame =
  | { readonly name: 'ICRS' | 'GALACTIC' | 'SUPERGALACTIC' }
  | { readonly name: 'FK5' | 'FK4' | 'FK4-NO-E' | 'ECLIPTIC'; readonly equinox: number }

/** Directions from a frame to ICRS, and back. */
export interface FrameChange {
  toIcrs(v: Vector): Vector
  fromIcrs(v: Vector): Vector
}

const DEGREE = Math.PI / 180
const ARCSEC = DEGREE / 3600
const MAS = ARCSEC / 1000

/** Turns the axes about one of them by an angle: coordinates in the turned frame from those in the old one. */
export function turn(about: 'x' | 'y' | 'z', angle: number): Matrix {
  const [c, s] = [Math.cos(angle), Math.sin(angle)]
  if (about === 'x') {
    return [
      [1, 0, 0],
      [0, c, s],
      [0, -s, c],
    ]
  }
  if (about === 'y') {
    return [
      [c, 0, -s],
      [0, 1, 0],
      [s, 0, c],
    ]
  }
  return [
    [c, s, 0],
    [-s, c, 0],
    [0, 0, 1],
  ]
}

export function apply(m: Matrix, v: Vector): Vector {
  return [dot(m[0], v), dot(m[1], v), dot(m[2], v)]
}

export function transposed([a, b, c]: Matrix): Matrix {
  return [
    [a[0], b[0], c[0]],
    [a[1], b[1], c[1]],
    [a[2], b[2], c[2]],
  ]
}

/** The rotations one after the other, the last one first. */
export function product(...matrices: readonly Matrix[]): Matrix {
  return matrices.reduce((a, b) => {
    const columns = transposed(b)
    return [apply(columns, a[0]), apply(columns, a[1]), apply(columns, a[2])]
  })
}

const IDENTITY = turn('z', 0)

/** ICRS to FK5 J2000: USNO Circular 179, eq. 3.4. */
const ICRS_TO_FK5 = product(turn('x', 19.9 * MAS), turn('y', 9.1 * MAS), turn('z', -22.9 * MAS))

/** FK5 J2000 to Galactic: the IAU 1958 pole of B1950 brought to J2000 (Reid & Brunthaler 2004, ApJ 616, 872). */
const FK5_TO_GALACTIC = product(
  turn('z', Math.PI - 122.9319185680026 * DEGREE),
  turn('y', Math.PI / 2 - 27.12825118085622 * DEGREE),
  turn('z', 192.8594812065348 * DEGREE),
)

/** Lahav et al. 2000, MNRAS 312, 166: pole at l = 47.37°, b = 6.32°. */
const GALACTIC_TO_SUPERGALACTIC = product(
  turn('z', Math.PI / 2),
  turn('y', (90 - 6.32) * DEGREE),
  turn('z', 47.37 * DEGREE),
)

/** Mean equator and equinox of J2000 to those of another Julian year: Capitaine et al. 2003, USNO Circular 179. */
function precessionFromJ2000(equinox: number): Matrix {
  if (equinox === 2000) return IDENTITY
  const t = (equinox - 2000) / 100
  const angle = (...c: number[]) => c.reduceRight((sum, x) => sum * t + x, 0) * ARCSEC
  const zeta = angle(2.650545, 2306.083227, 0.2988499, 0.01801828, -0.000005971, -0.0000003173)
  const z = angle(-2.650545, 2306.077181, 1.0927348, 0.01826837, -0.000028596, -0.0000002904)
  const theta = angle(0, 2004.191903, -0.4294934, -0.04182264, -0.000007089, -0.0000001274)
  return product(turn('z', -z), turn('y', theta), turn('z', -zeta))
}

/** FK4 from one Besselian year to another: Newcomb's constants (Kinoshita 1975). */
function besselianPrecession(from: number, to: number): Matrix {
  if (from === to) return IDENTITY
  const t = (from - 1850) / 1000
  const dt = (to - from) / 1000
  const first = 23035.545 + t * (139.72 + 0.06 * t)
  const zeta = dt * (first + dt * (30.24 - 0.27 * t + dt * 17.995))
  const z = dt * (first + dt * (109.48 + 0.39 * t + dt * 18.325))
  const theta = dt * (20051.12 - t * (85.29 + 0.37 * t) + dt * (-42.65 - 0.37 * t + dt * -41.8))
  return product(turn('z', -z * ARCSEC), turn('y', theta * ARCSEC), turn('z', -zeta * ARCSEC))
}

/** FK4 B1950 without its elliptic terms to FK5 J2000, for positions of a Julian year: Murray 1989, A&A 218, 325. */
function fk4ToFk5(julianYear: number): Matrix {
  const t = ((julianYear - 1950) / 100) * 1e-6
  const m = (a: number, b: number) => a + b * t
  return [
    [
      m(0.9999256794956877, -0.0026455262),
      m(-0.0111814832204662, -1.1539918689),
      m(-0.0048590038153592, 2.111134619),
    ],
    [
      m(0.0111814832391717, 1.1540628161),
      m(0.9999374848933135, -0.0129042997),
      m(-0.0000271625947142, 0.0236021478),
    ],
    [
      m(0.0048590037723143, -2.1112979048),
      m(-0.000027170293744, -0.0056024448),
      m(0.9999881946023742, 0.0102587734),
    ],
  ]
}

/** Julian day of a Besselian year. */
const besselianDay = (year: number) => 2415020.31352 + (year - 1900) * 365.242198781

/** The elliptic terms of aberration that FK4 positions contain: Explanatory Supplement 1992, §3.53. */
function ellipticTerms(equinox: number): Vector {
  const t = (besselianDay(equinox) - 2433282.423) / 36525
  const eccentricity = 0.01673011 - t * (0.00004193 + 0.000000126 * t)
  const perigee = 1015489.951 + t * (6190.67 + t * (1.65 + 0.012 * t))
  const u = (besselianDay(equinox) - 2451545) / 36525
  const obliquity = 84381.448 + u * (-46.815 + u * (-0.00059 + 0.001813 * u))
  const size = eccentricity * 0.0056932 * DEGREE
  const [g, o] = [perigee * ARCSEC, obliquity * ARCSEC]
  return [size * Math.sin(g), -size * Math.cos(g) * Math.cos(o), -size * Math.cos(g) * Math.sin(o)]
}

function unit(v: Vector): Vector {
  const length = Math.hypot(...v)
  return [v[0] / length, v[1] / length, v[2] / length]
}

function withoutTerms(v: Vector, terms: Vector): Vector {
  const along = dot(terms, v)
  return unit([
    v[0] - terms[0] + along * v[0],
    v[1] - terms[1] + along * v[1],
    v[2] - terms[2] + along * v[2],
  ])
}

/** The inverse, which has no closed form; it converges by a factor of 10^−6 a step. */
function withTerms(v: Vector, terms: Vector): Vector {
  let with_: Vector = v
  for (let i = 0; i < 6; i++) {
    const by = 1 + dot(terms, with_)
    with_ = [(v[0] + terms[0]) / by, (v[1] + terms[1]) / by, (v[2] + terms[2]) / by]
  }
  return unit(with_)
}

/** A rotation as a change to ICRS, from its matrix from ICRS. */
function rotation(fromIcrs: Matrix): FrameChange {
  const back = transposed(fromIcrs)
  return { toIcrs: v => apply(back, v), fromIcrs: v => apply(fromIcrs, v) }
}

/** The mean ecliptic and equinox of a Julian year; obliquity of IAU 2006. */
function eclipticFromIcrs(equinox: number): Matrix {
  const t = (equinox - 2000) / 100
  const obliquity = 84381.406 + t * (-46.836769 + t * (-0.0001831 + t * 0.0020034))
  return product(turn('x', obliquity * ARCSEC), precessionFromJ2000(equinox), ICRS_TO_FK5)
}

export function frameChange(frame: Frame): FrameChange {
  switch (frame.name) {
    case 'ICRS':
      return { toIcrs: v => v, fromIcrs: v => v }
    case 'FK5':
      return rotation(product(precessionFromJ2000(frame.equinox), ICRS_TO_FK5))
    case 'GALACTIC':
      return rotation(product(FK5_TO_GALACTIC, ICRS_TO_FK5))
    case 'SUPERGALACTIC':
      return rotation(product(GALACTIC_TO_SUPERGALACTIC, FK5_TO_GALACTIC, ICRS_TO_FK5))
    case 'ECLIPTIC':
      return rotation(eclipticFromIcrs(frame.equinox))
    case 'FK4-NO-E':
      return fk4Change(frame.equinox)
    case 'FK4': {
      const terms = ellipticTerms(frame.equinox)
      const rest = fk4Change(frame.equinox)
      return {
        toIcrs: v => rest.toIcrs(withoutTerms(v, terms)),
        fromIcrs: v => withTerms(rest.fromIcrs(v), terms),
      }
    }
  }
}

/** The inverse of a matrix that is not quite a rotation. */
function inverse([a, b, c]: Matrix): Matrix {
  const volume = dot(a, cross(b, c))
  const part = (v: Vector): Vector => [v[0] / volume, v[1] / volume, v[2] / volume]
  return transposed([part(cross(b, c)), part(cross(c, a)), part(cross(a, b))])
}

/** Without elliptic terms; not quite a rotation, so vectors are brought to length 1. */
function fk4Change(equinox: number): FrameChange {
  const julianYear = 2000 + (besselianDay(equinox) - 2451545) / 365.25
  const there = product(transposed(ICRS_TO_FK5), fk4ToFk5(julianYear), besselianPrecession(equinox, 1950))
  const back = inverse(there)
  return { toIcrs: v => unit(apply(there, v)), fromIcrs: v => unit(apply(back, v)) }
}
