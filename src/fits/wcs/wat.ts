/**
 * TNX and ZPX, the projections of IRAF: TAN or ZPN with polynomials of the plane of projection added, which are
 * written as text in WATi_nnn (FITS registry, "The TNX World Coordinate System").
 */
import { fitsError, type Header } from '../header.ts'
import type { PlaneMap } from './distortion.ts'

export interface Wat {
  /** Degrees in, degrees out; undefined when there is no polynomial. */
  readonly map: PlaneMap | undefined
  /** PROJPm of ZPX: parameters of ZPN. */
  readonly parameters: ReadonlyMap<number, number>
}

/** Cards of a string hold 68 characters; blanks at their ends have been lost and count. */
const CARD = 68

export function watOf(header: Header, code: 'TNX' | 'ZPX'): Wat {
  const texts = [1, 2].map(axis => watText(header, axis))
  const [lon, lat] = texts.map((text, i) => surface(header, code, i + 1, text))
  const parameters = new Map<number, number>()
  for (const match of texts[1]!.matchAll(/projp(\d+)\s*=\s*([-+.\deE]+)/g)) {
    parameters.set(Number(match[1]), Number(match[2]))
  }
  if (!lon && !lat) return { map: undefined, parameters }
  const none: Surface = () => 0
  const [f, g] = [lon ?? none, lat ?? none]
  return { map: ([xi, eta]) => [xi + f(xi, eta), eta + g(xi, eta)], parameters }
}

function watText(header: Header, axis: number): string {
  let text = ''
  for (let n = 1; ; n++) {
    const value = header.first.get(`WAT${axis}_${String(n).padStart(3, '0')}`)?.value
    if (typeof value !== 'string') return text
    text += value.padEnd(CARD)
  }
}

type Surface = (x: number, y: number) => number

/** The correction of one axis: `lngcor = "3. 4. 4. 2. xmin xmax ymin ymax c00 c10 …"`. */
function surface(header: Header, code: string, axis: number, text: string): Surface | undefined {
  const fail = (why: string) => fitsError(header.title, `WAT${axis}_001 and following (${code}): ${why}`)
  const type = /wtype\s*=\s*(\w+)/.exec(text)?.[1]
  if (type === undefined) throw fail('they do not say what the projection is')
  if (type.toUpperCase() !== code) throw fail(`they are of ${type}, but CTYPE says ${code}`)
  const quoted = /(?:lngcor|latcor)\s*=\s*"([^"]*)"/.exec(text)?.[1]
  if (quoted === undefined) return undefined
  const numbers = quoted.trim().split(/\s+/).map(Number)
  if (numbers.some(Number.isNaN)) throw fail('there is something else than numbers in the polynomial')
  const [kind, xOrder, yOrder, cross, xMin, xMax, yMin, yMax, ...coefficients] = numbers as number[]
  const orders = [xOrder, yOrder]
  if (!orders.every(n => n !== undefined && Number.isInteger(n) && n >= 1 && n <= 20))
    throw fail('it has no orders')
  if (![1, 2, 3].includes(kind!) || ![0, 1, 2].includes(cross!))
    throw fail('it is of no kind that is defined')
  const terms = termsOf(xOrder!, yOrder!, cross!)
  if (coefficients.length < terms.length) {
    throw fail(`the polynomial has ${coefficients.length} coefficients of ${terms.length}`)
  }
  const values = kind === 1 ? chebyshev : kind === 2 ? legendre : monomials
  const scaled = (v: number, from: number, to: number) =>
    kind === 3 ? v : (2 * v - (to + from)) / (to - from)
  if (kind !== 3 && (xMin === xMax || yMin === yMax)) throw fail('its range is empty')
  return (x, y) => {
    const [px, py] = [values(scaled(x, xMin!, xMax!), xOrder!), values(scaled(y, yMin!, yMax!), yOrder!)]
    return terms.reduce((sum, [m, n], i) => sum + coefficients[i]! * px[m]! * py[n]!, 0)
  }
}

/** Powers of x and y in the order of the coefficients: no cross terms, all, or the half of low degree. */
function termsOf(xOrder: number, yOrder: number, cross: number): [m: number, n: number][] {
  const terms: [number, number][] = []
  for (let n = 0; n < yOrder; n++) {
    for (let m = 0; m < xOrder; m++) {
      if (cross === 0 && m > 0 && n > 0) continue
      if (cross === 2 && m + n > Math.max(xOrder, yOrder) - 1) continue
      terms.push([m, n])
    }
  }
  return terms
}

const monomials = (x: number, order: number) => Array.from({ length: order }, (_, m) => x ** m)

function chebyshev(x: number, order: number): number[] {
  const t = [1, x]
  for (let m = 2; m < order; m++) t.push(2 * x * t[m - 1]! - t[m - 2]!)
  return t
}

function legendre(x: number, order: number): number[] {
  const p = [1, x]
  for (let m = 2; m < order; m++) p.push(((2 * m - 1) * x * p[m - 1]! - (m - 1) * p[m - 2]!) / m)
  return p
}
