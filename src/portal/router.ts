/** `/`: pages for people, and their assets. */
import { fileURLToPath } from 'node:url'
import express, { type Request, Router } from 'express'
import { isAdmitted, type Rules } from '../auth/access.ts'
import { identify } from '../auth/identity.ts'
import { pageHeaders } from '../auth/page-headers.ts'
import type { Config } from '../config.ts'
import { PAGE_POLICY } from '../dali/policy.ts'
import type { Client } from '../db/database.ts'
import type { PublishedTrees } from '../hips/published.ts'
import { visibleTrees } from '../hips/visible.ts'
import type { CatalogOf } from '../tap/tap-schema.ts'
import { shownCollections } from './images.ts'
import { frontPage } from './page.ts'
import { skyPage } from './sky.ts'

export interface PortalDependencies {
  readonly db: Client
  readonly catalog: CatalogOf
  readonly config: Config
  readonly trees: PublishedTrees
  readonly rules: () => Rules
  readonly origin: (request: Request) => string
}

const ASSETS = fileURLToPath(new URL('assets', import.meta.url))

/** Aladin Lite makes its own styles and workers and compiles WebAssembly; it may reach this service only. */
const SKY_POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'"

/** The folder of Aladin Lite, as its authors publish it. */
const ALADIN = fileURLToPath(new URL('.', import.meta.resolve('aladin-lite')))

export function portalRouter({ db, catalog, config, trees, rules, origin }: PortalDependencies): Router {
  const router = Router()
  // With a root, because a clone may lie below a folder whose name begins with a dot.
  router.get('/assets/aladin.js', (_request, response) =>
    response.sendFile('aladin.js', { root: ALADIN, maxAge: '1d' }),
  )
  const remembered = lately(() => shownCollections(db))
  router.use('/assets', express.static(ASSETS, { maxAge: '1h', index: false }))
  router.get(
    ['/', '/tap'],
    pageHeaders(() => PAGE_POLICY),
    async (request, response) => {
      const collections = (await remembered()).filter(({ collection }) =>
        isAdmitted(rules().rule('collection', collection), identify(request)),
      )
      response
        .type('html')
        .send(
          frontPage(await catalog(identify(request)), collections, config, origin(request), identify(request))
            .text,
        )
    },
  )
  router.get(
    '/sky',
    pageHeaders(() => SKY_POLICY),
    async (request, response) => {
      response
        .type('html')
        .send(skyPage(await visibleTrees(trees, rules(), identify(request)).all(), config.title).text)
    },
  )
  return router
}

/** How long the collections on the page may lag behind: counting a million images takes a while. */
const LAG_MS = 20_000

function lately<T>(read: () => Promise<T>): () => Promise<T> {
  let at = Number.NEGATIVE_INFINITY
  let value: Promise<T> | undefined
  return () => {
    if (value === undefined || performance.now() - at > LAG_MS) {
      at = performance.now()
      value = read()
      value.catch(() => {
        value = undefined
      })
    }
    return value
  }
}
