/** Whether nobody on the way could read what a request shows: TLS, or a client on this machine. */
import type { Request } from 'express'

/**
 * By TLS, as this process or the proxy in front of it says; PUBLIC_URL with https says that for all requests. Without
 * either only a client on loopback counts, and none that a proxy passed on.
 */
export function isPrivate(request: Request, publicUrl: string | undefined): boolean {
  if (request.secure) return true
  const passedOn = request.headers['x-forwarded-for'] ?? request.headers.forwarded
  const said = request.headers['x-forwarded-proto']
  if (said !== undefined && trusts(request)) return false // a trusted proxy, by http
  if (publicUrl?.startsWith('https:')) return true
  return passedOn === undefined && isLoopback(request.socket.remoteAddress ?? '')
}

/** Whether cookies may say `Secure`: then a browser keeps them from http. */
export function isByTls(request: Request, publicUrl: string | undefined): boolean {
  return publicUrl?.startsWith('https:') || request.secure
}

export function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address)
}

function trusts(request: Request): boolean {
  const trust = request.app.get('trust proxy fn') as (address: string, hop: number) => boolean
  return trust(request.socket.remoteAddress ?? '', 0)
}
