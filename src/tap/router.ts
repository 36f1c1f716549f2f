/** `/tap`: the resources of TAP 1.1 §2. */
import { type NextFunction, type Request, type Response, Router } from 'express'
import { identify } from '../auth/identity.ts'
import { limitsOf } from '../auth/limits.ts'
import type { Config } from '../config.ts'
import { parametersOf } from '../dali/parameters.ts'
import { clientSignal, send, sendError, sendXml, serviceError } from '../dali/respond.ts'
import { type RequestContent, readRequest, uploadsOf } from '../dali/uploads.ts'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { asksForVotable } from '../formats/index.ts'
import type { Jobs } from '../uws/job.ts'
import { uwsRouter } from '../uws/router.ts'
import { availabilityDocument, checkAvailability } from '../vosi/availability.ts'
import { capabilitiesDocument } from '../vosi/capabilities.ts'
import { allow } from '../vosi/router.ts'
import { tableDocument, tablesetDocument } from '../vosi/tables.ts'
import { tapCapabilities } from './capabilities.ts'
import { checkRoute } from './check-router.ts'
import { examplesDocument } from './examples.ts'
import { responseFormat, tapParameters } from './params.ts'
import { type Annotate, runTap } from './query.ts'
import { type CatalogOf, splitName } from './tap-schema.ts'
import { openRemote } from './upload-remote.ts'

export interface TapRouterDependencies {
  readonly db: Database
  readonly catalog: CatalogOf
  readonly config: Config
  readonly jobs: Jobs
  /** What other services say about the columns of a result, for clients that see the service at `origin`. */
  readonly annotate: (origin: string) => Annotate
  readonly upSince: Date
  /** URL of this service as the client of a request sees it, without the path: `https://host/prefix`. */
  readonly origin: (request: Request) => string
}

export function tapRouter(deps: TapRouterDependencies): Router {
  const { db, catalog, config } = deps
  const router = Router()
  const limits = { bytes: config.limits.requestBytes, uploadBytes: config.limits.uploadBytes }
  const remote = openRemote(config, () => deps.jobs)

  router.all('/sync', allow('GET', 'HEAD', 'POST'), async (request, response) => {
    const signal = clientSignal(response)
    let asText = false
    let content: RequestContent | undefined
    try {
      const own = limitsOf(request, config.limits)
      content = await readRequest(request, { ...limits, uploadBytes: own.uploadBytes }, deps.jobs.spool)
      const { parameters } = content
      asText = !asksForVotable(responseFormat(parameters))
      const params = tapParameters(parameters)
      const identity = identify(request)
      const result = await runTap(
        {
          db,
          catalog,
          limits: own,
          seconds: own.syncSeconds,
          folder: content.folder,
          annotate: deps.annotate(deps.origin(request)),
        },
        params,
        await uploadsOf(content, remote(identity, signal)),
        identity,
        signal,
      )
      response.locals.outcome = result.outcome
      await send(request, response, {
        contentType: result.contentType,
        headers: {
          'Content-Disposition': `inline; filename="${result.fileName}"`,
          ...(params.maxrec === undefined ? { 'X-Maxrec': String(result.maxrec) } : {}),
        },
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

  const kind = deps.jobs.kinds.find(one => one.name === 'tap')!
  router.use('/async', uwsRouter({ jobs: deps.jobs, kind, limits, origin: deps.origin }))

  const checkDependencies = { db, catalog, limits: config.limits, spool: deps.jobs.spool, remote }
  router.all('/check', allow('GET', 'HEAD', 'POST'), checkRoute(checkDependencies))

  router.get('/capabilities', async (request, response) => {
    const obscore = (await catalog(identify(request))).schemas.some(schema =>
      schema.tables.some(table => table.name.toLowerCase() === 'ivoa.obscore'),
    )
    sendXml(
      response,
      capabilitiesDocument(
        tapCapabilities(`${deps.origin(request)}/tap`, config, obscore),
        response.locals.securityMethods,
      ),
    )
  })

  router.get('/availability', async (_request, response) => {
    sendXml(response, availabilityDocument(await checkAvailability(db, deps.upSince)))
  })

  router.get('/tables', async (request, response) => {
    const detail = parametersOf(new URL(request.url, 'http://host').searchParams).single('DETAIL')
    if (detail !== undefined && detail !== 'min' && detail !== 'max') {
      throw new ServiceError('usage', `detail=${detail} is not known; say detail=min or detail=max`)
    }
    sendXml(response, tablesetDocument((await catalog(identify(request))).schemas, detail ?? 'max'))
  })

  router.get('/tables/:name', async (request, response) => {
    const { name } = request.params
    const seen = await catalog(identify(request))
    const tables = seen.schemas.flatMap(schema => schema.tables)
    const table =
      tables.find(t => t.name === name) ?? tables.find(t => t.name.toLowerCase() === name.toLowerCase())
    if (!table) {
      const [schema, inner] = splitName(name)
      const closed = seen.tables.closed?.(
        { text: schema, delimited: false },
        { text: inner, delimited: false },
      )
      if (closed) throw new ServiceError(closed.code, closed.message)
      throw new ServiceError('notFound', `there is no table ${name} here; /tap/tables lists what there is`)
    }
    sendXml(response, tableDocument(table))
  })

  router.get('/examples', async (request, response) => {
    sendXml(
      response,
      examplesDocument(await catalog(identify(request)), `${deps.origin(request)}/tap`),
      'application/xhtml+xml; charset=utf-8',
    )
  })

  for (const path of ['/capabilities', '/availability', '/tables', '/tables/:name', '/examples']) {
    router.all(path, allow('GET', 'HEAD'))
  }

  router.use((request: Request, _response: Response, next: NextFunction) => {
    if (request.path === '/') return next('router') // a page for people
    throw new ServiceError('notFound', `there is nothing at ${request.baseUrl}${request.path}`)
  })
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.locals.failure = error
    sendError(response, serviceError(error))
  })
  return router
}
