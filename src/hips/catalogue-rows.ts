/** Rows of a published table on their way into a catalogue HiPS: in the order of their cells, as lines of TSV. */
import { compile } from '../adql/index.ts'
import type { ColumnMeta, TableMeta, Tables } from '../adql/tables.ts'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { tsvWriter } from '../formats/separated.ts'
import type { Field } from '../votable/field.ts'
import type { Outcome } from '../votable/row.ts'
import { streamOwn } from './own-rows.ts'
import { positionOf } from './position.ts'

/** Cells of this order number the rows: the finest that a number holds. */
export const ROW_ORDER = 24

export interface CatalogueRow {
  /** NESTED, of ROW_ORDER. */
  readonly cell: number
  /** Rows of lower rank are shown first. */
  readonly rank: number
  /** Values between tabs, without a line end; the bytes of UTF-8 as latin1. */
  readonly line: string
}

export interface Selection {
  readonly table: TableMeta
  readonly columns: readonly ColumnMeta[]
  /** An ADQL expression, and whether its largest values come first; undefined: any row as likely as any other. */
  readonly rank: { readonly expression: string; readonly largestFirst: boolean } | undefined
  /** An ADQL condition that rows must meet. */
  readonly where: string | undefined
}

export interface SelectedRows {
  /** Of the columns asked for. */
  readonly fields: readonly Field[]
  /** Batches in the order of the cells. */
  readonly rows: AsyncIterable<readonly CatalogueRow[]>
}

/** As a delimited identifier, which is right for every published name. */
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

/** Name of the column with the cells of order 29 (DESIGN §3). */
const CELLS = 'hpx29'

const hasCells = ({ columns }: TableMeta) => columns.some(({ sqlName }) => sqlName === CELLS)

/** The ADQL of a row's cell of an order up to 29; throws `usage` for a table without positions. */
export function cellExpression(table: TableMeta, order: number): string {
  if (hasCells(table)) {
    const scale = 4n ** BigInt(29 - order)
    return scale === 1n ? CELLS : `${CELLS} / ${scale}`
  }
  const [ra, dec] = coordinates(table)
  return `ivo_healpix_index(${order}, ${ra}, ${dec})`
}

/** What a row must have to be in a cell at all. */
export function placedCondition(table: TableMeta): string {
  if (hasCells(table)) return `${CELLS} IS NOT NULL`
  const [ra, dec] = coordinates(table)
  return `${ra} BETWEEN -360 AND 720 AND ${dec} BETWEEN -90 AND 90`
}

function coordinates(table: TableMeta): readonly [ra: string, dec: string] {
  const position = positionOf(table)
  if (!position)
    throw new ServiceError('usage', `${table.schema}.${table.name} has no columns with a position`)
  return [quoted(position.ra.field.name), quoted(position.dec.field.name)]
}

export const tableInAdql = ({ schema, name }: TableMeta) => `${quoted(schema)}.${quoted(name)}`

/** Streams the rows under the owner's role. */
export async function selectCatalogue(
  db: Database,
  tables: Tables,
  selection: Selection,
  signal: AbortSignal,
): Promise<SelectedRows> {
  const { table, columns, rank, where } = selection
  const names = columns.map(({ field }) => quoted(field.name))
  const sql = compile(
    `SELECT ${cellExpression(table, ROW_ORDER)} AS row_cell, ${rank ? rank.expression : '0'} AS row_rank, ${names.join(', ')}
       FROM ${tableInAdql(table)}
      WHERE ${placedCondition(table)}${where ? ` AND (${where})` : ''}
      ORDER BY ${cellExpression(table, 29)}`,
    tables,
    { maxrec: undefined },
  )
  const [, rankField, ...fields] = sql.fields
  if (rankField!.arraysize !== undefined || ['char', 'unicodeChar', 'boolean'].includes(rankField!.datatype))
    throw new ServiceError('usage', `${rank?.expression} is no number: rows cannot be ranked by it`)
  const outcome: Outcome = { rows: 0, overflow: false, error: undefined }
  const batches = await streamOwn(db, sql, signal)
  const chunks = tsvWriter(false).write({ fields: sql.fields, batches, outcome }, { infos: [] })
  return { fields, rows: rowsOf(chunks, rank) }
}

/** Chunks end with whole lines. */
async function* rowsOf(
  chunks: AsyncIterable<Uint8Array>,
  rank: Selection['rank'],
): AsyncGenerator<readonly CatalogueRow[]> {
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    const rows: CatalogueRow[] = []
    for (let at = 0; at < bytes.length; ) {
      const end = bytes.indexOf(0x0a, at)
      const line = bytes.toString('latin1', at, end)
      const first = line.indexOf('\t')
      const second = line.indexOf('\t', first + 1)
      const cell = Number(line.slice(0, first))
      rows.push({
        cell,
        rank: rank ? rankOf(line.slice(first + 1, second), rank.largestFirst) : shuffled(cell, rows.length),
        line: line.slice(second + 1),
      })
      at = end + 1
    }
    yield rows
  }
}

/** What has no value comes last. */
function rankOf(text: string, largestFirst: boolean): number {
  const value = text === '' ? Number.NaN : Number(text)
  if (Number.isNaN(value)) return text === 'Infinity' ? (largestFirst ? -Infinity : Infinity) : Infinity
  return largestFirst ? -value : value
}

/** A number that has nothing to do with the place, the same at every build. */
function shuffled(cell: number, i: number): number {
  let h = (cell % 2 ** 32) ^ Math.imul(Math.floor(cell / 2 ** 32) + i, 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
