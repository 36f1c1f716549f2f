/**
 * Links that need no header: what somebody may read at one URL, for a time, for whoever has the link (a viewer that is
 * handed a URL, a colleague). The last parameter of the query is the ticket, signed with the site's secret over the rest of
 * the URL. Nothing is stored: a ticket ends at its time, when its maker may no more, and with the token it was made with.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

export interface Ticket {
  /** Its maker. */
  readonly user: string
  /** Key of the token that it was made with; null: of a login. */
  readonly key: string | null
  /** Seconds since 1970. */
  readonly expires: number
}

export const LONGEST_TICKET_SECONDS = 7 * 86_400

/** `url` is path and query as the service gets them. */
export function withTicket(secret: string, url: string, ticket: Ticket): string {
  const { user, key, expires } = ticket
  const said = Buffer.from(JSON.stringify([user, key, expires])).toString('base64url')
  const signature = sign(secret, url, said).toString('base64url')
  return `${url}${url.includes('?') ? '&' : '?'}ticket=${said}.${signature}`
}

const TICKET = /[?&]ticket=([\w-]+)\.([\w-]{43})$/

/** The URL without its ticket, and the ticket where it is ours; undefined: the URL has none. */
export function ticketOf(
  secret: () => string,
  url: string,
): { readonly url: string; readonly ticket: Ticket | undefined } | undefined {
  const [whole, said, given] = TICKET.exec(url) ?? []
  if (whole === undefined) return undefined
  const rest = url.slice(0, -whole.length)
  const expected = sign(secret(), rest, said!)
  const signature = Buffer.from(given!, 'base64url')
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
    return { url: rest, ticket: undefined }
  }
  const [user, key, expires] = JSON.parse(Buffer.from(said!, 'base64url').toString()) as [
    string,
    string | null,
    number,
  ]
  return { url: rest, ticket: { user, key, expires } }
}

function sign(secret: string, url: string, said: string): Buffer {
  return createHmac('sha256', secret)
    .update(JSON.stringify(['ticket', url, said]))
    .digest()
}
