/**
 * REGION('…'): STC-S (ADQL 2.1 §4.2.20; TAP 1.0 §6; STC-S 1.33) as calls of POINT, CIRCLE, BOX and POLYGON, and what
 * Union, Intersection and Not make of them. `Difference` and `Convex` are intersections, `AllSky` is a circle.
 */
import { lonLat } from '../sphere/vector.ts'

export type StcsRegion = StcsShape | StcsCompound

export interface StcsShape {
  readonly kind: 'shape'
  readonly call: 'POINT' | 'CIRCLE' | 'BOX' | 'POLYGON'
  readonly frame: string
  readonly numbers: readonly number[]
}

export interface StcsCompound {
  readonly kind: 'union' | 'intersection' | 'not'
  readonly parts: readonly StcsRegion[]
}

/** Why a text is no region, in words. */
class NotStcs extends Error {}

const SHAPES: Record<string, StcsShape['call']> = {
  POSITION: 'POINT',
  CIRCLE: 'CIRCLE',
  BOX: 'BOX',
  POLYGON: 'POLYGON',
}
const COMPOUNDS = new Set(['UNION', 'INTERSECTION', 'DIFFERENCE', 'NOT'])
const REFERENCE_POSITIONS = new Set([
  'BARYCENTER',
  'GEOCENTER',
  'HELIOCENTER',
  'LSR',
  'TOPOCENTER',
  'RELOCATABLE',
  'UNKNOWNREFPOS',
])
const FLAVORS = new Set(['SPHERICAL2', 'CARTESIAN2', 'CARTESIAN3'])
const OFFERED = 'Position, Circle, Box, Polygon, Convex, AllSky, Union, Intersection, Difference and Not'

const MAX_DEPTH = 20
const MAX_SHAPES = 1000

interface Reader {
  readonly words: readonly string[]
  at: number
  shapes: number
}

/** Reads a region; the answer is words when it is none. */
export function parseStcs(text: string): StcsRegion | string {
  const reader: Reader = { words: text.match(/[()]|[^\s()]+/g) ?? [], at: 0, shapes: 0 }
  try {
    const region = readRegion(reader, '', 0)
    const rest = reader.words[reader.at]
    if (rest !== undefined) throw new NotStcs(`'${rest}' is not understood in this REGION`)
    return region
  } catch (error) {
    if (error instanceof NotStcs) return error.message
    throw error
  }
}

function readRegion(reader: Reader, outerFrame: string, depth: number): StcsRegion {
  const word = reader.words[reader.at++]
  const name = word?.toUpperCase() ?? ''
  if (depth > MAX_DEPTH) throw new NotStcs(`this REGION is nested more than ${MAX_DEPTH} levels deep`)
  if (!SHAPES[name] && !COMPOUNDS.has(name) && name !== 'CONVEX' && name !== 'ALLSKY') {
    if (/^(ELLIPSE|POSITIONINTERVAL)$/.test(name))
      throw new NotStcs(`${name} is not offered in REGION: use Circle, Box or Polygon`)
    throw new NotStcs(
      word === undefined ? `REGION needs a shape: ${OFFERED}` : `REGION knows ${OFFERED}, not '${word}'`,
    )
  }
  if (++reader.shapes > MAX_SHAPES) throw new NotStcs(`this REGION has more than ${MAX_SHAPES} shapes`)
  const frame = readSystem(reader) || outerFrame
  if (COMPOUNDS.has(name)) return compound(name, readParts(reader, name, frame, depth))
  const numbers = readNumbers(reader)
  if (name === 'CONVEX') return convex(numbers, frame)
  if (name === 'ALLSKY') {
    if (numbers.length > 0) throw new NotStcs('ALLSKY takes no numbers')
    return { kind: 'shape', call: 'CIRCLE', frame, numbers: [0, 0, 180] }
  }
  const call = SHAPES[name]!
  const fits = {
    POINT: numbers.length === 2,
    CIRCLE: numbers.length === 3,
    BOX: numbers.length === 4,
    POLYGON: numbers.length >= 6 && numbers.length % 2 === 0,
  }
  if (!fits[call]) throw new NotStcs(`${name} does not take ${numbers.length} numbers`)
  return { kind: 'shape', call, frame, numbers }
}

/** Frame, reference position, flavour, in this order and each optional; the answer is the frame. */
function readSystem(reader: Reader): string {
  let frame = ''
  for (;;) {
    const word = reader.words[reader.at]?.toUpperCase()
    if (word === undefined || /^[-+.\d()]/.test(word) || COMPOUNDS.has(word) || SHAPES[word]) return frame
    reader.at++
    if (REFERENCE_POSITIONS.has(word)) continue
    if (word === 'FILLFACTOR') reader.at++
    else if (FLAVORS.has(word)) {
      if (word !== 'SPHERICAL2') throw new NotStcs(`coordinates are spherical here, not ${word}`)
    } else if (frame === '') frame = word
    else throw new NotStcs(`'${word}' is not understood in this REGION`)
  }
}

function readNumbers(reader: Reader): number[] {
  const numbers: number[] = []
  for (let word = reader.words[reader.at]; word !== undefined; word = reader.words[reader.at]) {
    if (word === '(') throw new NotStcs('only Union, Intersection, Difference and Not take parentheses')
    if (word === ')' || /^[A-Z]/i.test(word)) break
    const number = Number(word)
    if (!Number.isFinite(number)) throw new NotStcs(`'${word}' is not a number in this REGION`)
    numbers.push(number)
    reader.at++
  }
  if (reader.words[reader.at]?.toUpperCase() === 'UNIT') {
    if (reader.words[reader.at + 1]?.toLowerCase() !== 'deg') throw new NotStcs('the unit here is deg')
    reader.at += 2
  }
  return numbers
}

/** The regions in the parentheses of a compound; NOT of one shape is also written without. */
function readParts(reader: Reader, name: string, frame: string, depth: number): StcsRegion[] {
  const open = reader.words[reader.at] === '('
  if (!open && name === 'NOT') return [readRegion(reader, frame, depth + 1)]
  if (!open)
    throw new NotStcs(`${name} takes its shapes in parentheses, as in ${name} ICRS (Circle 10 20 1 …)`)
  reader.at++
  const parts: StcsRegion[] = []
  while (reader.words[reader.at] !== ')') {
    if (reader.at >= reader.words.length) throw new NotStcs(`the parenthesis of ${name} is not closed`)
    parts.push(readRegion(reader, frame, depth + 1))
  }
  reader.at++
  return parts
}

function compound(name: string, parts: readonly StcsRegion[]): StcsRegion {
  const [first, second] = parts
  if (name === 'NOT') {
    if (!first || second) throw new NotStcs(`NOT takes one shape, not ${parts.length}`)
    return { kind: 'not', parts }
  }
  if (!first || !second) throw new NotStcs(`${name} takes two shapes or more`)
  if (name !== 'DIFFERENCE') return { kind: name === 'UNION' ? 'union' : 'intersection', parts }
  if (parts.length > 2) throw new NotStcs(`DIFFERENCE takes two shapes, not ${parts.length}`)
  return { kind: 'intersection', parts: [first, { kind: 'not', parts: [second] }] }
}

/** Half-spaces x y z d: the circle of radius acos d around (x, y, z) (STC-S 1.33 §3.2). */
function convex(numbers: readonly number[], frame: string): StcsRegion {
  if (numbers.length === 0 || numbers.length % 4 !== 0)
    throw new NotStcs(`CONVEX takes numbers in fours (x y z d), not ${numbers.length}`)
  const parts = Array.from({ length: numbers.length / 4 }, (_, i): StcsShape => {
    const [x, y, z, d] = numbers.slice(4 * i, 4 * i + 4) as [number, number, number, number]
    const length = Math.hypot(x, y, z)
    if (length === 0 || Math.abs(d) > 1)
      throw new NotStcs('a direction of CONVEX is not zero, and its limit is within -1 and 1')
    const [lon, lat] = lonLat([x, y, z]).map(angle => (angle * 180) / Math.PI) as [number, number]
    return { kind: 'shape', call: 'CIRCLE', frame, numbers: [lon, lat, (Math.acos(d) * 180) / Math.PI] }
  })
  return parts.length === 1 ? parts[0]! : { kind: 'intersection', parts }
}
