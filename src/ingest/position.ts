/** Which columns of a file are the position and the identifier, and how the position becomes degrees. */
import { ServiceError } from '../error.ts'
import type { Field } from '../votable/field.ts'

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

/** UCD1+, then the old UCD1 of VizieR's files. */
const UCDS: readonly (readonly [RegExp, RegExp])[] = [
  [/^pos\.eq\.ra;meta\.main$/i, /^pos\.eq\.dec;meta\.main$/i],
  [/^POS_EQ_RA_MAIN$/i, /^POS_EQ_DEC_MAIN$/i],
  [/^pos\.eq\.ra$/i, /^pos\.eq\.dec$/i],
  [/^POS_EQ_RA$/i, /^POS_EQ_DEC$/i],
]

/** Pairs of names that surveys use, in the order of preference. */
const NAMES = `ra dec, raj2000 dej2000, _raj2000 _dej2000, ra_icrs de_icrs, ra_icrs dec_icrs, raicrs deicrs,
ra_deg dec_deg, radeg decdeg, radeg dedeg, coord_ra coord_dec, ra_j2000 dec_j2000, ra_j2000 de_j2000, raj2000 decj2000,
s_ra s_dec, alpha_j2000 delta_j2000, alphawin_j2000 deltawin_j2000, alphapeak_j2000 deltapeak_j2000, alpha delta,
ramean decmean, rastack decstack, ra_mean dec_mean, _ra _de, _ra.icrs _de.icrs, ra2000 dec2000, ra_2000 dec_2000,
right_ascension declination, rightascension declination, ra_1 dec_1, target_ra target_dec, obj_ra obj_dec, ra de`
  .split(/,\s*/)
  .map(pair => pair.split(' ') as [string, string])

const TO_DEGREES: readonly (readonly [RegExp, number])[] = [
  [/^(deg|degs|degree|degrees|°)$/i, 1],
  [/^(rad|rads|radian|radians)$/i, 180 / Math.PI],
  [/^(h|hr|hrs|hour|hours|hourangle)$/i, 15],
  [/^arcmin$/i, 1 / 60],
  [/^arcsec$/i, 1 / 3600],
]

/** The position columns that the user says, or else the UCDs, or else the names; undefined when there are none. */
export function findPosition(
  fields: readonly Field[],
  choice: PositionChoice,
  notices: string[],
): Position | undefined {
  if (choice.ra !== undefined || choice.dec !== undefined) return chosen(fields, choice, notices)
  const pair = byUcd(fields) ?? byName(fields)
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

function byUcd(fields: readonly Field[]): { ra: number; dec: number } | undefined {
  for (const [raUcd, decUcd] of UCDS) {
    const having = (ucd: RegExp) =>
      fields.flatMap((field, i) =>
        isReal(field) && ucd.test(field.ucd?.replace(/\s/g, '') ?? '') ? [i] : [],
      )
    const [ras, decs] = [having(raUcd), having(decUcd)]
    if (ras.length === 1 && decs.length === 1) return { ra: ras[0]!, dec: decs[0]! }
  }
  return undefined
}

function byName(fields: readonly Field[]): { ra: number; dec: number } | undefined {
  const named = (name: string) =>
    fields.findIndex(field => isReal(field) && field.name.toLowerCase() === name)
  for (const [raName, decName] of NAMES) {
    const [ra, dec] = [named(raName), named(decName)]
    if (ra >= 0 && dec >= 0) return { ra, dec }
  }
  return undefined
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
  const found = TO_DEGREES.find(([pattern]) => pattern.test(unit))
  if (found && found[1] !== 1) notices.push(`Column ${field.name} is converted from ${unit} to degrees.`)
  return found?.[1]
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
  const names = `id objectid object_id objid obj_id sourceid source_id source ${table}id ${table}_id`
    .toLowerCase()
    .split(' ')
  const named = names
    .map(name => fields.findIndex(field => isKey(field) && field.name.toLowerCase() === name))
    .find(index => index >= 0)
  const found = main.length === 1 ? main : []
  return named === undefined || found.includes(named) ? found : [...found, named]
}

function fieldNamed(fields: readonly Field[], name: string, option: string): number {
  const exact = fields.findIndex(field => field.name === name)
  const index =
    exact >= 0 ? exact : fields.findIndex(field => field.name.toLowerCase() === name.toLowerCase())
  if (index >= 0) return index
  const names = fields.map(field => field.name).join(', ')
  throw new ServiceError('usage', `${option}: the file has no column ${name}.`, {
    detail: `It has: ${names}`,
  })
}

function isReal(field: Field): boolean {
  return field.arraysize === undefined && (field.datatype === 'double' || field.datatype === 'float')
}

/** A single integer or a single string. */
function isKey({ datatype, arraysize }: Field): boolean {
  if (datatype === 'char' || datatype === 'unicodeChar') return !arraysize?.includes('x')
  return arraysize === undefined && ['unsignedByte', 'short', 'int', 'long'].includes(datatype)
}

function typeText({ datatype, arraysize }: Field): string {
  return arraysize === undefined ? datatype : `${datatype}[${arraysize}]`
}
