/** `/scs/<schema.table>`: Simple Cone Search 1.03 in every table that is searched by position. */
import { type NextFunction, type Request, type Response, Router } from 'express'
import type { TableMeta, Tables } from '../adql/tables.ts'
import { type Identity, identify } from '../auth/identity.ts'
import { limitsOf } from '../auth/limits.ts'
import type { Config } from '../config.ts'
import { clientSignal, sendXml, serviceError } from '../dali/respond.ts'
import { sendTable } from '../dali/table.ts'
import { type RequestContent, readRequest } from '../dali/uploads.ts'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { availabilityDocument, checkAvailability } from '../vosi/availability.ts'
import { capabilitiesDocument } from '../vosi/capabilities.ts'
import { allow } from '../vosi/router.ts'
import { coneCapabilities } from './capabilities.ts'
import { sendConeError } from './error.ts'
import { coneParameters } from './params.ts'
import { type Describe, runCone, searchable } from './query.ts'

export interface ConeRouterDependencies {
  readonly db: Database
  readonly config: Config
  readonly catalog: (viewer: Identity) => Promise<{ readonly tables: Tables }>
  /** For clients that see the service at `origin`. */
  readonly describe: (origin: string) => Describe
  /** Folder for what a request needs on disk. */
  readonly spool: string
  readonly upSince: Date
  readonly origin: (request: Request) => string
}

export function coneRouter(deps: ConeRouterDependencies): Router {
  const { db, config, catalog, origin } = deps
  const { limits } = config
  const router = Router()
  const tableOf = async (request: Request) =>
    searchable((await catalog(identify(request))).tables, String(request.params.table))

  router.all('/:table', allow('GET', 'HEAD', 'POST'), async (request, response) => {
    const signal = clientSignal(response)
    let content: RequestContent | undefined
    try {
      const table = await tableOf(request)
      content = await readRequest(request, { bytes: limits.requestBytes, uploadBytes: 0 }, deps.spool)
      const { parameters, folder } = content
      const describe = deps.describe(origin(request))
      const answer = await runCone(
        { db, limits: limitsOf(request, limits), describe, identity: identify(request), folder, signal },
        table,
        coneParameters(parameters),
      )
      await sendTable(request, response, answer, limits.stallSeconds)
    } catch (error) {
      if (signal.aborted) return
      response.locals.failure = error
      sendConeError(response, serviceError(error))
    } finally {
      await content?.discard()
    }
  })

  router.get('/:table/capabilities', async (request, response) => {
    const table = await tableOf(request)
    const baseUrl = `${origin(request)}/scs/${encodeURIComponent(`${table.schema}.${table.name}`)}`
    sendXml(
      response,
      capabilitiesDocument(
        coneCapabilities(baseUrl, limits, await somewhere(db, table)),
        response.locals.securityMethods,
      ),
    )
  })
  router.get('/:table/availability', async (request, response) => {
    await tableOf(request)
    sendXml(response, availabilityDocument(await checkAvailability(db, deps.upSince)))
  })
  router.all(['/:table/capabilities', '/:table/availability'], allow('GET', 'HEAD'))

  router.use((request: Request) => {
    throw new ServiceError('notFound', `there is nothing at ${request.baseUrl}${request.path}`)
  })
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.locals.failure = error
    sendConeError(response, serviceError(error))
  })
  return router
}

/** The position of any row. */
async function somewhere(db: Database, { sqlSchema, sqlName, position }: TableMeta) {
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
  const [ra, dec] = [quoted(position!.ra), quoted(position!.dec)]
  const [row] = await db.query<{ ra: number; dec: number }>(
    `SELECT ${ra}::float8 AS ra, ${dec}::float8 AS dec FROM ${quoted(sqlSchema)}.${quoted(sqlName)}
      WHERE ${ra} IS NOT NULL AND ${dec} IS NOT NULL LIMIT 1`,
  )
  return row
}
