/**
 * One TAP query, from its text to bytes, the same for sync and for a job:
 * uploads → compile → stream from PostgreSQL under the identity's role → limit → writer.
 */
import { statementError } from '../adql/failure.ts'
import { type Compiled, compile } from '../adql/index.ts'
import type { Identity } from '../auth/identity.ts'
import type { Limits } from '../config.ts'
import { limited, noRows } from '../dali/maxrec.ts'
import type { Upload } from '../dali/uploads.ts'
import { clusterRefusal } from '../db/citus.ts'
import type { Database } from '../db/database.ts'
import { StallError, StatementError } from '../db/error.ts'
import { shardsAsked } from '../db/shard-hash.ts'
import { ServiceError } from '../error.ts'
import { chooseFormat } from '../formats/index.ts'
import type { Info } from '../votable/document.ts'
import type { Field } from '../votable/field.ts'
import type { Outcome, RowBatch } from '../votable/row.ts'
import { onlyTable, withFrames } from './frames.ts'
import type { TapParameters } from './params.ts'
import type { CatalogOf } from './tap-schema.ts'
import { readUploads, type UploadedTables } from './upload.ts'
import { withTables } from './visible.ts'

export interface TapDependencies {
  readonly db: Database
  readonly catalog: CatalogOf
  readonly limits: Limits
  /** For the statement in the database; 0: no limit. */
  readonly seconds: number
  /** A folder for what a writer has to keep (FITS), made on demand; whoever gives it removes it. */
  readonly folder: () => Promise<string>
  readonly annotate: Annotate
}

/**
 * What other services have to say about the columns of a result (service descriptors, DataLink 1.1 §4): the fields
 * with the IDs that it refers to, and RESOURCE elements.
 */
export type Annotate = (
  fields: readonly Field[],
  sources: Compiled['sources'],
  identity: Identity,
) => Promise<{ readonly fields: readonly Field[]; readonly resources: readonly string[] }>

export interface TapResult {
  readonly contentType: string
  readonly fileName: string
  readonly chunks: AsyncIterable<Uint8Array>
  /** Complete once `chunks` is. */
  readonly outcome: Outcome
  readonly maxrec: number
  /** The format has no place for an overflow: it is to be said beside the body. */
  readonly silentOverflow: boolean
}

/** Resolves when the first rows are there; what is wrong with the query rejects before that. */
export async function runTap(
  deps: TapDependencies,
  params: TapParameters,
  uploads: readonly Upload[],
  identity: Identity,
  signal: AbortSignal,
): Promise<TapResult> {
  const { writer, contentType, extension } = chooseFormat(params.responseFormat)
  const maxrec = Math.min(params.maxrec ?? deps.limits.maxrecDefault, deps.limits.maxrecHard)
  const uploaded = await readUploads(uploads, deps.limits, signal)
  try {
    return await answer()
  } finally {
    await uploaded.close()
  }

  async function answer(): Promise<TapResult> {
    const { tables, systems } = await deps.catalog(identity)
    const visible = withTables(tables, uploaded.metas)
    const compiled = compile(params.query, visible, { maxrec })
    const shards = shardsAsked(compiled.asked)
    const outcome: Outcome = { rows: 0, overflow: maxrec === 0, error: undefined, shards }
    const batches = maxrec === 0 ? noRows() : limited(await stream(compiled), maxrec, outcome)
    const framed = withFrames(compiled.fields, compiled.sources, tables, [systems, uploaded.systems])
    const { fields, resources } = await deps.annotate(framed.fields, compiled.sources, identity)
    const tableName = onlyTable(compiled.sources)
    const head = {
      infos: infos(params, compiled, uploaded),
      resources,
      cooSys: framed.cooSys,
      timeSys: framed.timeSys,
      tableName,
      queryStatus: maxrec === 0 ? ('OVERFLOW' as const) : undefined,
    }
    return {
      contentType,
      fileName: `${tableName?.replace(/[^\w.-]+/g, '_') ?? 'result'}.${extension}`,
      chunks: writer.write({ fields, batches, outcome }, head, deps.folder),
      outcome,
      maxrec,
      silentOverflow: !writer.saysOverflow,
    }
  }

  async function stream(compiled: Compiled): Promise<AsyncIterable<RowBatch>> {
    const timeoutMs = deps.seconds * 1000
    const translate = (error: unknown) => queryFailure(error, compiled, params.query, timeoutMs)
    try {
      const rows = await deps.db.stream({
        text: compiled.text,
        values: compiled.values,
        fields: compiled.fields,
        wire: writer.wire,
        role: identity.role,
        timeoutMs,
        // Who sends the rows to a client watches it byte by byte; between two batches a row group may be sent.
        stallMs: 10 * deps.limits.stallSeconds * 1000,
        signal,
        ...(uploads.length > 0 && {
          prepare: client => uploaded.create(client, identity.role, compiled.text),
        }),
      })
      return failuresTold(rows, translate)
    } catch (error) {
      throw translate(error)
    }
  }
}

function infos(params: TapParameters, compiled: Compiled, uploaded: UploadedTables): readonly Info[] {
  return [
    { name: 'QUERY', value: params.query },
    ...[...uploaded.infos, ...compiled.infos].map((text, i) => ({ name: `note_${i + 1}`, value: text })),
  ]
}

async function* failuresTold(
  batches: AsyncIterable<RowBatch>,
  translate: (error: unknown) => unknown,
): AsyncGenerator<RowBatch> {
  try {
    yield* batches
  } catch (error) {
    throw translate(error)
  }
}

function queryFailure(error: unknown, compiled: Compiled, query: string, timeoutMs: number): unknown {
  const refusal = clusterRefusal(error)
  if (refusal) return refusal
  if (error instanceof StatementError) return statementError(error, compiled, query, timeoutMs)
  if (error instanceof StallError) {
    return new ServiceError('timeout', 'The query was ended because the client stopped reading its result.')
  }
  return error
}
