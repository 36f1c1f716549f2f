/** Light curves, from the identifiers to bytes: select → stream from PostgreSQL under the identity's role → writer. */
import type { Identity } from '../auth/identity.ts'
import type { Limits } from '../config.ts'
import { limited, noRows } from '../dali/maxrec.ts'
import type { Database } from '../db/database.ts'
import { selectRows } from '../db/select.ts'
import { ServiceError } from '../error.ts'
import { chooseFormat } from '../formats/index.ts'
import type { Info } from '../votable/document.ts'
import type { Outcome, RowBatch } from '../votable/row.ts'
import { type GivenIds, idFault, sortedIds } from './ids.ts'
import type { LightCurve } from './light-curve.ts'
import { annotate, type Position } from './metadata.ts'
import type { Filter, TimeSeriesParameters } from './params.ts'
import {
  binsStatement,
  faultsStatement,
  foldedStatement,
  pointsStatement,
  type Selection,
  type Statement,
} from './select.ts'

export interface TimeSeriesDependencies {
  readonly db: Database
  readonly limits: Limits
  /** For each statement in the database; 0: no limit. */
  readonly seconds: number
  /** For what a writer has to keep (FITS), made on demand; whoever gives it removes it. */
  readonly folder: () => Promise<string>
}

export interface TimeSeriesResult {
  readonly contentType: string
  readonly fileName: string
  readonly chunks: AsyncIterable<Uint8Array>
  /** Complete once `chunks` is. */
  readonly outcome: Outcome
  /** The format has no place for an overflow: it is to be said beside the body. */
  readonly silentOverflow: boolean
}

/** Whose request it is, and when it ends. */
export interface Asking {
  readonly identity: Identity
  readonly signal: AbortSignal
}

/** Throws `usage` for no identifier, and for a single one that can be none; of many such ones each gets a fault row. */
export function selectionOf(curve: LightCurve, filter: Filter, given: GivenIds): Selection {
  if (given.ids.length === 0) {
    throw new ServiceError('usage', 'ID is missing; say which objects, as in ID=123 or ID=123,456', {
      detail: `${curve.name} has light curves by ${curve.object.id.field.name}; a POST takes lists of any length.`,
    })
  }
  const fault = given.one ? idFault(curve, given.ids[0]!) : undefined
  if (fault) throw new ServiceError('usage', `ID=${given.ids[0]!.slice(0, 60)} ${fault}`)
  return { curve, filter, ...sortedIds(curve, given.ids), many: !given.one }
}

/** Resolves when the first rows are there; what is wrong with the request rejects before that. */
export async function runTimeSeries(
  deps: TimeSeriesDependencies,
  params: TimeSeriesParameters,
  given: GivenIds,
  asking: Asking,
): Promise<TimeSeriesResult> {
  const { curve, maxrec } = params
  const { writer, contentType, extension } = chooseFormat(params.responseFormat)
  const selection = selectionOf(curve, params.filter, given)
  const statement = statementOf(params, selection)
  const [rows, position] = await Promise.all([
    maxrec === 0 ? noRows() : rowsOf(deps, selection, statement, writer.wire, asking),
    selection.many ? undefined : positionOf(deps.db, curve, selection.ids[0]!),
  ])
  const outcome: Outcome = { rows: 0, overflow: maxrec === 0, error: undefined }
  const { fields, head } = annotate(curve, statement.fields, infosOf(params, selection), position)
  const batches = maxrec === 0 ? noRows() : limited(rows, maxrec ?? Number.POSITIVE_INFINITY, outcome)
  return {
    contentType,
    fileName: selection.many
      ? `lightcurves.${extension}`
      : `lightcurve-${fileSafe(selection.ids[0]!)}.${extension}`,
    chunks: writer.write(
      { fields, batches, outcome },
      { ...head, queryStatus: maxrec === 0 ? 'OVERFLOW' : 'OK' },
      deps.folder,
    ),
    outcome,
    silentOverflow: !writer.saysOverflow,
  }
}

const fileSafe = (text: string) => text.replace(/[^\w.-]/g, '_').slice(0, 80)

function statementOf(
  { product, detail, maxrec, reference }: TimeSeriesParameters,
  selection: Selection,
): Statement {
  switch (product.kind) {
    case 'bins':
      return binsStatement(selection, product.seconds, maxrec)
    case 'folded':
      return foldedStatement(selection, detail, product, maxrec, reference)
    default:
      return pointsStatement(selection, detail, maxrec, reference)
  }
}

/** The rows with data, then those with faults. */
async function rowsOf(
  deps: TimeSeriesDependencies,
  selection: Selection,
  statement: Statement,
  wire: 'binary' | 'text',
  asking: Asking,
): Promise<AsyncIterable<RowBatch>> {
  const rows = await streamOf(deps, statement, wire, asking)
  if (!selection.many) return rows
  return followed(rows, () => streamOf(deps, faultsStatement(selection, statement.fields), wire, asking))
}

async function* followed(
  rows: AsyncIterable<RowBatch>,
  more: () => Promise<AsyncIterable<RowBatch>>,
): AsyncGenerator<RowBatch> {
  yield* rows
  yield* await more()
}

/** A statement's rows; failures are told in words for the client, when they come. */
export function streamOf(
  { db, limits, seconds }: TimeSeriesDependencies,
  { text, values, fields }: Statement,
  wire: 'binary' | 'text',
  { identity, signal }: Asking,
): Promise<AsyncIterable<RowBatch>> {
  return selectRows(db, {
    text,
    values,
    fields,
    wire,
    role: identity.role,
    seconds,
    stallSeconds: limits.stallSeconds,
    signal,
    advice: 'Ask for fewer objects, a range of TIME, or BIN; or send the request to /datalink/async.',
  })
}

async function positionOf(
  db: Database,
  { object, idType }: LightCurve,
  id: string,
): Promise<Position | undefined> {
  if (!object.position) return undefined
  const { table, position } = object
  const column = (name: string) => `${quoted(name)}::float8`
  const [row] = await db.query<{ ra: number | null; dec: number | null }>(
    `SELECT ${column(position.ra.sqlName)} AS ra, ${column(position.dec.sqlName)} AS dec
       FROM ${quoted(table.sqlSchema)}.${quoted(table.sqlName)} WHERE ${quoted(object.id.sqlName)} = $1::${idType} LIMIT 1`,
    [id],
  )
  return row && row.ra !== null && row.dec !== null ? { ra: row.ra, dec: row.dec } : undefined
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

function infosOf({ curve, filter, product }: TimeSeriesParameters, selection: Selection): readonly Info[] {
  const info = (name: string, value: string | undefined, text?: string): Info[] =>
    value === undefined ? [] : [{ name, value, ...(text && { text }) }]
  return [
    ...info('TABLE', curve.name),
    ...info('ID', selection.many ? undefined : selection.ids[0]),
    ...info('objects', String(selection.ids.length)),
    ...info('BAND', filter.bands?.join(' ')),
    ...info('TIME', filter.time && `${filter.time.low} ${filter.time.high}`),
    ...info('QUALITY', filter.quality === 'all' ? undefined : filter.quality),
    ...info('BIN', product.kind === 'bins' ? `${product.seconds}s` : undefined),
    ...info('FOLD', product.kind === 'folded' ? `${product.periodDays} ${product.epoch}` : undefined),
    ...Object.entries(curve.quality?.meaning ?? {}).flatMap(([bit, meaning]) => info(`flag_${bit}`, meaning)),
  ]
}
