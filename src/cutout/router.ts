/** `/cutout`: SODA 1.0, and batches of positions. */
import { type NextFunction, type Request, type Response, Router } from 'express'
import { identify } from '../auth/identity.ts'
import type { Config } from '../config.ts'
import { readParameters } from '../dali/parameters.ts'
import { send, sendError, sendXml } from '../dali/respond.ts'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import type { Jobs } from '../uws/job.ts'
import { kindNamed } from '../uws/kind.ts'
import { uwsRouter } from '../uws/router.ts'
import { availabilityDocument, checkAvailability } from '../vosi/availability.ts'
import { capabilitiesDocument } from '../vosi/capabilities.ts'
import { allow } from '../vosi/router.ts'
import { cutoutCapabilities } from './capabilities.ts'
import { type Cutout, compositeCutout, cutout, imagesOf } from './cut.ts'
import { sodaError } from './faults.ts'
import { checkSync, cutoutRequest } from './params.ts'

export interface CutoutRouterDependencies {
  readonly db: Database
  readonly config: Config
  readonly jobs: Jobs
  readonly upSince: Date
  /** URL of this service as the client of a request sees it, without the path. */
  readonly origin: (request: Request) => string
}

export function cutoutRouter({ db, config, jobs, upSince, origin }: CutoutRouterDependencies): Router {
  const router = Router()
  const limits = { bytes: config.limits.requestBytes, uploadBytes: config.limits.uploadBytes }
  const deps = { db, spool: jobs.spool, cutoutPixels: config.limits.cutoutPixels }

  async function cut(request: Request): Promise<Cutout | undefined> {
    const parameters = await readParameters(request, limits)
    const asked = cutoutRequest(parameters)
    checkSync(asked, parameters)
    const images = await imagesOf(db, identify(request), asked.ids)
    const filter = asked.filters[0]!
    const { picture, composite } = asked.output
    return composite && picture
      ? compositeCutout(deps, images, filter, picture)
      : cutout(deps, images[0]!, filter, asked.output)
  }

  router.all('/sync', allow('GET', 'HEAD', 'POST'), async (request, response) => {
    let made: Cutout | undefined
    try {
      made = await cut(request)
      if (!made) {
        response.status(204).end()
        return
      }
      await send(request, response, {
        contentType: made.contentType,
        headers: { 'Content-Disposition': `inline; filename="${made.fileName}"` },
        chunks: made.chunks,
        stallMs: config.limits.stallSeconds * 1000,
      })
    } catch (error) {
      response.locals.failure = error
      sendError(response, sodaError(error), true)
    } finally {
      await made?.close()
    }
  })

  router.use('/async', uwsRouter({ jobs, kind: kindNamed(jobs, 'cutout'), limits, origin }))

  router.use('/batch', uwsRouter({ jobs, kind: kindNamed(jobs, 'cutout-batch'), limits, origin }))

  router.get('/capabilities', (request, response) => {
    sendXml(
      response,
      capabilitiesDocument(cutoutCapabilities(`${origin(request)}/cutout`), response.locals.securityMethods),
    )
  })
  router.get('/availability', async (_request, response) => {
    sendXml(response, availabilityDocument(await checkAvailability(db, upSince)))
  })
  for (const resource of ['/capabilities', '/availability']) router.all(resource, allow('GET', 'HEAD'))

  router.use((request: Request) => {
    throw new ServiceError('notFound', `there is nothing at ${request.baseUrl}${request.path}`)
  })
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.locals.failure = error
    sendError(response, sodaError(error), true)
  })
  return router
}
