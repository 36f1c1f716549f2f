/** What is to be loaded, worked out from the headers of all files before anything is touched. */
import { sqlType } from '../db/sql-type.ts'
import { ServiceError } from '../error.ts'
import { openTable } from '../formats/read/open.ts'
import type { PublishedColumn } from '../tap/publish.ts'
import type { Field } from '../votable/field.ts'
import { isString } from '../votable/field.ts'
import { fieldAfter, newFacts, type TextFacts } from '../votable/table-source.ts'
import { nameColumns } from './names.ts'
import { SHARD_ORDER } from './place.ts'
import { findIdentifiers, findPosition, type Position } from './position.ts'
import type { SqlColumn } from './statements.ts'

export interface PlanOptions {
  readonly files: readonly string[]
  readonly table: string
  readonly select?: string | undefined
  readonly id?: string | undefined
  readonly ra?: string | undefined
  readonly dec?: string | undefined
}

export interface ColumnPlan {
  /** As the files have them. */
  readonly fields: readonly Field[]
  /** Which of them are loaded. */
  readonly kept: readonly boolean[]
  /** Columns in PostgreSQL: those that are kept, then hpx29 and hpx_shard where there is a position. */
  readonly sqlColumns: readonly SqlColumn[]
  readonly placing: Position | undefined
  /** PostgreSQL names of the position columns. */
  readonly position: { readonly ra: string; readonly dec: string } | undefined
  /** PostgreSQL names of the columns to look rows up by. */
  readonly identifiers: readonly string[]
  /** Rows of all files, where all say so in their headers. */
  readonly rows: number | undefined
  readonly notices: readonly string[]
  /** Takes note of what the texts of a file turned out to be. */
  saw(facts: TextFacts): void
  /** Columns to publish; complete when the rows are read. */
  published(): PublishedColumn[]
}

const CELL_COLUMNS: readonly PublishedColumn[] = [
  {
    field: {
      name: 'hpx29',
      datatype: 'long',
      ucd: 'pos.healpix',
      description: 'HEALPix cell of the position, NESTED, order 29',
    },
    sqlName: 'hpx29',
  },
  {
    field: {
      name: 'hpx_shard',
      datatype: 'int',
      ucd: 'pos.healpix',
      description: `HEALPix cell of the position, NESTED, order ${SHARD_ORDER}`,
    },
    sqlName: 'hpx_shard',
  },
]

export async function planColumns(options: PlanOptions): Promise<ColumnPlan> {
  const notices: string[] = []
  const { fields, rows } = await readHeaders(options, notices)
  if (fields.length === 0) throw new ServiceError('usage', `${options.files[0]}: the table has no columns.`)
  const named = nameColumns(fields, notices)
  const placing = findPosition(fields, options, notices)
  const identifiers = findIdentifiers(fields, options.id, options.table.replace(/^.*\./, ''))
  const isCell = (sqlName: string) => placing !== undefined && CELL_COLUMNS.some(c => c.sqlName === sqlName)
  const kept = named.map(({ sqlName, field }) => {
    if (isCell(sqlName)) notices.push(`Column ${field.name} of the file is left out: it is computed anew.`)
    return !isCell(sqlName)
  })
  const described = named.map((column, i) => describeColumn(column, i, placing, identifiers[0], notices))
  const loaded = described.filter((_, i) => kept[i])
  const all = placing ? [...loaded, ...CELL_COLUMNS] : loaded
  const seen = newFacts()
  return {
    fields,
    kept,
    sqlColumns: all.map(({ field, sqlName }) => ({ name: sqlName, type: sqlType(field) })),
    placing,
    position: placing && { ra: named[placing.ra]!.sqlName, dec: named[placing.dec]!.sqlName },
    identifiers: identifiers.map(i => named[i]!.sqlName),
    rows,
    notices,
    saw(facts) {
      for (const index of facts.unicode) seen.unicode.add(index)
      for (const index of facts.long) seen.long.add(index)
    },
    published: () =>
      all.map((column, position) => {
        const index = described.indexOf(column)
        return {
          ...column,
          field: fieldAfter(column.field, index, seen),
          principal: position < loaded.length,
        }
      }),
  }
}

/** The columns of the files, which must be the same in all of them. */
async function readHeaders(
  { files, select }: PlanOptions,
  notices: string[],
): Promise<{ fields: readonly Field[]; rows: number | undefined }> {
  let fields: readonly Field[] | undefined
  let rows: number | undefined = 0
  for (const file of files) {
    const source = await openTable(file, { select })
    await source.close()
    for (const notice of source.notices) notices.push(`${file}: ${notice}`)
    if (rows !== undefined) rows = source.rows === undefined ? undefined : rows + source.rows
    fields = fields ? mergeFields(fields, source.fields, files[0]!, file) : source.fields
  }
  return { fields: fields ?? [], rows }
}

/** Strings may differ in length from file to file; all else must not. */
function mergeFields(one: readonly Field[], other: readonly Field[], first: string, file: string): Field[] {
  const refuse = (what: string) =>
    new ServiceError('usage', `${file} has not the columns of ${first}: ${what}.`, {
      detail: 'Files of one table must have the same columns in the same order.',
    })
  if (one.length !== other.length) throw refuse(`${other.length} columns, not ${one.length}`)
  return one.map((a, i) => {
    const b = other[i]!
    if (a.name !== b.name) throw refuse(`column ${i + 1} is ${b.name}, not ${a.name}`)
    if (sqlType(a) !== sqlType(b)) throw refuse(`column ${a.name} is ${sqlType(b)}, not ${sqlType(a)}`)
    if (a.unit !== b.unit)
      throw refuse(`the unit of ${a.name} is ${b.unit ?? 'none'}, not ${a.unit ?? 'none'}`)
    if (a.arraysize === b.arraysize) return a
    if (isString(a) && !a.arraysize?.includes('x')) return { ...a, arraysize: '*' }
    throw refuse(`column ${a.name} has arraysize ${b.arraysize}, not ${a.arraysize}`)
  })
}

/** Position and main identifier get the unit and UCDs that clients look for, where the file has none. */
function describeColumn(
  column: { readonly field: Field; readonly sqlName: string },
  index: number,
  placing: Position | undefined,
  identifier: number | undefined,
  notices: string[],
): PublishedColumn {
  const { field, sqlName } = column
  const isPosition = index === placing?.ra || index === placing?.dec
  const ucd =
    field.ucd ??
    (index === placing?.ra
      ? 'pos.eq.ra;meta.main'
      : index === placing?.dec
        ? 'pos.eq.dec;meta.main'
        : index === identifier
          ? 'meta.id;meta.main'
          : undefined)
  if (ucd !== undefined && field.ucd === undefined) notices.push(`Column ${field.name} gets the UCD ${ucd}.`)
  return {
    field: { ...field, ...(ucd !== undefined && { ucd }), ...(isPosition && { unit: 'deg' }) },
    sqlName,
  }
}
