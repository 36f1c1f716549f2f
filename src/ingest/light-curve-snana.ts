/**
 * Light curves in SNANA's text format (SNANA manual §4.19): one file an object, with `KEY: value` lines, then
 * `VARLIST:` with the names of the columns and an `OBS:` line a detection. FLUXCAL is 10^(-0.4 (m - 27.5)).
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
} from './light-curve-files.ts'

interface SnanaFile {
  readonly header: ReadonlyMap<string, string>
  readonly rows: readonly ReadonlyMap<string, string>[]
}

/** Whether a file begins as those of SNANA do. */
export function isSnana(text: string): boolean {
  return /^SURVEY:/m.test(text) && /^SNID:/m.test(text) && /^(VARLIST|NOBS):/m.test(text)
}

export async function readSnana(
  files: readonly string[],
  textOf: (file: string) => Promise<string>,
): Promise<LightCurveFiles> {
  const curves: SnanaFile[] = []
  for (const file of files) curves.push(parseSnana(await textOf(file), file))
  const ids = curves.map(({ header }) => header.get('SNID')!)
  const id = idField('SNID', areIntegers(ids) ? 'long' : 'char')
  const idOf = ({ header }: SnanaFile): Cell => cellOf(id, header.get('SNID')!)
  const ofObject = columnsOf(
    curves.map(({ header }) => header),
    ['SNID', 'RA', 'DEC'],
  )
  const ofDetection = columnsOf(
    curves.flatMap(({ rows }) => rows),
    ['MJD', 'band', 'FLUXCAL', 'FLUXCALERR'],
  )
  const measured = [TIME, BAND, FLUX, FLUX_ERROR]
  return {
    objects: partOf(
      [id, RA, DEC, ...ofObject],
      curves.map(one => [
        idOf(one),
        ...[RA, DEC].map(field => cellOf(field, one.header.get(field.name.toUpperCase()))),
        ...ofObject.map(field => cellOf(field, one.header.get(field.name))),
      ]),
    ),
    detections: partOf(
      [{ ...id, ucd: 'meta.id.parent' }, ...measured, ...ofDetection],
      curves.flatMap(one =>
        one.rows.map(row => [
          idOf(one),
          ...[...measured, ...ofDetection].map(field => cellOf(field, row.get(field.name))),
        ]),
      ),
    ),
    id: 'SNID',
    position: { ra: 'ra', dec: 'dec' },
    block: {
      time: { column: 'MJD', scale: 'UTC', refposition: 'TOPOCENTER', origin: 'MJD-origin' },
      band: 'band',
      flux: { column: 'FLUXCAL', error: 'FLUXCALERR' },
      bands: bandsNamed(curves.flatMap(({ rows }) => rows.map(row => row.get('band') ?? ''))),
    },
    notices: [],
  }
}

const TIME: Field = {
  name: 'MJD',
  datatype: 'double',
  unit: 'd',
  ucd: 'time.epoch',
  description: 'Time of the observation',
}
export const FLUX: Field = {
  name: 'FLUXCAL',
  datatype: 'double',
  ucd: 'phot.flux',
  description: 'Flux; 1 is a magnitude of 27.5',
}
export const FLUX_ERROR: Field = {
  name: 'FLUXCALERR',
  datatype: 'double',
  ucd: 'stat.error;phot.flux',
  description: 'Standard error of FLUXCAL',
}

/** What stands under other names in some releases. */
const NAMES: Readonly<Record<string, string>> = { DECL: 'DEC', FLT: 'band', BAND: 'band', FILTER: 'band' }
/** About the text of the file, not about the object. */
const LAYOUT = /^(NOBS|NVAR|END|DETECTION|IGNORE)$/

export function parseSnana(text: string, file: string): SnanaFile {
  const header = new Map<string, string>()
  const rows: Map<string, string>[] = []
  let names: readonly string[] | undefined
  text.split(/\r?\n/).forEach((line, n) => {
    const match = /^\s*([^\s:#]+):(.*)$/.exec(line.replace(/\s#.*$/, ''))
    if (!match) return
    const key = /^PRIVATE\((.+)\)$/.exec(match[1]!)?.[1] ?? match[1]!
    const value = match[2]!.trim()
    const words = value.split(/\s+/)
    if (key === 'VARLIST') {
      names = words.map(name => NAMES[name] ?? name)
    } else if (key === 'OBS') {
      if (words.length !== names?.length)
        throw new ServiceError(
          'usage',
          `${file}, line ${n + 1}: ${words.length} values for the ${names?.length ?? 0} names of VARLIST`,
        )
      rows.push(new Map(names.map((name, i) => [name, words[i]!])))
    } else if (!LAYOUT.test(key) && value !== '') {
      for (const [name, part] of headerValues(NAMES[key] ?? key, value)) header.set(name, part)
    }
  })
  for (const name of ['SNID', 'RA', 'DEC'])
    if (!header.has(name)) throw new ServiceError('usage', `${file}: the file has no line ${name}:`)
  for (const name of ['MJD', 'band', 'FLUXCAL', 'FLUXCALERR'])
    if (names && !names.includes(name)) throw new ServiceError('usage', `${file}: VARLIST has no ${name}`)
  return { header, rows }
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/

/** `value +- error` are two columns; words after a single number are its unit or a remark. */
function headerValues(name: string, value: string): readonly (readonly [string, string])[] {
  const [first, second, third] = value.split(/\s+/)
  if (!NUMBER.test(first!)) return [[name, value]]
  if (second === undefined) return [[name, first!]]
  if (second === '+-' && third !== undefined)
    return [
      [name, first!],
      [`${name}_ERR`, third],
    ]
  return [[name, NUMBER.test(second) ? value : first!]]
}

/** Every column but those, with the type that all of its values have. */
function columnsOf(rows: readonly ReadonlyMap<string, string>[], but: readonly string[]): readonly Field[] {
  const kinds = new Map<string, 'long' | 'double' | 'char'>()
  for (const row of rows) {
    for (const [name, value] of row) {
      if (but.includes(name) || kinds.get(name) === 'char') continue
      const kind = areIntegers([value]) ? 'long' : NUMBER.test(value) ? 'double' : 'char'
      const before = kinds.get(name) ?? kind
      kinds.set(name, before === kind ? kind : [before, kind].includes('char') ? 'char' : 'double')
    }
  }
  return [...kinds].map(([name, datatype]) => ({
    name,
    datatype,
    ...(datatype === 'char' && { arraysize: '*' }),
  }))
}

function cellOf({ datatype }: Field, text: string | undefined): Cell {
  if (text === undefined || text === 'NULL') return null
  if (datatype === 'char') return text
  return datatype === 'long' ? BigInt(text) : Number(text)
}
