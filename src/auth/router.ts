/** `/auth`: login and logout, access tokens, and who one is. */
import { Router } from 'express'
import { whoami } from './whoami.ts'

export interface AuthRouterDependencies {
  readonly publicUrl: string | undefined
}

export function authRouter({ publicUrl }: AuthRouterDependencies): Router {
  const router = Router()
  router.get('/whoami', whoami(publicUrl))
  return router
}
