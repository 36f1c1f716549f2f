/** `/sia2` and `/sia1`: images by where they are (SIA 2.0, SIA 1.0). */
import { type Request, Router } from 'express'
import type { Rules } from '../auth/access.ts'
import { identify } from '../auth/identity.ts'
import { limitsOf } from '../auth/limits.ts'
import type { Config } from '../config.ts'
import { labelled } from '../dali/faults.ts'
import { clientSignal, sendError, serviceError } from '../dali/respond.ts'
import { sendTable } from '../dali/table.ts'
import { type RequestContent, readRequest } from '../dali/uploads.ts'
import type { Database } from '../db/database.ts'
import { asksForVotable } from '../formats/index.ts'
import { obscoreUnder } from '../images/access.ts'
import { allow, endRoutes, vosiRouter } from '../vosi/router.ts'
import { sia2Capabilities } from './capabilities.ts'
import { runSia2 } from './query.ts'
import { urlListFormat } from './url-list.ts'

export interface SiaRouterDependencies {
  readonly db: Database
  readonly config: Config
  readonly rules: () => Rules
  /** Folder for what a request needs on disk. */
  readonly spool: string
  readonly upSince: Date
  /** URL of this service as the client of a request sees it, without the path. */
  readonly origin: (request: Request) => string
}

export function sia2Router(deps: SiaRouterDependencies): Router {
  const { db, config, rules, origin } = deps
  const { limits } = config
  const router = Router()

  router.all('/query', allow('GET', 'HEAD', 'POST'), async (request, response) => {
    const signal = clientSignal(response)
    let asText = false
    let content: RequestContent | undefined
    try {
      content = await readRequest(request, { bytes: limits.requestBytes, uploadBytes: 0 }, deps.spool)
      const { parameters, folder } = content
      const asked = parameters.all('RESPONSEFORMAT')[0]
      asText = urlListFormat(asked) !== undefined || !asksForVotable(asked)
      const table = await runSia2(
        {
          db,
          limits: limitsOf(request, limits),
          obscore: obscoreUnder(rules()),
          origin: origin(request),
          identity: identify(request),
          folder,
          signal,
        },
        parameters,
      )
      await sendTable(request, response, table, limits.stallSeconds)
    } catch (error) {
      if (signal.aborted) return
      response.locals.failure = error
      sendError(response, labelled(serviceError(error)), asText)
    } finally {
      await content?.discard()
    }
  })

  router.use(vosiRouter({ ...deps, capabilities: request => sia2Capabilities(`${origin(request)}/sia2`) }))
  endRoutes(router)
  return router
}
