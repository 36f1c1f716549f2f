/** What is to be loaded, worked out from the headers of all files before anything is touched. */
import { cellIdShift } from '../adql/shard-facts.ts'
import { SHARD_COLUMN } from '../db/citus.ts'
import { sqlType } from '../db/sql-type.ts'
import { ServiceError } from '../error.ts'
import { type PublishedColumn, sqlIdentifier } from '../tap/publish.ts'
import type { Field } from '../votable/field.ts'
import { fieldAfter, newFacts, type Systems, type TextFacts } from '../votable/table-source.ts'
import { CELL_COLUMNS } from './cells.ts'
import type { ExistingColumn } from './existing.ts'
import type { FileReader } from './file-rows.ts'
import { commonType, type Headers, readHeaders } from './headers.ts'
import { nameColumns } from './names.ts'
import { SHARD_ORDER } from './place.ts'
import { fieldNamed, findIdentifiers, findPosition, type Position } from './position.ts'
import type { SqlColumn } from './statements.ts'

export interface PlanOptions {
  readonly files: readonly string[]
  readonly table: string
  readonly select?: string | undefined
  readonly id?: string | undefined
  readonly ra?: string | undefined
  readonly dec?: string | undefined
  /** More columns to index. */
  readonly indexes?: readonly string[] | undefined
  /** The identifier of an object that has its cell in its upper bits: the row goes to the object's shard. */
  readonly shardId?: string | undefined
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
  /** PostgreSQL column by which the rows are sorted, where they have cells. */
  readonly sortColumn: string | undefined
  /** PostgreSQL names of the columns to look rows up by. */
  readonly identifiers: readonly string[]
  /** PostgreSQL names of other columns to index. */
  readonly indexes: readonly string[]
  readonly systems: Systems
  /** Rows of all files, where all say so in their headers. */
  readonly rows: number | undefined
  readonly notices: readonly string[]
  /** Of the first file. */
  readonly description: string | undefined
  /** What was seen so far. */
  readonly facts: TextFacts
  /** Takes note of what the texts of a file turned out to be. */
  saw(facts: TextFacts): void
  /** Columns to publish; complete when the rows are read. */
  published(): PublishedColumn[]
}

/** PostgreSQL's limit. */
const MOST_COLUMNS = 1600

/** `existing`: the columns of the table that is appended to, whose types guesses must become. */
export async function planColumns(
  options: PlanOptions,
  existing?: readonly ExistingColumn[],
  readers?: readonly FileReader[],
): Promise<ColumnPlan> {
  const notices: string[] = []
  const headers = await readHeaders(options.files, options.select, notices, readers)
  const { rows, systems, guessed } = headers
  const fields = guessed && existing ? adapted(headers, existing) : headers.fields
  if (fields.length === 0) throw new ServiceError('usage', `${options.files[0]}: the table has no columns.`)
  if (fields.length + CELL_COLUMNS.length > MOST_COLUMNS) {
    throw new ServiceError(
      'usage',
      `${options.files[0]}: ${fields.length} columns; a table of PostgreSQL holds ${MOST_COLUMNS - CELL_COLUMNS.length} and the cells.`,
      { detail: 'Part the columns into several files, each with the identifier, and load each as a table.' },
    )
  }
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
  const shardId = findShardId(options.shardId, fields, named, placing)
  const cells = placing ? CELL_COLUMNS : shardId === undefined ? [] : CELL_COLUMNS.slice(1)
  const all = [...loaded, ...cells]
  const seen = newFacts()
  return {
    fields,
    kept,
    sqlColumns: all.map(({ field, sqlName }) => ({
      name: sqlName,
      type: sqlType(field),
      ...(shardId !== undefined && sqlName === SHARD_COLUMN && { generated: shardOf(shardId) }),
    })),
    sortColumn: placing
      ? 'hpx29'
      : all.some(({ sqlName, field }) => sqlName === SHARD_COLUMN && field.datatype === 'int')
        ? SHARD_COLUMN
        : undefined,
    placing,
    position: placing && { ra: named[placing.ra]!.sqlName, dec: named[placing.dec]!.sqlName },
    identifiers: identifiers.map(i => named[i]!.sqlName),
    indexes: [
      ...(options.indexes ?? []).map(name => named[fieldNamed(fields, name, '--index')]!.sqlName),
      ...(shardId === undefined ? [] : [shardId]),
    ],
    systems,
    description: headers.description,
    facts: seen,
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

/** PostgreSQL name of the column that `--shard-id` names. */
function findShardId(
  name: string | undefined,
  fields: readonly Field[],
  named: readonly { readonly sqlName: string }[],
  placing: Position | undefined,
): string | undefined {
  if (name === undefined) return undefined
  const index = fieldNamed(fields, name, '--shard-id')
  if (placing) {
    throw new ServiceError(
      'usage',
      'The rows have positions of their own, by which they are put into shards.',
      {
        detail: 'Leave --shard-id away.',
      },
    )
  }
  if (fields[index]!.datatype !== 'long') {
    throw new ServiceError('usage', `--shard-id: ${name} is no column of 64-bit integers.`)
  }
  return named[index]!.sqlName
}

export const shardOf = (sqlName: string): string =>
  `(${sqlIdentifier(sqlName)} >> ${cellIdShift(SHARD_ORDER)})::integer`

const NUMBERS = ['unsignedByte', 'short', 'int', 'long', 'float', 'double']

/**
 * Guesses as the types of a table that is there: numbers as its numbers, whose range is checked row by row; a column
 * without values as whatever it is there. Units come from there, too.
 */
function adapted({ fields, untyped }: Headers, existing: readonly ExistingColumn[]): Field[] {
  return fields.map((field, i) => {
    const column = existing.find(c => c.sqlName === field.name.toLowerCase())
    if (!column) return field
    const { datatype, arraysize, unit } = column
    const areNumbers = [field, column].every(f => f.arraysize === undefined && NUMBERS.includes(f.datatype))
    const fits =
      untyped?.has(i) ||
      areNumbers ||
      commonType({ ...field, datatype, arraysize } as Field, false, field, true)
    const { arraysize: _, ...rest } = field
    return {
      ...(fits ? { ...rest, datatype, ...(arraysize !== undefined && { arraysize }) } : field),
      ...(unit !== undefined && !field.unit && { unit }),
    }
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
