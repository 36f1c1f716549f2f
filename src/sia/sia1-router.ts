/** `/sia1`: SIA 1.0, for clients that know no other. */
import { type Request, type Response, Router } from 'express'
import { identify } from '../auth/identity.ts'
import { limitsOf } from '../auth/limits.ts'
import { clientSignal, STATUS, sendError, serviceError } from '../dali/respond.ts'
import { sendTable } from '../dali/table.ts'
import { type RequestContent, readRequest } from '../dali/uploads.ts'
import { errorText, type ServiceError } from '../error.ts'
import { obscoreUnder } from '../images/access.ts'
import { allow, endRoutes, vosiRouter } from '../vosi/router.ts'
import { errorDocument } from '../votable/document.ts'
import { sia1Capabilities } from './capabilities.ts'
import type { SiaRouterDependencies } from './router.ts'
import { runSia1 } from './sia1-query.ts'

export function sia1Router(deps: SiaRouterDependencies): Router {
  const { db, config, rules, origin } = deps
  const { limits } = config
  const router = Router()

  router.all('/query', allow('GET', 'HEAD', 'POST'), async (request, response) => {
    const signal = clientSignal(response)
    let content: RequestContent | undefined
    try {
      content = await readRequest(request, { bytes: limits.requestBytes, uploadBytes: 0 }, deps.spool)
      const { parameters, folder } = content
      const asking = {
        db,
        limits: limitsOf(request, limits),
        obscore: obscoreUnder(rules()),
        origin: origin(request),
        identity: identify(request),
        folder,
        signal,
      }
      await sendTable(request, response, await runSia1(asking, parameters), limits.stallSeconds)
    } catch (error) {
      if (signal.aborted) return
      response.locals.failure = error
      sendSia1Error(response, serviceError(error))
    } finally {
      await content?.discard()
    }
  })

  router.use(
    vosiRouter({
      ...deps,
      capabilities: (request: Request) => sia1Capabilities(`${origin(request)}/sia1`, limits),
    }),
  )
  endRoutes(router)
  return router
}

/** SIA 1.0 §8.1: what is wrong with a request is told in a document by 200, since clients look no further at others. */
function sendSia1Error(response: Response, error: ServiceError): void {
  if (response.headersSent || STATUS[error.code] >= 500 || error.code === 'method') {
    sendError(response, error)
    return
  }
  response.setHeader('Cache-Control', 'no-store')
  response.status(200).setHeader('Content-Type', 'text/xml;content=x-votable')
  response.end(errorDocument(errorText(error)))
}
