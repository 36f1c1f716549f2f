/**
 * VOUnits (VOUnits 1.0): units as a factor and exponents of base units, enough to convert what catalogues have.
 * `m.s-1`, `mJy`, `deg**2`, `erg/s/cm2/Angstrom`, `10**-20W`.
 */

/** Exponents of m, s, kg, A, K, mol, cd, rad, and of things that convert only to themselves (`ct`, `mag`, …). */
type Dimensions = Readonly<Record<string, number>>

interface Unit {
  readonly factor: number
  readonly dimensions: Dimensions
}

const u = (factor: number, dimensions: Dimensions): Unit => ({ factor, dimensions })
const DEG = Math.PI / 180
const J = { m: 2, kg: 1, s: -2 }
const W = { m: 2, kg: 1, s: -3 }
const FLUX_DENSITY = { kg: 1, s: -2 }

const UNITS: Record<string, Unit> = {
  m: u(1, { m: 1 }),
  s: u(1, { s: 1 }),
  g: u(1e-3, { kg: 1 }),
  A: u(1, { A: 1 }),
  K: u(1, { K: 1 }),
  mol: u(1, { mol: 1 }),
  cd: u(1, { cd: 1 }),
  rad: u(1, { rad: 1 }),
  sr: u(1, { rad: 2 }),
  deg: u(DEG, { rad: 1 }),
  arcmin: u(DEG / 60, { rad: 1 }),
  arcsec: u(DEG / 3600, { rad: 1 }),
  mas: u(DEG / 3.6e6, { rad: 1 }),
  uas: u(DEG / 3.6e9, { rad: 1 }),
  Hz: u(1, { s: -1 }),
  N: u(1, { m: 1, kg: 1, s: -2 }),
  Pa: u(1, { m: -1, kg: 1, s: -2 }),
  J: u(1, J),
  W: u(1, W),
  C: u(1, { A: 1, s: 1 }),
  V: u(1, { m: 2, kg: 1, s: -3, A: -1 }),
  T: u(1, { kg: 1, s: -2, A: -1 }),
  G: u(1e-4, { kg: 1, s: -2, A: -1 }),
  erg: u(1e-7, J),
  eV: u(1.602176634e-19, J),
  Ry: u(2.1798723611035e-18, J),
  Jy: u(1e-26, FLUX_DENSITY),
  jansky: u(1e-26, FLUX_DENSITY),
  R: u(1e10 / (4 * Math.PI), { m: -2, s: -1, rad: -2, ph: 1 }),
  min: u(60, { s: 1 }),
  h: u(3600, { s: 1 }),
  d: u(86400, { s: 1 }),
  a: u(31557600, { s: 1 }),
  yr: u(31557600, { s: 1 }),
  AU: u(1.495978707e11, { m: 1 }),
  au: u(1.495978707e11, { m: 1 }),
  pc: u(3.085677581491367e16, { m: 1 }),
  lyr: u(9.4607304725808e15, { m: 1 }),
  Angstrom: u(1e-10, { m: 1 }),
  angstrom: u(1e-10, { m: 1 }),
  barn: u(1e-28, { m: 2 }),
  solMass: u(1.988409870698051e30, { kg: 1 }),
  solRad: u(6.957e8, { m: 1 }),
  solLum: u(3.828e26, W),
  jupMass: u(1.8981245973360505e27, { kg: 1 }),
  geoMass: u(5.972167867791379e24, { kg: 1 }),
  u: u(1.6605390666e-27, { kg: 1 }),
  '%': u(0.01, {}),
  mag: u(1, { mag: 1 }),
  ct: u(1, { ct: 1 }),
  count: u(1, { ct: 1 }),
  ph: u(1, { ph: 1 }),
  photon: u(1, { ph: 1 }),
  adu: u(1, { adu: 1 }),
  pix: u(1, { pix: 1 }),
  pixel: u(1, { pix: 1 }),
  voxel: u(1, { voxel: 1 }),
  electron: u(1, { electron: 1 }),
  bin: u(1, { bin: 1 }),
  beam: u(1, { beam: 1 }),
  chan: u(1, { chan: 1 }),
  bit: u(1, { bit: 1 }),
  byte: u(8, { bit: 1 }),
  B: u(8, { bit: 1 }),
  D: u(1e-29 / 2.99792458, { A: 1, s: 1, m: 1 }),
}

const PREFIX: Record<string, number> = {
  da: 1e1,
  h: 1e2,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Z: 1e21,
  Y: 1e24,
  d: 1e-1,
  c: 1e-2,
  m: 1e-3,
  u: 1e-6,
  n: 1e-9,
  p: 1e-12,
  f: 1e-15,
  a: 1e-18,
  z: 1e-21,
  y: 1e-24,
}

const unit = (word: string): Unit | undefined => (Object.hasOwn(UNITS, word) ? UNITS[word] : undefined)

/** Units that take no prefix, so that `min` is no milli-inch and `Pa`-like words are read whole. */
function atom(word: string): Unit | undefined {
  const known = unit(word)
  if (known) return known
  for (const length of [2, 1]) {
    const factor = PREFIX[word.slice(0, length)]
    const base = unit(word.slice(length))
    if (factor !== undefined && base) return u(factor * base.factor, base.dimensions)
  }
  return undefined
}

function raise(unit: Unit, exponent: number): Unit {
  const dimensions = Object.fromEntries(Object.entries(unit.dimensions).map(([k, v]) => [k, v * exponent]))
  return u(unit.factor ** exponent, dimensions)
}

function times(a: Unit, b: Unit): Unit {
  const dimensions: Record<string, number> = { ...a.dimensions }
  for (const [k, v] of Object.entries(b.dimensions)) dimensions[k] = (dimensions[k] ?? 0) + v
  return u(a.factor * b.factor, dimensions)
}

/**
 * A unit string as factor and dimensions, or undefined when it is no unit we know: factors joined by `.`, `*`, `/`
 * or a blank, each a number, a unit or parentheses, with an exponent after `**`, `^` or nothing.
 */
export function parseUnit(text: string): Unit | undefined {
  const tokens = text.match(/\*\*|[A-Za-z%]+|\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|[-+*./^()]|\S/g) ?? []
  let at = 0
  const take = (token: string): boolean => tokens[at] === token && ++at > 0
  const isNumber = (token: string | undefined) => token !== undefined && /^\d/.test(token)

  function product(): Unit | undefined {
    let result = power()
    while (result && at < tokens.length && tokens[at] !== ')') {
      const divides = take('/')
      if (!divides && !take('.')) take('*')
      const next = power()
      result = next && times(result, divides ? raise(next, -1) : next)
    }
    return result
  }

  function power(): Unit | undefined {
    const scale = isNumber(tokens[at])
    const base = factor()
    if (!base) return undefined
    const marked = take('**') || take('^')
    if (!marked && (scale || !(isNumber(tokens[at]) || tokens[at] === '-' || tokens[at] === '+'))) return base
    const value = exponent()
    return value === undefined ? undefined : raise(base, value)
  }

  function factor(): Unit | undefined {
    if (take('(')) {
      const inner = product()
      return inner && take(')') ? inner : undefined
    }
    const token = tokens[at++]
    if (token === undefined) return undefined
    return isNumber(token) ? u(Number(token), {}) : atom(token)
  }

  function exponent(): number | undefined {
    const parenthesised = take('(')
    const sign = take('-') ? -1 : take('+') ? 1 : 1
    const numerator = Number(tokens[at++])
    const denominator = parenthesised && take('/') ? Number(tokens[at++]) : 1
    if (parenthesised && !take(')')) return undefined
    const value = (sign * numerator) / denominator
    return Number.isFinite(value) ? value : undefined
  }

  const unit = tokens.length === 0 ? u(1, {}) : product()
  return at === tokens.length ? unit : undefined
}

export type Conversion =
  | { readonly factor: number }
  | { readonly problem: string; readonly of: 'from' | 'to' }

/** What to multiply a value in one unit by to have it in another. */
export function conversion(from: string, to: string): Conversion {
  const source = parseUnit(from)
  if (!source)
    return { problem: `the unit of this column, '${from}', is not one that can be converted`, of: 'from' }
  const target = parseUnit(to)
  if (!target) return { problem: `'${to}' is not a unit (VOUnits)`, of: 'to' }
  const keys = new Set([...Object.keys(source.dimensions), ...Object.keys(target.dimensions)])
  for (const key of keys) {
    if (Math.abs((source.dimensions[key] ?? 0) - (target.dimensions[key] ?? 0)) > 1e-9) {
      return { problem: `'${from}' cannot be converted into '${to}'`, of: 'to' }
    }
  }
  const factor = source.factor / target.factor
  if (!(Number.isFinite(factor) && factor > 0))
    return { problem: `there is no factor from '${from}' to '${to}'`, of: 'to' }
  return { factor }
}
