/** `/`: pages for people, and their assets. */
import { fileURLToPath } from 'node:url'
import express, { type Request, Router } from 'express'
import type { Config } from '../config.ts'
import type { Client } from '../db/database.ts'
import type { Catalog } from '../tap/tap-schema.ts'
import { shownCollections } from './images.ts'
import { frontPage } from './page.ts'

export interface PortalDependencies {
  readonly db: Client
  readonly catalog: () => Promise<Catalog>
  readonly config: Config
  readonly origin: (request: Request) => string
}

const ASSETS = fileURLToPath(new URL('assets', import.meta.url))

/** Nothing but our own style sheet, images and forms; results may be framed by nobody. */
const POLICY =
  "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

export function portalRouter({ db, catalog, config, origin }: PortalDependencies): Router {
  const router = Router()
  router.use('/assets', express.static(ASSETS, { maxAge: '1h', index: false }))
  router.get(['/', '/tap'], async (request, response) => {
    response.setHeader('Content-Security-Policy', POLICY)
    const collections = await shownCollections(db)
    response.type('html').send(frontPage(await catalog(), collections, config, origin(request)).text)
  })
  return router
}
