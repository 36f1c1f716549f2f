/** Which columns of a file are the position and the identifier, and how the position becomes degrees. */
import { ServiceError } from '../error.ts'
import type { Field } from '../votable/field.ts'
import { degreesIn, findPair, isReal } from '../votable/position.ts'

export interface Position {
  /** Indexes among the fields. */
  readonly ra: number
  readonly dec: number
  /** The stored value times this is in degrees. */
  readonly raScale: number
  readonly decScale: number
}

export interface PositionChoice {
  readonly ra?: string | undefined
  readonly dec?: string | undefined
}

/** The position columns that the user says, or else the UCDs, or else the names; undefined when there are none. */
export function findPosition(
  fields: readonly Field[],
  choice: PositionChoice,
  notices: string[],
): Position | undefined {
  if (choice.ra !== undefined || choice.dec !== undefined) return chosen(fields, choice, notices)
  const pair = findPair(fields)
  if (!pair) return undefined
  const [raScale, decScale] = [scale(fields[pair.ra]!, notices), scale(fields[pair.dec]!, notices)]
  if (raScale !== undefined && decScale !== undefined) return { ...pair, raScale, decScale }
  const { ra, dec } = { ra: fields[pair.ra]!, dec: fields[pair.dec]! }
  notices.push(
    `Columns ${ra.name} and ${dec.name} look like a position, but ${ra.unit} and ${dec.unit} are no units of an angle: the table gets no position. Say --ra and --dec to choose columns.`,
  )
  return undefined
}

function chosen(fields: readonly Field[], choice: PositionChoice, notices: string[]): Position {
  if (choice.ra === undefined || choice.dec === undefined) {
    throw new ServiceError('usage', '--ra and --dec belong together: say both.')
  }
  const [ra, dec] = [fieldNamed(fields, choice.ra, '--ra'), fieldNamed(fields, choice.dec, '--dec')]
  for (const index of [ra, dec]) {
    const field = fields[index]!
    if (!isReal(field)) {
      throw new ServiceError(
        'usage',
        `Column ${field.name} is ${typeText(field)}: a position must be float or double.`,
      )
    }
    if (scale(field, []) === undefined) {
      throw new ServiceError(
        'usage',
        `Column ${field.name} has the unit ${field.unit}, which is none of an angle.`,
      )
    }
  }
  return { ra, dec, raScale: scale(fields[ra]!, notices)!, decScale: scale(fields[dec]!, notices)! }
}

/** What turns the column into degrees; undefined for a unit that is none of an angle. */
function scale(field: Field, notices: string[]): number | undefined {
  const unit = field.unit?.trim()
  if (!unit) {
    // LSST's afw tables hold angles in radians, whether they say so or not.
    const radians = /^coord_(ra|dec)$/i.test(field.name)
    notices.push(
      `Column ${field.name} has no unit: taken as ${radians ? 'radians, as LSST writes it, and converted to degrees' : 'degrees'}.`,
    )
    return radians ? 180 / Math.PI : 1
  }
  const found = degreesIn(unit)
  if (found !== undefined && found !== 1)
    notices.push(`Column ${field.name} is converted from ${unit} to degrees.`)
  return found
}

/** Columns to look rows up by: the main identifier first. */
export function findIdentifiers(
  fields: readonly Field[],
  choice: string | undefined,
  table: string,
): number[] {
  if (choice !== undefined) {
    const index = fieldNamed(fields, choice, '--id')
    if (isKey(fields[index]!)) return [index]
    throw new ServiceError(
      'usage',
      `Column ${choice} is ${typeText(fields[index]!)}: an identifier must be an integer or a text.`,
    )
  }
  const main = fields.flatMap((field, i) =>
    isKey(field) && /^(meta\.id;meta\.main|ID_MAIN)$/i.test(field.ucd?.replace(/\s/g, '') ?? '') ? [i] : [],
  )
  const names = `${table}id ${table}_id id objectid object_id objid obj_id sourceid source_id source`
    .toLowerCase()
    .split(' ')
  const named = names
    .map(name => fields.findIndex(field => isKey(field) && field.name.toLowerCase() === name))
    .find(index => index >= 0)
  const found = main.length === 1 ? main : []
  return named === undefined || found.includes(named) ? found : [...found, named]
}

/** Index of the column that an option names, in any case. */
export function fieldNamed(fields: readonly Field[], name: string, option: string): number {
  const exact = fields.findIndex(field => field.name === name)
  const index =
    exact >= 0 ? exact : fields.findIndex(field => field.name.toLowerCase() === name.toLowerCase())
  if (index >= 0) return index
  const names = fields.map(field => field.name).join(', ')
  throw new ServiceError('usage', `${option}: the file has no column ${name}.`, {
    detail: `It has: ${names}`,
  })
}

/** A single integer or a single string. */
function isKey({ datatype, arraysize }: Field): boolean {
  if (datatype === 'char' || datatype === 'unicodeChar') return !arraysize?.includes('x')
  return arraysize === undefined && ['unsignedByte', 'short', 'int', 'long'].includes(datatype)
}

function typeText({ datatype, arraysize }: Field): string {
  return arraysize === undefined ? datatype : `${datatype}[${arraysize}]`
}
