/** `/datalink`: links and light curves. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { type NextFunction, type Request, type Response, Router } from 'express'
import { identify } from '../auth/identity.ts'
import { limitsOf } from '../auth/limits.ts'
import type { Config } from '../config.ts'
import { parametersOf, readParameters } from '../dali/parameters.ts'
import { clientSignal, send, sendError, sendXml, serviceError } from '../dali/respond.ts'
import { type RequestContent, readRequest } from '../dali/uploads.ts'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { asksForVotable } from '../formats/index.ts'
import { submitJob } from '../uws/create.ts'
import type { Jobs } from '../uws/job.ts'
import { requesterOf, uwsRouter } from '../uws/router.ts'
import { ensureSession } from '../uws/session.ts'
import { requireReader } from '../uws/share.ts'
import { findJob } from '../uws/store.ts'
import { availabilityDocument, checkAvailability } from '../vosi/availability.ts'
import { capabilitiesDocument } from '../vosi/capabilities.ts'
import { allow } from '../vosi/router.ts'
import { runAnalysis } from './analysis.ts'
import { datalinkCapabilities } from './capabilities.ts'
import { type GivenIds, givenIds, IDS_PART, idsOfJob } from './ids.ts'
import { links, linksError } from './links.ts'
import { isWorkedOut, timeSeriesParameters } from './params.ts'
import { picture, pictureType } from './picture-answer.ts'
import type { LightCurveSource } from './source.ts'
import { runTimeSeries } from './timeseries.ts'

export interface DatalinkDependencies {
  readonly db: Database
  readonly config: Config
  readonly curves: LightCurveSource
  readonly jobs: Jobs
  readonly upSince: Date
  /** URL of this service as the client of a request sees it, without the path. */
  readonly origin: (request: Request) => string
}

/** A periodogram costs as much as this many light curves. */
const PERIODOGRAM_WEIGHT = 100

/** A million identifiers of 19 digits with commas are 20 MB. */
const ID_BYTES = 48_000_000

export function datalinkRouter(deps: DatalinkDependencies): Router {
  const { db, config, jobs, curves } = deps
  const router = Router()
  const limits = {
    bytes: Math.max(config.limits.requestBytes, ID_BYTES),
    uploadBytes: config.limits.uploadBytes,
  }
  const kind = jobs.kinds.find(one => one.name === 'datalink')!

  router.all('/timeseries', allow('GET', 'HEAD', 'POST'), async (request, response) => {
    const signal = clientSignal(response)
    let asText = false
    let content: RequestContent | undefined
    try {
      const own = limitsOf(request, config.limits)
      content = await readRequest(request, { ...limits, uploadBytes: own.uploadBytes }, jobs.spool)
      const { parameters } = content
      asText = !asksForVotable(parameters.single('RESPONSEFORMAT') || parameters.single('FORMAT'))
      const given = await withJob(content, request)
      const { all } = await curves.current(identify(request))
      const asked = timeSeriesParameters(parameters, all, given.table)
      // Light curves come whole, unless their reader may have so many rows only.
      const params =
        own === config.limits
          ? asked
          : { ...asked, maxrec: Math.min(asked.maxrec ?? own.maxrecHard, own.maxrecHard) }
      const most = config.limits.lightCurveObjects
      const weight = params.product.kind === 'periodogram' ? PERIODOGRAM_WEIGHT : 1
      if (given.ids.length * weight > most) {
        await startJob(request, response, content, given)
        return
      }
      const { folder } = content
      const one = { db, limits: own, seconds: own.syncSeconds, folder }
      const asking = { identity: identify(request), signal }
      const type = pictureType(params.responseFormat)
      if (type) {
        const bytes = await picture(one, params, given, type, asking)
        await send(request, response, { contentType: type, chunks: Readable.from([bytes]) })
        return
      }
      const run = isWorkedOut(params.product) ? runAnalysis : runTimeSeries
      const result = await run(one, params, given, asking)
      response.locals.outcome = result.outcome
      await send(request, response, {
        contentType: result.contentType,
        headers: { 'Content-Disposition': `inline; filename="${result.fileName}"` },
        chunks: result.chunks,
        stallMs: config.limits.stallSeconds * 1000,
        trailers: result.silentOverflow
          ? () => ({ 'Query-Status': result.outcome.overflow ? 'OVERFLOW' : 'OK' })
          : undefined,
      })
      if (result.outcome.cause) response.locals.failure = result.outcome.cause
    } catch (error) {
      if (signal.aborted) return
      response.locals.failure = error
      sendError(response, serviceError(error), asText)
    } finally {
      await content?.discard()
    }
  })

  /** The identifiers of the request, and of the finished job that it names. */
  async function withJob(content: RequestContent, request: Request): Promise<GivenIds> {
    const given = await givenIds(content)
    const id = content.parameters.single('JOB')
    if (!id) return given
    const job = /^[\w-]{1,64}$/.test(id) ? await findJob(db, id) : undefined
    if (!job || job.expiredAt)
      throw new ServiceError('notFound', `JOB=${id.slice(0, 64)}: there is no such job here`)
    await requireReader(db, job, identify(request))
    const more = await idsOfJob(
      job,
      jobs.storage,
      content.parameters.single('COLUMN'),
      await content.folder(),
    )
    return { ...given, ids: [...new Set([...given.ids, ...more])], one: false }
  }

  /** More objects than are answered at once: a job with the same parameters, its identifiers in a file. */
  async function startJob(
    request: Request,
    response: Response,
    content: RequestContent,
    given: GivenIds,
  ): Promise<void> {
    const file = path.join(await content.folder(), IDS_PART)
    await writeFile(file, given.ids.join('\n'))
    const own = content.parameters.pairs.filter(
      ([name]) => !['ID', 'JOB', 'COLUMN', 'UPLOAD', 'PHASE', 'TABLE'].includes(name.toUpperCase()),
    )
    const table = content.parameters.single('TABLE') ?? given.table
    const parameters = parametersOf([...own, ...(table ? [['TABLE', table] as const] : []), ['PHASE', 'RUN']])
    const session = identify(request).name ? undefined : ensureSession(request, response, request.secure)
    const id = await submitJob(jobs, kind, requesterOf(request, session), {
      parameters,
      files: new Map([[IDS_PART, file]]),
    })
    response.status(303).setHeader('Location', `${deps.origin(request)}${kind.path}/${id}`)
    response.end()
  }

  router.use('/async', uwsRouter({ jobs, kind, limits, origin: deps.origin }))

  router.all('/links', allow('GET', 'HEAD', 'POST'), async (request, response) => {
    try {
      const parameters = await readParameters(request, limits)
      const { all } = await curves.current(identify(request))
      const answer = await links(
        db,
        all,
        deps.origin(request),
        parameters.all('ID').filter(id => id !== ''),
        parameters.single('RESPONSEFORMAT') || undefined,
        identify(request),
        /pyvo/i.test(request.get('user-agent') ?? ''),
      )
      response.locals.outcome = answer.outcome
      await send(request, response, { contentType: answer.contentType, chunks: answer.chunks })
    } catch (error) {
      response.locals.failure = error
      sendError(response, linksError(serviceError(error)))
    }
  })

  router.get('/capabilities', (request, response) => {
    sendXml(
      response,
      capabilitiesDocument(
        datalinkCapabilities(`${deps.origin(request)}/datalink`),
        response.locals.securityMethods,
      ),
    )
  })

  router.get('/availability', async (_request, response) => {
    const availability = await checkAvailability(db, deps.upSince)
    const { problem } = await curves.current('operator')
    const notes =
      problem === undefined ? availability.notes : [...availability.notes, `Light curves: ${problem}`]
    sendXml(response, availabilityDocument({ ...availability, notes }))
  })

  for (const resource of ['/capabilities', '/availability']) router.all(resource, allow('GET', 'HEAD'))

  router.use((request: Request) => {
    throw new ServiceError('notFound', `there is nothing at ${request.baseUrl}${request.path}`)
  })
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.locals.failure = error
    sendError(response, serviceError(error))
  })
  return router
}
