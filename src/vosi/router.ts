/** What every service has beside its own resources: capabilities, availability, and answers for what is not there. */
import { type NextFunction, type Request, type Response, Router } from 'express'
import { sendError, sendXml, serviceError } from '../dali/respond.ts'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { availabilityDocument, checkAvailability } from './availability.ts'
import { capabilitiesDocument } from './capabilities.ts'
import type { XmlElement } from './xml.ts'

export interface VosiDependencies {
  readonly db: Database
  readonly upSince: Date
  readonly capabilities: (request: Request) => readonly XmlElement[]
}

export function vosiRouter({ db, upSince, capabilities }: VosiDependencies): Router {
  const router = Router({ mergeParams: true })
  router.all(['/capabilities', '/availability'], allow('GET', 'HEAD'))
  router.get('/capabilities', (request, response) => {
    sendXml(response, capabilitiesDocument(capabilities(request), response.locals.securityMethods))
  })
  router.get('/availability', async (_request, response) => {
    sendXml(response, availabilityDocument(await checkAvailability(db, upSince)))
  })
  return router
}

/** 405 for every other method (VOSI 1.1 §2). */
export function allow(...methods: readonly string[]) {
  return (request: Request, response: Response, next: NextFunction) => {
    if (methods.includes(request.method)) return next()
    response.setHeader('Allow', methods.join(', '))
    throw new ServiceError('method', `${request.method} does not apply here; use ${methods.join(', ')}`)
  }
}

/** Last of a service's routes: 404 for every other path, and DALI's document for an error. */
export function endRoutes(router: Router): void {
  router.use((request: Request) => {
    throw new ServiceError('notFound', `there is nothing at ${request.baseUrl}${request.path}`)
  })
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.locals.failure = error
    sendError(response, serviceError(error))
  })
}
