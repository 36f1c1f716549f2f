/**
 * Tables that are fetched from elsewhere (DALI 1.1 §3.4.5, UPLOAD=name,http://…), without lending strangers the
 * server's place in its network (SSRF): only from places that the site allows, only from public addresses, at every
 * hop. A host is resolved once and the connection goes to the address that was checked, so that no second answer of
 * the DNS counts. Nothing of the client's or the site's credentials is sent.
 */
import dns from 'node:dns/promises'
import { type IncomingMessage, request } from 'node:http'
import net from 'node:net'
import tls from 'node:tls'
import { ServiceError } from '../error.ts'
import { isPublicAddress } from './uploads-address.ts'

/** Where tables may come from. */
export interface AllowedPlace {
  readonly protocol: 'http:' | 'https:'
  /** In lower case; `*.example.org`: every host below that. */
  readonly host: string
  readonly port: number
  /** What the path begins with, up to a slash or its end: `/`, `/tables/`. */
  readonly path: string
}

export interface FetchOptions {
  readonly allow: readonly AllowedPlace[]
  /** For all hops together. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly network?: Network
}

/** What a fetch needs of the outside. */
export interface Network {
  /** All addresses of a host's name. */
  resolve(host: string): Promise<readonly string[]>
  connect(address: string, port: number): net.Socket
}

const INTERNET: Network = {
  resolve: async host => (await dns.lookup(host, { all: true })).map(({ address }) => address),
  connect: (address, port) => net.connect({ host: address, port }),
}

const MOST_REDIRECTS = 5

/** The bytes of what is at the URL; whoever takes them counts them. Throws `usage` for everything that goes wrong. */
export async function* fetchTable(text: string, options: FetchOptions): AsyncGenerator<Buffer> {
  const overdue = AbortSignal.timeout(options.timeoutMs)
  const signal = AbortSignal.any([overdue, options.signal])
  let url = parsed(text)
  try {
    for (let hop = 0; ; hop++) {
      const response = await get(url, options, signal)
      const status = response.statusCode!
      if (status === 200) {
        yield* response as AsyncIterable<Buffer>
        return
      }
      response.destroy()
      const { location } = response.headers
      if (![301, 302, 303, 307, 308].includes(status) || location === undefined) {
        throw failure(url, `it answers ${status}`)
      }
      if (hop === MOST_REDIRECTS) throw failure(url, `more than ${MOST_REDIRECTS} redirects`)
      url = parsed(location, url)
    }
  } catch (error) {
    options.signal.throwIfAborted()
    if (error instanceof ServiceError) throw error
    if (overdue.aborted) throw failure(url, `it took more than ${options.timeoutMs / 1000} s`)
    throw failure(url, (error as Error).message, error)
  }
}

function failure(url: URL, reason: string, cause?: unknown): ServiceError {
  return new ServiceError('usage', `${url} cannot be fetched: ${reason}`, { cause })
}

function parsed(text: string, base?: URL): URL {
  if (!URL.canParse(text, base?.href)) throw new ServiceError('usage', `'${text}' is no URL`)
  return new URL(text, base?.href)
}

async function get(
  url: URL,
  { allow, network = INTERNET }: FetchOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  if (!isAllowed(url, allow)) {
    throw failure(url, 'this service fetches tables from some places only, and this is none of them')
  }
  const host = url.hostname.replace(/^\[(.*)\]$|\.$/, '$1')
  const address = await Promise.race([publicAddress(url, host, network), aborted(signal)])
  const socket = network.connect(address, portOf(url))
  const isName = net.isIP(host) === 0
  return new Promise((resolve, reject) => {
    const asking = request({
      // An agent, even `false`, would connect by itself.
      createConnection: () =>
        url.protocol === 'https:'
          ? tls.connect({ socket, host, ...(isName && { servername: host }) })
          : socket,
      path: `${url.pathname}${url.search}`,
      headers: { Host: url.host, Accept: '*/*', 'Accept-Encoding': 'identity', 'User-Agent': 'Almagest' },
      signal,
    })
    socket.on('error', reject)
    asking.on('error', reject)
    asking.on('response', resolve)
    asking.end()
  })
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** The first of the host's addresses, all of which must be public. */
async function publicAddress(url: URL, host: string, network: Network): Promise<string> {
  const addresses = net.isIP(host) ? [host] : await network.resolve(host)
  const [first] = addresses
  if (first === undefined) throw failure(url, 'the host has no address')
  if (!addresses.every(isPublicAddress)) throw failure(url, 'the host is not on the public internet')
  return first
}

function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
}

/**
 * Whether the URL is in one of the places. Hosts are compared as the URL standard spells them (`0x7f.1` is 127.0.0.1),
 * paths without the encoded dots and slashes that servers read differently.
 */
function isAllowed(url: URL, allow: readonly AllowedPlace[]): boolean {
  if (url.username !== '' || url.password !== '') return false
  const host = url.hostname.toLowerCase().replace(/\.$/, '')
  return allow.some(
    place =>
      place.protocol === url.protocol &&
      place.port === portOf(url) &&
      (place.host.startsWith('*.') ? host.endsWith(place.host.slice(1)) : host === place.host) &&
      (place.path === '/' || isBelow(url.pathname, place.path)),
  )
}

function isBelow(path: string, place: string): boolean {
  if (/%(2e|2f|5c)/i.test(path)) return false
  return path === place || path.startsWith(place.endsWith('/') ? place : `${place}/`)
}
