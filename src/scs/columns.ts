/**
 * Which columns an answer has. SCS 1.03 §2 wants the UCDs of before UCD1+ on exactly three: an identifier, which is a
 * text, and the position in double.
 */
import type { ColumnMeta, TableMeta } from '../adql/tables.ts'

export interface ConeColumns {
  readonly all: readonly ColumnMeta[]
  /** Indexes in `all`. */
  readonly id: number
  readonly ra: number
  readonly dec: number
}

/** Undefined for a table that cannot be searched: without a position, or without an identifier. */
export function coneColumns(table: TableMeta, verb: 1 | 2 | 3): ConeColumns | undefined {
  const { columns, position } = table
  const ra = columns.find(column => column.sqlName === position?.ra)
  const dec = columns.find(column => column.sqlName === position?.dec)
  const id = identifierOf(columns.filter(column => column !== ra && column !== dec))
  if (!ra || !dec || !id) return undefined
  const wanted = [id, ra, dec]
  const all = columns.filter(
    column => wanted.includes(column) || verb === 3 || (verb === 2 && column.principal),
  )
  return { all, id: all.indexOf(id), ra: all.indexOf(ra), dec: all.indexOf(dec) }
}

/** By UCD, then by name, then the first column of integers or texts. */
function identifierOf(columns: readonly ColumnMeta[]): ColumnMeta | undefined {
  const plain = columns.filter(({ field: { datatype, arraysize } }) =>
    datatype === 'char' || datatype === 'unicodeChar'
      ? !(arraysize ?? '').includes('x')
      : arraysize === undefined && /^(long|int|short)$/.test(datatype),
  )
  const ucd = (pattern: RegExp) => plain.find(({ field }) => pattern.test(field.ucd ?? ''))
  const name = (pattern: RegExp) => plain.find(({ field }) => pattern.test(field.name))
  return (
    ucd(/^(meta\.id;(.*;)?meta\.main|ID_MAIN)$/i) ??
    name(/^(obs_publisher_did|id|(obj|object|source|src)_?id)$/i) ??
    ucd(/^meta\.id(;|$)/i) ??
    name(/(id|name|designation)$/i) ??
    plain[0]
  )
}
