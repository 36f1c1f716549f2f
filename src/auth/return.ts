/** Where a login leads back to: a path of this service, never another site. */
import { ServiceError } from '../error.ts'

/** The path (with query) that `return` asks for, `/` without; `usage` for anything that leads elsewhere. */
export function returnPath(given: unknown, origin: string): string {
  const base = new URL(`${origin}/`)
  if (given === undefined || given === '') return base.pathname
  // Browsers take \ for / and pass over tabs and line ends, so that /\t/host is another host.
  if (typeof given === 'string' && given.length <= 2000 && /^\/(?![/\\])[\x21-\x7e]*$/.test(given)) {
    const url = URL.canParse(given, base.href) ? new URL(given, base) : undefined
    if (url && url.origin === base.origin && url.pathname.startsWith(base.pathname)) {
      return `${url.pathname}${url.search}`
    }
  }
  throw new ServiceError(
    'usage',
    `A login leads back to a page of this service: return must be a path such as ${base.pathname}tap.`,
  )
}
