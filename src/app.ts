/** The HTTP service: routers under their paths, and what holds for every request. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import type { Access } from './auth/access.ts'
import { authenticate, completeRefusals } from './auth/authenticate.ts'
import { callerOf } from './auth/identity.ts'
import type { Auth } from './auth/index.ts'
import type { LimitsSource } from './auth/limits.ts'
import { limitsRouter } from './auth/limits-router.ts'
import { limited } from './auth/rate.ts'
import { authRouter } from './auth/router.ts'
import type { Config } from './config.ts'
import { cutoutRouter } from './cutout/router.ts'
import { describe } from './datalink/descriptor.ts'
import { datalinkRouter } from './datalink/router.ts'
import type { LightCurveSource } from './datalink/source.ts'
import type { Database } from './db/database.ts'
import { mocRouter } from './files/moc-router.ts'
import { previewRouter } from './files/preview-router.ts'
import { filesRouter } from './files/router.ts'
import { tileMaker } from './hips/on-demand.ts'
import { publishedTrees } from './hips/published.ts'
import { hipsRouter } from './hips/router.ts'
import { hipsCoverage } from './hips/visible.ts'
import { describeImages, isPublisherDid } from './images/descriptors.ts'
import type { Log } from './log.ts'
import { authPages } from './portal/auth-pages.ts'
import { limitsPage } from './portal/limits-page.ts'
import { portalRouter } from './portal/router.ts'
import { coneRouter } from './scs/router.ts'
import { sia2Router } from './sia/router.ts'
import { sia1Router } from './sia/sia1-router.ts'
import type { Annotate } from './tap/query.ts'
import { tapRouter } from './tap/router.ts'
import type { CatalogOf } from './tap/tap-schema.ts'
import type { Jobs } from './uws/job.ts'
import { jobsRouter } from './uws/jobs-router.ts'
import { checkAvailability } from './vosi/availability.ts'
import type { SchemaDescription } from './vosi/tables.ts'
import type { Outcome } from './votable/row.ts'

export interface AppDependencies {
  readonly config: Config
  readonly log: Log
  readonly db: Database
  readonly catalog: CatalogOf
  readonly access: Access
  readonly allowances: LimitsSource
  readonly jobs: Jobs
  readonly curves: LightCurveSource
  readonly auth: Auth
}

/** Results with identifiers of objects or images say where the light curves, links and cutouts are. */
export function annotator(
  { catalog, curves }: Pick<AppDependencies, 'catalog' | 'curves'>,
  origin: () => string,
): Annotate {
  return async (fields, sources, identity) => {
    const { schemas } = await catalog(identity)
    const did = hasOwnObscore(schemas) ? sources.findIndex(isPublisherDid) : -1
    const images = did < 0 ? { fields, resources: [] } : describeImages(origin(), fields, did)
    const { all } = await curves.current(identity)
    if (all.length === 0) return images
    const objects = describe(all, schemas, `${origin()}/datalink`, sources, images.fields)
    return { fields: objects.fields, resources: [...images.resources, ...objects.resources] }
  }
}

/** Whether ivoa.ObsCore is the view over our images; a site may have a table of its own in its place. */
function hasOwnObscore(schemas: readonly SchemaDescription[]): boolean {
  const tables = schemas.flatMap(schema => schema.tables)
  return tables.some(({ name, type }) => name.toLowerCase() === 'ivoa.obscore' && type === 'view')
}

export function createApp(deps: AppDependencies): Express {
  const { config, log, db, catalog, jobs, curves, auth, access, allowances } = deps
  const { rules } = access
  const app = express()
  const upSince = new Date()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('trust proxy', config.trustedProxies.length > 0 ? config.trustedProxies : false)
  app.use(logged(log), openToScripts)
  const origin = (request: Request) => config.publicUrl ?? `${request.protocol}://${request.host}`
  const door = {
    known: auth.known,
    announced: auth.settings !== undefined,
    roleFor: access.roleFor,
    secret: auth.secret,
    publicUrl: config.publicUrl,
    origin,
  }
  completeRefusals(app, door)
  app.use(authenticate(door))
  app.use(limited({ db, limits: allowances }))
  const pages = authPages(config.title)
  app.use(
    '/auth/limits',
    limitsRouter({ db, limits: allowances, site: config.limits, origin, page: limitsPage(config.title) }),
  )
  app.use('/auth', authRouter({ db, auth, pages, publicUrl: config.publicUrl, origin }))
  const annotate = (url: string) => annotator({ catalog, curves }, () => url)
  app.use('/jobs', jobsRouter({ jobs, origin }))
  app.use('/tap', tapRouter({ db, catalog, config, jobs, annotate, upSince, origin }))
  app.use('/datalink', datalinkRouter({ db, config, curves, jobs, upSince, origin }))
  app.use('/cutout', cutoutRouter({ db, config, jobs, upSince, origin }))
  app.use('/files', filesRouter({ db }))
  app.use('/scs', coneRouter({ db, config, catalog, describe: annotate, spool: jobs.spool, upSince, origin }))
  app.use('/sia1', sia1Router({ db, config, rules, spool: jobs.spool, upSince, origin }))
  app.use('/sia2', sia2Router({ db, config, rules, spool: jobs.spool, upSince, origin }))
  const trees = publishedTrees(join(config.dir, 'hips'))
  app.use('/hips', hipsRouter({ trees, rules, origin, maker: tileMaker(jobs.spool) }))
  app.use('/preview', previewRouter({ db, config }))
  app.use('/moc', mocRouter({ db, rules, hips: hipsCoverage(trees, rules) }))
  app.get('/healthz', async (_request, response) => {
    const { available, notes } = await checkAvailability(db, upSince)
    response
      .status(available ? 200 : 503)
      .type('text/plain')
      .send(`${notes[0] ?? 'ok'}\n`)
  })
  app.use(portalRouter({ db, catalog, config, trees, rules, origin }))
  app.use((request, response) => {
    response
      .status(404)
      .type('text/plain')
      .send(`There is nothing at ${request.path}; the service begins at /\n`)
  })
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.locals.failure = error
    if (response.headersSent) response.destroy()
    else response.status(500).type('text/plain').send('The service failed on this request.\n')
  })
  return app
}

/** One line a request, with what failed when it was our fault. */
function logged(log: Log) {
  return (request: Request, response: Response, next: NextFunction) => {
    const begun = performance.now()
    const id = randomUUID()
    response.once('close', () => {
      const outcome = response.locals.outcome as Outcome | undefined
      const failure = response.locals.failure as Error | undefined
      const isOurs = failure !== undefined && response.statusCode >= 500
      const line = {
        id,
        method: request.method,
        url: request.originalUrl.split('?')[0],
        status: response.statusCode,
        ms: Math.round(performance.now() - begun),
        rows: outcome?.rows,
        shards: outcome?.shards,
        complete: response.writableFinished,
        agent: request.get('user-agent'),
        user: callerOf(request).identity.name,
        token: callerOf(request).tokenKey,
        error: isOurs ? undefined : failure?.message,
        err: isOurs ? failure : undefined,
      }
      if (isOurs) log.error(line, 'request failed')
      else log.info(line, 'request')
    })
    next()
  }
}

/** CORS for anonymous reads: web clients (Aladin Lite, pyvo in notebooks) come from other origins. */
function openToScripts(request: Request, response: Response, next: NextFunction) {
  response.setHeader('Server', 'Almagest')
  response.setHeader('Access-Control-Allow-Origin', '*')
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.setHeader(
    'Access-Control-Expose-Headers',
    'X-Maxrec, Location, Content-Disposition, Content-Range, ETag, Repr-Digest, X-VO-Authenticated, WWW-Authenticate, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Used, X-RateLimit-Reset, X-RateLimit-Resource',
  )
  if (request.method !== 'OPTIONS') return next()
  response.setHeader('Access-Control-Allow-Methods', 'GET, HEAD, POST, PUT, PATCH, DELETE')
  response.setHeader(
    'Access-Control-Allow-Headers',
    request.get('access-control-request-headers') ?? 'Content-Type',
  )
  response.setHeader('Access-Control-Max-Age', '86400')
  response.status(204).end()
}
