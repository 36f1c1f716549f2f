/**
 * Reference frames that differ by a rotation (IVOA vocabulary refframe), each as matrix from ICRS. FK4 is that of
 * B1950 without its elliptic terms, which are no rotation (0.34″).
 */
import { lonLat, unitVector, type Vector } from '../sphere/vector.ts'

/** Rows are the frame's axes. */
type Matrix = readonly [Vector, Vector, Vector]

const DEGREE = Math.PI / 180
const MAS = DEGREE / 3.6e6

/** Turns the axes about one of them: coordinates in the turned frame from those in the old one. */
function turn(about: 0 | 1 | 2, angle: number): Matrix {
  const [c, s] = [Math.cos(angle), Math.sin(angle)]
  if (about === 0)
    return [
      [1, 0, 0],
      [0, c, s],
      [0, -s, c],
    ]
  if (about === 1)
    return [
      [c, 0, -s],
      [0, 1, 0],
      [s, 0, c],
    ]
  return [
    [c, s, 0],
    [-s, c, 0],
    [0, 0, 1],
  ]
}

function product(a: Matrix, b: Matrix): Matrix {
  const row = (v: Vector): Vector =>
    [0, 1, 2].map(j => v[0] * b[0][j]! + v[1] * b[1][j]! + v[2] * b[2][j]!) as unknown as Vector
  return [row(a[0]), row(a[1]), row(a[2])]
}

const ICRS: Matrix = turn(0, 0)

/** Hilton & Hohenkerk 2004, A&A 413, 765. */
const FK5 = product(product(turn(0, 19.9 * MAS), turn(1, 9.1 * MAS)), turn(2, -22.9 * MAS))

/** B1950 to J2000 at epoch 1950: Standish 1982, A&A 115, 20; the rows are its transpose's. */
const FK4: Matrix = [
  [0.9999256794956877, 0.0111814832391717, 0.0048590037723143],
  [-0.0111814832204662, 0.9999374848933135, -0.000027170293744],
  [-0.0048590038153592, -0.0000271625947142, 0.9999881946023742],
]

/** Pole and node of IAU 1958 in FK5 J2000: Reid & Brunthaler 2004, ApJ 616, 872. */
const GALACTIC = product(
  product(turn(2, Math.PI - 122.9319185680026 * DEGREE), turn(1, Math.PI / 2 - 27.12825118085622 * DEGREE)),
  turn(2, 192.8594812065348 * DEGREE),
)

/** Obliquity of the ecliptic at J2000: 84381.406″ (IAU 2006). */
const ECLIPTIC = turn(0, (84381.406 / 3600) * DEGREE)

const FRAMES = {
  ICRS,
  FK5,
  FK4: product(FK4, FK5),
  GALACTIC: product(GALACTIC, FK5),
  ECLIPTIC,
} as const satisfies Record<string, Matrix>

export type Frame = keyof typeof FRAMES

export const FRAME_NAMES = Object.keys(FRAMES) as readonly Frame[]

export const isFrame = (name: string): name is Frame => Object.hasOwn(FRAMES, name)

/** Euler angles about Z, X, Z of the rotation between two frames, as pgSphere's strans takes them; radians. */
export function eulerAngles(from: Frame, to: Frame): readonly [number, number, number] {
  const [a, b]: [Matrix, Matrix] = [FRAMES[from], FRAMES[to]]
  // r = b · aᵀ turns coordinates in `from` into coordinates in `to`.
  const r = (i: 0 | 1 | 2, j: 0 | 1 | 2) => b[i][0] * a[j][0] + b[i][1] * a[j][1] + b[i][2] * a[j][2]
  const theta = Math.atan2(Math.hypot(r(2, 0), r(2, 1)), r(2, 2))
  if (theta < 1e-12) return [Math.atan2(r(1, 0), r(0, 0)), 0, 0]
  return [Math.atan2(r(2, 0), r(2, 1)), theta, Math.atan2(r(0, 2), -r(1, 2))]
}

/** A direction in ICRS; degrees. */
export function toIcrs(frame: Frame, lon: number, lat: number): readonly [ra: number, dec: number] {
  const v = unitVector(lon * DEGREE, lat * DEGREE)
  const m: Matrix = FRAMES[frame]
  const part = (j: 0 | 1 | 2) => v[0] * m[0][j] + v[1] * m[1][j] + v[2] * m[2][j]
  const [ra, dec] = lonLat([part(0), part(1), part(2)])
  return [ra / DEGREE, dec / DEGREE]
}
