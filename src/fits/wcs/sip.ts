/** SIP: polynomials of pixels from CRPIX, added before the linear transformation (Shupe et al. 2005, ADASS XIV, 491). */
import { fitsError, type Header, integerOf, numberOf } from '../header.ts'
import type { PlaneMap } from './distortion.ts'

/** The orders that are in use go up to 9. */
const MAX_ORDER = 20

/**
 * Pixels, relative to CRPIX, with the correction; undefined without SIP. AP and BP, the fitted inverse, are not
 * needed: the inverse is solved for. As in astropy an order of 1 is none, and the coefficients count whether or not
 * CTYPE says -SIP.
 */
export function sipOf(header: Header): PlaneMap | undefined {
  const [a, b] = [order(header, 'A'), order(header, 'B')]
  if (a === undefined && b === undefined) return undefined
  if (a === undefined || b === undefined) {
    if ((a ?? b)! <= 1) return undefined
    throw fitsError(header.title, `${a === undefined ? 'B' : 'A'}_ORDER is there without its partner (SIP)`)
  }
  if (a <= 1 || b <= 1) {
    if (a > 1 === b > 1) return undefined
    throw fitsError(
      header.title,
      `A_ORDER is ${a} and B_ORDER ${b} (SIP): a distortion of one axis is not known`,
    )
  }
  const [f, g] = [polynomial(header, 'A', a), polynomial(header, 'B', b)]
  return ([u, v]) => [u + f(u, v), v + g(u, v)]
}

function order(header: Header, name: 'A' | 'B'): number | undefined {
  const keyword = `${name}_ORDER`
  if (!header.first.has(keyword)) return undefined
  const value = integerOf(header, keyword)
  if (value >= 0 && value <= MAX_ORDER) return value
  throw fitsError(header.title, `${keyword} is ${value}; the most is ${MAX_ORDER}`)
}

/** Σ A_p_q u^p v^q, by Horner's rule. */
function polynomial(header: Header, name: 'A' | 'B', degree: number): (u: number, v: number) => number {
  const rows = Array.from({ length: degree + 1 }, (_, p) =>
    Array.from({ length: degree + 1 - p }, (_, q) => numberOf(header, `${name}_${p}_${q}`) ?? 0),
  )
  return (u, v) => {
    let sum = 0
    for (let p = degree; p >= 0; p--) {
      const row = rows[p]!
      let inner = 0
      for (let q = row.length - 1; q >= 0; q--) inner = inner * v + row[q]!
      sum = sum * u + inner
    }
    return sum
  }
}
