/** REGION('…'): the simple shapes of STC-S (ADQL 2.1 §4.2.20; TAP 1.0 §6), as calls of POINT, CIRCLE, BOX, POLYGON. */
export interface StcsShape {
  readonly call: 'POINT' | 'CIRCLE' | 'BOX' | 'POLYGON'
  readonly frame: string
  readonly numbers: readonly number[]
}

const CALLS: Record<string, StcsShape['call']> = {
  POSITION: 'POINT',
  CIRCLE: 'CIRCLE',
  BOX: 'BOX',
  POLYGON: 'POLYGON',
}
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

/** Reads one shape; the answer is words when it is none. */
export function parseStcs(text: string): StcsShape | string {
  const words = text.trim().split(/\s+/)
  const name = words.shift()?.toUpperCase() ?? ''
  const call = CALLS[name]
  if (!call) {
    return /^(UNION|INTERSECTION|NOT|CONVEX|ELLIPSE|POSITIONINTERVAL|ALLSKY)$/.test(name)
      ? `${name} is not offered in REGION: use Position, Circle, Box or Polygon`
      : `REGION knows Position, Circle, Box and Polygon, not '${text.trim()}'`
  }
  let frame = ''
  while (words.length > 0 && !/^[-+.\d]/.test(words[0]!)) {
    const word = words.shift()!.toUpperCase()
    if (REFERENCE_POSITIONS.has(word) || word === 'FILLFACTOR') continue
    if (FLAVORS.has(word)) {
      if (word !== 'SPHERICAL2') return `coordinates are spherical here, not ${word}`
    } else if (frame === '') frame = word
    else return `'${word}' is not understood in this REGION`
  }
  const numbers = words.map(Number)
  const bad = words.find((_, i) => !Number.isFinite(numbers[i]))
  if (bad !== undefined) return `'${bad}' is not a number in this REGION`
  const fits = {
    POINT: numbers.length === 2,
    CIRCLE: numbers.length === 3,
    BOX: numbers.length === 4,
    POLYGON: numbers.length >= 6 && numbers.length % 2 === 0,
  }
  return fits[call] ? { call, frame, numbers } : `${name} does not take ${numbers.length} numbers`
}
