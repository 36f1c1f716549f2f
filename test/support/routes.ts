/** Every route of the service, as express has it: for tests that must not miss a new one. */

export interface MountedRoute {
  /** As express writes patterns, with the mount paths: `/tap/async/:id`, `/files/*rest`. */
  readonly path: string
  /** In upper case; `*` is all. */
  readonly methods: readonly string[]
}

interface Layer {
  readonly handle: { readonly stack?: readonly Layer[] }
  readonly rawPath: string | readonly string[]
  readonly route?: { _methods(head: boolean): readonly string[] }
}

/** Middleware below a path answers for all that is below it; middleware of a whole router belongs to its routes. */
export function routesOf(app: { readonly router: unknown }): readonly MountedRoute[] {
  return walk((app.router as { stack: readonly Layer[] }).stack, '')
}

function walk(stack: readonly Layer[], base: string): MountedRoute[] {
  return stack.flatMap(({ handle, rawPath, route }) =>
    [rawPath].flat().flatMap(path => {
      const at = `${base}${path}`.replace(/\/+/g, '/').replace(/(.)\/$/, '$1')
      if (route) return [{ path: at, methods: route._methods(true) }]
      if (!handle.stack) return path === '/' ? [] : [{ path: `${at}/*rest`, methods: ['*'] }]
      const routes = walk(handle.stack, at)
      return routes.length > 0 ? routes : [{ path: `${at}/*rest`, methods: ['*'] }]
    }),
  )
}
