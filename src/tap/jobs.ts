/** A TAP query as a job (TAP 1.1 §2.2): the same `runTap` as sync, with the storage as its sink. */
import { type Compiled, compile } from '../adql/index.ts'
import type { Identity } from '../auth/identity.ts'
import type { Limits } from '../config.ts'
import { uploadsOf } from '../dali/uploads.ts'
import type { Database } from '../db/database.ts'
import { shardsAsked } from '../db/shard-hash.ts'
import { ServiceError } from '../error.ts'
import { convertVotable } from '../formats/convert.ts'
import type { JobKind } from '../uws/kind.ts'
import { checkQuery } from './check.ts'
import { tapParameters } from './params.ts'
import { type Annotate, runTap } from './query.ts'
import type { CatalogOf } from './tap-schema.ts'
import type { Remote } from './upload-remote.ts'

export interface TapJobsDependencies {
  readonly db: Database
  readonly catalog: CatalogOf
  readonly limits: Limits
  readonly annotate: Annotate
  readonly remote: Remote
}

/** PostgreSQL's cost below which a query is small whatever the doctor would find. */
const SMALL_COST = 100
const SMALL_SECONDS = 0.005
const EXPLAIN_MS = 5000
/** Uploads of more bytes are not read just to know how long the query takes. */
const LARGE_UPLOAD = 2_000_000
/** Bytes a second that come into temporary tables (bench/upload.ts, TABLEDATA, the slowest). */
const UPLOAD_RATE = 10_000_000

export function tapJobs({ db, catalog, limits, annotate, remote }: TapJobsDependencies): JobKind {
  return {
    name: 'tap',
    path: '/tap/async',
    once: ['REQUEST', 'VERSION', 'LANG', 'QUERY', 'MAXREC', 'FORMAT', 'RESPONSEFORMAT'],
    convert: convertVotable,
    title: parameters => parameters.single('QUERY') || undefined,

    async admit({ parameters, identity }) {
      const { tables } = await catalog(identity)
      const query = parameters.single('QUERY')
      if (!tables.closed || !query) return
      try {
        compile(query, tables, { maxrec: 1 })
      } catch (error) {
        if (error instanceof ServiceError && error.code === 'unauthenticated') throw error
      }
    },

    /** Most queries are small, and PostgreSQL's plan says so in a millisecond; the others see the query doctor. */
    async estimate({ parameters, identity, uploads, files, folder }) {
      const params = tapParameters(parameters)
      const signal = AbortSignal.timeout(2 * EXPLAIN_MS)
      const bytes = uploads.reduce((sum, upload) => sum + upload.bytes, 0)
      if (bytes > LARGE_UPLOAD) return { seconds: bytes / UPLOAD_RATE }
      if (bytes > 0) {
        const tables = await uploadsOf({ parameters, files: await files(), folder })
        const { estimate, plan } = await checkQuery({ db, catalog, limits }, params, tables, identity, signal)
        if (!estimate) return undefined
        return { seconds: estimate.seconds + bytes / UPLOAD_RATE, shards: plan?.shards ?? undefined }
      }
      const { maxrecDefault, maxrecHard } = limits
      const maxrec = Math.min(params.maxrec ?? maxrecDefault, maxrecHard)
      const compiled = compile(params.query, (await catalog(identity)).tables, { maxrec })
      const shards = shardsAsked(compiled.asked)
      if ((await plannedCost(db, compiled, identity, signal)) < SMALL_COST)
        return { seconds: SMALL_SECONDS, shards }
      const { estimate } = await checkQuery({ db, catalog, limits }, params, [], identity, signal)
      return estimate ? { seconds: estimate.seconds, shards } : undefined
    },

    async run({ job, parameters, files, folder, signal, write }) {
      const seconds = job.executionDuration
      const params = tapParameters(parameters)
      const content = { parameters, files: await files(), folder }
      const uploads = await uploadsOf(content, remote(job.identity, signal))
      const result = await runTap(
        { db, catalog, limits, seconds, folder, annotate },
        params,
        uploads,
        job.identity,
        signal,
      )
      const { contentType, fileName, outcome } = result
      await write({ id: 'result', contentType, fileName, outcome }, result.chunks)
    },
  }
}

/** The total cost, which is in the first line of EXPLAIN's text. */
async function plannedCost(
  db: Database,
  { text, values }: Compiled,
  identity: Identity,
  signal: AbortSignal,
): Promise<number> {
  const rows = await db.stream({
    text: `EXPLAIN ${text}`,
    values,
    fields: [{ name: 'plan', datatype: 'char', arraysize: '*' }],
    wire: 'text',
    role: identity.role,
    timeoutMs: EXPLAIN_MS,
    stallMs: EXPLAIN_MS,
    signal,
  })
  let plan = ''
  for await (const { data } of rows) plan += data.toString()
  return Number(/cost=[\d.]+\.\.([\d.]+)/.exec(plan)?.[1])
}
