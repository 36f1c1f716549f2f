/** ECSV 1.0 (Astropy Proposal for Enhancement 6): CSV whose columns are declared in YAML in its comments. */
import { parse as parseYaml } from 'yaml'
import { ServiceError } from '../../error.ts'
import type { Datatype, Field } from '../../votable/field.ts'
import { shapeOf, wireType } from '../../votable/field.ts'
import { checkedUtf8 } from '../../votable/read/feed.ts'
import { type Facts, NO_SYSTEMS, newFacts, type TableSource } from '../../votable/table-source.ts'
import {
  batchOf,
  beginRow,
  markBad,
  newTuples,
  putNull,
  type TableBatch,
  type Tuples,
} from '../../votable/tuple.ts'
import { type RecordCell, textRecordCell } from './csv.ts'
import type { OpenFile } from './file.ts'
import { isHash } from './layout.ts'
import { type Cells, cellText, type Dialect, eachRecord, newCells, scanRecord } from './records.ts'
import { type ValueCell, valueCell } from './value-cell.ts'

interface Declared {
  readonly name: string
  readonly datatype: string
  readonly subtype?: string
  readonly unit?: string
  readonly description?: string
  readonly meta?: unknown
}

const TYPES: Record<string, Datatype> = {
  bool: 'boolean',
  int8: 'short',
  uint8: 'unsignedByte',
  int16: 'short',
  uint16: 'int',
  int32: 'int',
  uint32: 'long',
  int64: 'long',
  uint64: 'long',
  float16: 'float',
  float32: 'float',
  float64: 'double',
  float128: 'double',
  complex64: 'floatComplex',
  complex128: 'doubleComplex',
  complex256: 'doubleComplex',
  string: 'char',
}

const STEP = 256 * 1024

export async function openEcsv(file: OpenFile): Promise<TableSource> {
  const { header, declared, names, dialect } = await readHeader(file)
  const wrong = declared.findIndex((column, i) => column.name !== names[i])
  if (declared.length !== names.length || wrong >= 0) {
    throw new ServiceError('usage', 'the names in the header line are not those of the YAML', {
      detail: `In the YAML: ${declared.map(c => c.name).join(', ')}\nIn the line: ${names.join(', ')}`,
    })
  }
  const facts = newFacts()
  const notices: string[] = []
  const fields = declared.map(column => fieldOf(column, notices))
  const meta = metaOf(header.meta)
  return {
    fields,
    rows: undefined,
    description: typeof meta.description === 'string' ? meta.description : undefined,
    systems: NO_SYSTEMS,
    guessed: false,
    notices,
    text: facts,
    batches: () => rowBatches(checkedUtf8(file.chunks()), dialect, fields, declared, facts),
  }
}

/** Bytes that the YAML may take. */
const MOST_HEADER = 16 * 1024 * 1024

async function readHeader(file: OpenFile) {
  let text = Buffer.alloc(0) as Buffer
  for await (const chunk of checkedUtf8(file.chunks())) {
    text = Buffer.concat([text, chunk])
    if (/(^|\n)[^#\s][^\n]*\n/.test(text.toString('utf8'))) break
    if (text.length > MOST_HEADER)
      throw new ServiceError('tooLarge', `the ECSV header has more than ${MOST_HEADER} bytes`)
  }
  const lines = text.toString('utf8').split(/\r?\n/)
  const first = lines.findIndex(line => !line.startsWith('#') && line.trim() !== '')
  if (first < 0) throw new ServiceError('usage', 'the file ends inside the ECSV header: it is truncated')
  const yaml = lines.slice(1, first).map(line => line.replace(/^# ?/, ''))
  const { header, declared } = parseHeader(yaml.join('\n'))
  const delimiter = (header.delimiter ?? ' ').charCodeAt(0)
  if (delimiter !== 0x20 && delimiter !== 0x2c) {
    throw new ServiceError(
      'usage',
      `the ECSV delimiter must be a blank or a comma, not '${header.delimiter}'`,
    )
  }
  const dialect: Dialect = { delimiter, multiline: true }
  const cells = newCells()
  const line = Buffer.from(`${lines[first]}\n`)
  scanRecord(line, 0, true, dialect, cells)
  const names = Array.from({ length: cells.count }, (_, i) => cellText(line, cells, i))
  return { header, declared, names, dialect }
}

interface Header {
  readonly datatype?: readonly Declared[]
  readonly delimiter?: string
  readonly meta?: unknown
}

function parseHeader(yaml: string): { header: Header; declared: readonly Declared[] } {
  let header: Header | undefined
  try {
    header = parseYaml(yaml, { customTags: ['omap'], maxAliasCount: 100, logLevel: 'silent' })
  } catch (error) {
    throw new ServiceError('usage', `the YAML of the ECSV header is broken: ${(error as Error).message}`)
  }
  const declared = header?.datatype
  if (!header || !Array.isArray(declared) || declared.some(c => typeof c?.datatype !== 'string')) {
    throw new ServiceError('usage', 'the ECSV header declares no columns (datatype)')
  }
  return { header, declared: declared.map(c => ({ ...c, name: String(c.name) })) }
}

/** The columns that such a YAML declares; astropy writes it into the footer of Parquet, too. */
export function fieldsOfYaml(yaml: string): Field[] {
  return parseHeader(yaml).declared.map(column => fieldOf(column, []))
}

/** Mappings, ordered ones and lists of single pairs as one object. */
function metaOf(meta: unknown): Record<string, unknown> {
  if (meta instanceof Map) return Object.fromEntries(meta)
  if (Array.isArray(meta)) return Object.assign({}, ...meta.map(metaOf))
  return typeof meta === 'object' && meta !== null ? (meta as Record<string, unknown>) : {}
}

function fieldOf(column: Declared, notices: string[]): Field {
  const { name, unit, description } = column
  const meta = metaOf(column.meta)
  const word = (key: string) =>
    typeof meta[key] === 'string' && meta[key] !== '' ? (meta[key] as string) : undefined
  const [ucd, utype, xtype] = [word('ucd'), word('utype'), word('xtype')]
  return {
    name,
    ...typeOf(column, notices),
    ...(xtype && { xtype }),
    ...(unit && { unit: String(unit) }),
    ...(ucd && { ucd }),
    ...(utype && { utype }),
    ...(description && { description: String(description) }),
  }
}

/** `subtype`: `float64[3]`, `int32[2,3]` (slowest axis first), `float64[null]`, `json`. */
function typeOf(
  { name, datatype, subtype }: Declared,
  notices: string[],
): Pick<Field, 'datatype' | 'arraysize'> {
  const own = TYPES[datatype]
  if (own === undefined) {
    notices.push(`Column ${name} has the datatype '${datatype}', which ECSV does not know: taken as text.`)
  }
  const match = /^(\w+)\[([\d, null]+)\]$/.exec(subtype ?? '')
  const element = match && TYPES[match[1]!]
  if (element && element !== 'char') {
    const axes = match[2]!.split(',').map(axis => axis.trim())
    const sizes = axes.map(axis => (axis === 'null' ? '*' : axis)).reverse()
    // Only the last axis of VOTable may vary.
    const arraysize = sizes.slice(0, -1).includes('*') ? '*' : sizes.join('x')
    return { datatype: element, arraysize }
  }
  if (own === undefined || own === 'char') return { datatype: 'char', arraysize: '*' }
  return { datatype: own }
}

async function* rowBatches(
  chunks: AsyncIterable<Buffer>,
  dialect: Dialect,
  fields: readonly Field[],
  declared: readonly Declared[],
  facts: Facts,
): AsyncGenerator<TableBatch> {
  const put = fields.map((field, i) =>
    wireType(field).endsWith('[]') || wireType(field) === 'bytea'
      ? jsonCell(field, valueCell(field, i, facts), declared[i]!)
      : textRecordCell(field, i, facts, true),
  )
  let tuples = newTuples(2 * STEP, 4096)
  const take = (data: Buffer, cells: Cells, record: number): boolean => {
    if (record === 1) return false // the names
    beginRow(tuples, fields.length)
    const count = Math.min(cells.count, fields.length)
    for (let c = 0; c < count; c++) put[c]!(data, cells, c, tuples)
    for (let c = count; c < fields.length; c++) putNull(tuples)
    if (cells.count !== fields.length) markBad(tuples, `${cells.count} cells, not ${fields.length}`)
    return tuples.at > STEP
  }
  for await (const _ of eachRecord(chunks, dialect, isHash, take)) {
    yield batchOf(tuples)
    tuples = newTuples(2 * STEP, tuples.count + 64)
  }
  if (tuples.count > 0) yield batchOf(tuples)
}

/** An array in JSON, nested by axis; a complex number as Python writes it. */
function jsonCell(field: Field, put: ValueCell, { name }: Declared): RecordCell {
  const isComplex = field.arraysize === undefined
  const { items } = shapeOf(field)
  return (data, cells, c, t: Tuples) => {
    const text = cellText(data, cells, c)
    if (text === '') {
      putNull(t)
      return
    }
    try {
      put(isComplex ? complexOf(text) : (JSON.parse(text, (_, v) => v) as unknown[]).flat(Infinity), t)
    } catch {
      markBad(
        t,
        `column ${name}: ${JSON.stringify(text.slice(0, 40))} is no array of ${items} values in JSON`,
      )
      putNull(t)
    }
  }
}

/** `(1+2j)` */
function complexOf(text: string): number[] {
  const match =
    /^\(?([+-]?[\d.eE]+(?:[eE][+-]?\d+)?|[+-]?nan|[+-]?inf)([+-](?:[\d.]+(?:[eE][+-]?\d+)?|nan|inf))j\)?$/i.exec(
      text.trim(),
    )
  if (!match) throw new SyntaxError(text)
  const number = (part: string) =>
    /nan/i.test(part)
      ? Number.NaN
      : /inf/i.test(part)
        ? part.startsWith('-')
          ? -Infinity
          : Infinity
        : Number(part)
  return [number(match[1]!), number(match[2]!)]
}
