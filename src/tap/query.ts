/**
 * One TAP query, from its text to bytes, the same for sync and for a job:
 * uploads → compile → stream from PostgreSQL under the identity's role → limit → writer.
 */
import { statementError } from '../adql/failure.ts'
import { type Compiled, compile } from '../adql/index.ts'
import { tablesOf } from '../adql/tables.ts'
import type { Identity } from '../auth/identity.ts'
import type { Limits } from '../config.ts'
import type { Upload } from '../dali/uploads.ts'
import type { Database } from '../db/database.ts'
import { StallError, StatementError } from '../db/error.ts'
import { ServiceError } from '../error.ts'
import { chooseFormat } from '../formats/index.ts'
import type { Info } from '../votable/document.ts'
import type { Outcome, RowBatch } from '../votable/row.ts'
import type { TapParameters } from './params.ts'
import type { Catalog } from './tap-schema.ts'
import { readUploads, type UploadedTables } from './upload.ts'

export interface TapDependencies {
  readonly db: Database
  readonly catalog: () => Promise<Catalog>
  readonly limits: Limits
  /** For the statement in the database; 0: no limit. */
  readonly seconds: number
}

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
    const { tables } = await deps.catalog()
    const visible = uploads.length > 0 ? tablesOf([...tables.all, ...uploaded.metas]) : tables
    const compiled = compile(params.query, visible, { maxrec })
    const outcome: Outcome = { rows: 0, overflow: maxrec === 0, error: undefined }
    const batches = maxrec === 0 ? noRows() : limited(await stream(compiled), maxrec, outcome)
    const head = {
      infos: infos(params, compiled, uploaded),
      queryStatus: maxrec === 0 ? ('OVERFLOW' as const) : undefined,
    }
    return {
      contentType,
      fileName: `result.${extension}`,
      chunks: writer.write({ fields: compiled.fields, batches, outcome }, head),
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
        stallMs: deps.limits.stallSeconds * 1000,
        signal,
        ...(uploads.length > 0 && { prepare: client => uploaded.create(client, identity.role) }),
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

/** At most maxrec rows; one more from PostgreSQL means that there were more (DALI 1.1 §4.4.1). */
async function* limited(
  batches: AsyncIterable<RowBatch>,
  maxrec: number,
  outcome: Outcome,
): AsyncGenerator<RowBatch> {
  for await (const batch of batches) {
    const count = Math.min(batch.count, maxrec - outcome.rows)
    outcome.rows += count
    if (count > 0) yield count === batch.count ? batch : { ...batch, count }
    if (count < batch.count) {
      outcome.overflow = true
      return
    }
  }
}

async function* noRows(): AsyncGenerator<RowBatch> {}

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
  if (error instanceof StatementError) return statementError(error, compiled, query, timeoutMs)
  if (error instanceof StallError) {
    return new ServiceError('timeout', 'The query was ended because the client stopped reading its result.')
  }
  return error
}
