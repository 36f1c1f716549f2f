/**
 * Light curves as Sesar et al. (2010, ApJ 708, 717) publish those of Stripe 82: one file a star, named by its number;
 * each line is a visit, RA and Dec and then time, magnitude and error in each of u g r i z. -99.99 is no measurement.
 */
import type { Cell } from '../datalink/rows.ts'
import { ServiceError } from '../error.ts'
import type { Field } from '../votable/field.ts'
import {
  areIntegers,
  BAND,
  bandsNamed,
  DEC,
  idField,
  type LightCurveFiles,
  partOf,
  RA,
  stemOf,
} from './light-curve-files.ts'

const BANDS = ['u', 'g', 'r', 'i', 'z']
const NUMBERS = 2 + 3 * BANDS.length

/** Whether every line of a file's beginning has a position and five measurements. */
export function isWide(text: string): boolean {
  const lines = text.split('\n').slice(0, -1)
  return lines.length > 0 && lines.slice(0, 20).every(line => numbersOf(line)?.length === NUMBERS)
}

function numbersOf(line: string): readonly number[] | undefined {
  const numbers = line.trim().split(/\s+/).map(Number)
  return numbers.some(Number.isNaN) ? undefined : numbers
}

export async function readWide(
  files: readonly string[],
  textOf: (file: string) => Promise<string>,
): Promise<LightCurveFiles> {
  const stems = files.map(stemOf)
  const id = idField('id', areIntegers(stems) ? 'long' : 'char')
  const objects: Cell[][] = []
  const detections: Cell[][] = []
  for (const [i, file] of files.entries()) {
    const own: Cell = id.datatype === 'long' ? BigInt(stems[i]!) : stems[i]!
    const lines = (await textOf(file)).split(/\r?\n/)
    lines.forEach((line, n) => {
      if (line.trim() === '' || line.startsWith('#')) return
      const numbers = numbersOf(line)
      if (numbers?.length !== NUMBERS)
        throw new ServiceError('usage', `${file}, line ${n + 1}: not ${NUMBERS} numbers`)
      if (objects.length === i) objects.push([own, numbers[0]!, numbers[1]!])
      BANDS.forEach((band, b) => {
        const [time, magnitude, error] = numbers.slice(2 + 3 * b, 5 + 3 * b) as [number, number, number]
        if (magnitude > -99) detections.push([own, time, band, magnitude, error])
      })
    })
    if (objects.length === i) throw new ServiceError('usage', `${file}: the file has no lines`)
  }
  return {
    objects: partOf([id, RA, DEC], objects),
    detections: partOf([{ ...id, ucd: 'meta.id.parent' }, TIME, BAND, MAGNITUDE, ERROR], detections),
    id: 'id',
    position: { ra: 'ra', dec: 'dec' },
    block: {
      time: { column: 'mjd', scale: 'TAI', refposition: 'TOPOCENTER', origin: 'MJD-origin' },
      band: 'band',
      magnitude: { column: 'mag', error: 'magerr' },
      bands: bandsNamed(BANDS),
    },
    notices: [],
  }
}

const TIME: Field = {
  name: 'mjd',
  datatype: 'double',
  unit: 'd',
  ucd: 'time.epoch',
  description: 'MJD (TAI)',
}
const MAGNITUDE: Field = { name: 'mag', datatype: 'double', unit: 'mag', ucd: 'phot.mag' }
const ERROR: Field = { name: 'magerr', datatype: 'double', unit: 'mag', ucd: 'stat.error;phot.mag' }
