/** What every page of ours carries: helmet's headers, and the policy of the page. */
import type { NextFunction, Request, Response } from 'express'
import helmet from 'helmet'

const hardened = helmet({
  contentSecurityPolicy: false, // each page has its own
  strictTransportSecurity: false, // the site's proxy ends TLS, for more than us
  crossOriginResourcePolicy: { policy: 'cross-origin' }, // images and assets are for other sites, too
  referrerPolicy: { policy: 'same-origin' }, // with none, browsers would hide from which page a form comes
  xFrameOptions: { action: 'deny' },
})

export function pageHeaders(policy: () => string) {
  return (request: Request, response: Response, next: NextFunction): void => {
    response.setHeader('Content-Security-Policy', policy())
    hardened(request, response, next)
  }
}
