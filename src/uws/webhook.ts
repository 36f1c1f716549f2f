/**
 * A job's end by POST, in the form of Standard Webhooks 1.0: `{type, timestamp, data}`, signed with HMAC-SHA-256 over
 * id, time and body. The connection goes to an address that was looked at, redirects are not followed, and nothing of
 * the answer but its status counts.
 */
import { createHmac } from 'node:crypto'
import dns from 'node:dns'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { isPublicAddress } from '../dali/uploads-address.ts'
import { timeText } from './document.ts'
import type { Job, Jobs, Notify } from './job.ts'
import { isListed } from './notify.ts'
import { Undeliverable } from './outbox.ts'
import { jobView } from './view.ts'

const TIMEOUT_MS = 10_000

export interface Call {
  readonly url: string
  /** Of the message: the same in every try. */
  readonly id: string
  /** `whsec_…` */
  readonly key: string
}

/** Resolves when the receiver says 2xx. */
export async function postWebhook(
  notify: Notify,
  jobs: Jobs,
  job: Job,
  { url, id, key }: Call,
): Promise<void> {
  const to = new URL(url)
  const listed = isListed(to, notify)
  const host = to.hostname.replace(/^\[(.*)\]$/, '$1')
  if (!notify.webhooks) throw new Undeliverable('this service calls no webhooks any more')
  if (!listed && (to.protocol !== 'https:' || (isIP(host) !== 0 && !isPublicAddress(host)))) {
    throw new Undeliverable(NOT_PUBLIC)
  }
  const body = JSON.stringify({
    type: `job.${(job.was ?? job.phase).toLowerCase()}`,
    timestamp: timeText(job.endTime ?? job.creationTime),
    data: jobView(job, jobs, notify.origin()),
  })
  const status = await post(to, body, signedHeaders(id, body, key), listed ? undefined : publicLookup)
  if (status === 410) throw new Undeliverable('it answers 410')
  if (status < 200 || status > 299) throw new Error(`it answers ${status}`)
}

/** Standard Webhooks 1.0, "Signature scheme". */
export function signedHeaders(id: string, body: string, key: string): Record<string, string> {
  const seconds = String(Math.floor(Date.now() / 1000))
  const signature = createHmac('sha256', Buffer.from(key.slice('whsec_'.length), 'base64'))
    .update(`${id}.${seconds}.${body}`)
    .digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': `v1,${signature}` }
}

function post(
  to: URL,
  body: string,
  signed: Record<string, string>,
  lookup: LookupFunction | undefined,
): Promise<number> {
  const ask = to.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const sent = ask(to, {
      method: 'POST',
      agent: false,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
        'User-Agent': 'Almagest',
        ...signed,
      },
      ...(lookup && { lookup }),
    })
    sent.on('response', response => {
      resolve(response.statusCode!)
      response.destroy()
    })
    sent.on('error', error => {
      if (error instanceof Undeliverable) reject(error)
      else if (error.name === 'AbortError' || error.name === 'TimeoutError') {
        reject(new Error(`no answer within ${TIMEOUT_MS / 1000} s`))
      } else
        reject(new Error(`it cannot be reached: ${(error as NodeJS.ErrnoException).code ?? 'no connection'}`))
    })
    sent.end(body)
  })
}

const NOT_PUBLIC = 'its host is not on the public internet'

/** The addresses that the connection will go to, all of which must be public. */
export const publicLookup: LookupFunction = (host, options, callback) => {
  dns.lookup(host, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, [])
    if (!addresses.every(({ address }) => isPublicAddress(address))) {
      return callback(new Undeliverable(NOT_PUBLIC), [])
    }
    if (options.all) return callback(null, addresses)
    callback(null, addresses[0]!.address, addresses[0]!.family)
  })
}
