/** Light curves of many objects as a job: the same `runTimeSeries`, with the storage as its sink. */
import type { Limits } from '../config.ts'
import type { Database } from '../db/database.ts'
import { convertVotable } from '../formats/convert.ts'
import type { JobKind } from '../uws/kind.ts'
import { runAnalysis } from './analysis.ts'
import { givenIds } from './ids.ts'
import { isWorkedOut, SINGLE, timeSeriesParameters } from './params.ts'
import type { LightCurveSource } from './source.ts'
import { runTimeSeries } from './timeseries.ts'

export interface LightCurveJobsDependencies {
  readonly db: Database
  readonly limits: Limits
  readonly curves: LightCurveSource
}

export function lightCurveJobs({ db, limits, curves }: LightCurveJobsDependencies): JobKind {
  return {
    name: 'datalink',
    path: '/datalink/async',
    once: SINGLE,
    title: parameters => {
      const table = parameters.single('TABLE')
      return `Light curves${table ? ` of ${table}` : ''}`
    },
    convert: convertVotable,
    estimate: async () => ({ seconds: 60 }),
    async run({ job, parameters, files, folder, signal, write }) {
      const given = await givenIds({ parameters, files: await files(), folder })
      const { all } = await curves.current(job.identity)
      const params = timeSeriesParameters(parameters, all, given.table)
      const deps = { db, limits, seconds: job.executionDuration, folder }
      const run = isWorkedOut(params.product) ? runAnalysis : runTimeSeries
      const result = await run(deps, params, given, { identity: job.identity, signal })
      const { contentType, fileName, outcome } = result
      await write({ id: 'result', contentType, fileName, outcome }, result.chunks)
    },
  }
}
