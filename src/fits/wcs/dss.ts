/**
 * Plate solutions of the Digitized Sky Survey (AMDXn, AMDYn …; Lasker et al. 1990, AJ 99, 2019; Paper IV §5.2):
 * millimetres on the plate from pixels of the scan, standard coordinates by a polynomial, then TAN around the plate's
 * centre. As in wcslib they come before the CTYPE cards beside them, which approximate them.
 */
import { fitsError, type Header, numberOf, textOf } from '../header.ts'
import type { PlaneMap } from './distortion.ts'
import type { Plane } from './projection.ts'

export interface PlateSolution {
  /** Plate centre, degrees. */
  readonly lon: number
  readonly lat: number
  /** Pixels (the first has its middle at 1) to standard coordinates in degrees. */
  readonly map: PlaneMap
  /** Pixels by the linear part of the solution: where to begin with its inverse. */
  guess(standard: Plane): Plane
}

/** Undefined when the header has no plate solution. */
export function plateSolution(header: Header): PlateSolution | undefined {
  if (!header.first.has('AMDX1') || !header.first.has('AMDY1')) return undefined
  const value = (keyword: string): number => {
    const number = numberOf(header, keyword)
    if (number === undefined)
      throw fitsError(header.title, `keyword ${keyword} of the DSS plate solution is missing`)
    return number
  }
  const sexagesimal = (name: 'RA' | 'DEC', first: string) =>
    value(`PLT${name}${first}`) + value(`PLT${name}M`) / 60 + value(`PLT${name}S`) / 3600
  const south = textOf(header, 'PLTDECSN')?.trim() === '-'
  const [centerX, centerY] = [value('PPO3') / 1000, value('PPO6') / 1000]
  const [pixelX, pixelY] = [value('XPIXELSZ') / 1000, value('YPIXELSZ') / 1000]
  const [cornerX, cornerY] = [value('CNPIX1'), value('CNPIX2')]
  const [a, b] = [coefficients(header, 'AMDX'), coefficients(header, 'AMDY')]
  const determinant = a[1]! * b[1]! - a[2]! * b[2]!
  if (determinant === 0) throw fitsError(header.title, 'the DSS plate solution is singular (AMDX1, AMDY1 …)')
  return {
    lon: sexagesimal('RA', 'H') * 15,
    lat: sexagesimal('DEC', 'D') * (south ? -1 : 1),
    map([px, py]) {
      const x = centerX - pixelX * (px + cornerX - 0.5)
      const y = pixelY * (py + cornerY - 0.5) - centerY
      return [polynomial(a, x, y) / 3600, polynomial(b, y, x) / 3600]
    },
    guess([xi, eta]) {
      const [u, v] = [3600 * xi - a[3]!, 3600 * eta - b[3]!]
      const x = (u * b[1]! - v * a[2]!) / determinant
      const y = (v * a[1]! - u * b[2]!) / determinant
      return [(centerX - x) / pixelX - cornerX + 0.5, (centerY + y) / pixelY - cornerY + 0.5]
    },
  }
}

function coefficients(header: Header, name: 'AMDX' | 'AMDY'): number[] {
  const list = Array.from({ length: 21 }, (_, m) => (m === 0 ? 0 : (numberOf(header, `${name}${m}`) ?? 0)))
  const beyond = list.findIndex((c, m) => m > 13 && c !== 0)
  // The terms behind are of the star's magnitude and colour.
  if (beyond > 0)
    throw fitsError(header.title, `${name}${beyond} depends on the magnitude of what is measured`)
  return list
}

/** Arcseconds from millimetres: the own axis first. */
function polynomial(c: readonly number[], x: number, y: number): number {
  const r2 = x * x + y * y
  return (
    c[1]! * x +
    c[2]! * y +
    c[3]! +
    c[4]! * x * x +
    c[5]! * x * y +
    c[6]! * y * y +
    c[7]! * r2 +
    x * x * (c[8]! * x + c[9]! * y) +
    y * y * (c[10]! * x + c[11]! * y) +
    x * r2 * (c[12]! + c[13]! * r2)
  )
}
