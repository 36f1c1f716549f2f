/** A TAP query as a job (TAP 1.1 §2.2): the same `runTap` as sync, with the storage as its sink. */
import { compile } from '../adql/index.ts'
import type { Limits } from '../config.ts'
import { uploadsOf } from '../dali/uploads.ts'
import type { Database } from '../db/database.ts'
import type { JobKind } from '../uws/job.ts'
import { tapParameters } from './params.ts'
import { sqlIdentifier } from './publish.ts'
import { runTap } from './query.ts'
import type { Catalog } from './tap-schema.ts'

export interface TapJobsDependencies {
  readonly db: Database
  readonly catalog: () => Promise<Catalog>
  readonly limits: Limits
}

/** Seconds for one unit of PostgreSQL's cost, which is about the reading of a page from memory. */
const SECONDS_PER_COST = 1e-5

export function tapJobs({ db, catalog, limits }: TapJobsDependencies): JobKind {
  return {
    name: 'tap',
    path: '/tap/async',
    once: ['REQUEST', 'VERSION', 'LANG', 'QUERY', 'MAXREC', 'FORMAT', 'RESPONSEFORMAT'],
    title: parameters => parameters.single('QUERY') || undefined,

    async estimate(parameters, identity) {
      const params = tapParameters(parameters)
      const maxrec = Math.min(params.maxrec ?? limits.maxrecDefault, limits.maxrecHard)
      const compiled = compile(params.query, (await catalog()).tables, { maxrec })
      const plan = await db.transaction(async client => {
        await client.query(`SET LOCAL ROLE ${sqlIdentifier(identity.role)}`)
        return client.query<{ 'QUERY PLAN': [{ Plan: { 'Total Cost': number } }] }>(
          `EXPLAIN (FORMAT JSON) ${compiled.text}`,
          compiled.values,
        )
      })
      return { seconds: plan[0]!['QUERY PLAN'][0].Plan['Total Cost'] * SECONDS_PER_COST }
    },

    async run({ job, parameters, files, folder, signal, write }) {
      const seconds = job.executionDuration
      const params = tapParameters(parameters)
      const uploads = await uploadsOf({ parameters, files: await files(), folder })
      const result = await runTap({ db, catalog, limits, seconds }, params, uploads, job.identity, signal)
      const { contentType, fileName, outcome } = result
      await write({ id: 'result', contentType, fileName, outcome }, result.chunks)
    },
  }
}
