/**
 * Who may be told of a job's end. A client says it with the parameter NOTIFY, which is ours, beside UWS:
 * `NOTIFY=mailto:me@example.org`, `NOTIFY=https://example.org/hook`, repeated for several.
 *
 * The service must not become a relay: mail of anonymous jobs goes to domains that the site lists only, and says
 * nothing that its sender has written; of jobs without a login, one address or host gets so many messages an hour
 * (see outbox.ts). Webhooks go by https to the public internet; other hosts are the site's to list.
 */
import { createHmac } from 'node:crypto'
import { isIP } from 'node:net'
import type { Identity } from '../auth/identity.ts'
import type { NotifySettings } from '../config.ts'
import { isPublicAddress } from '../dali/uploads-address.ts'
import { ServiceError } from '../error.ts'
import type { Job } from './job.ts'

const MOST_TARGETS = 5

/** The targets as they are stored. Throws `usage` for what is none, `forbidden` for what this client may not name. */
export function notifyTargets(
  values: readonly string[],
  identity: Identity,
  settings: NotifySettings | undefined,
): readonly string[] {
  const given = values.map(value => value.trim()).filter(value => value !== '')
  if (given.length === 0) return []
  if (!settings) throw new ServiceError('usage', 'NOTIFY: this service sends no messages about jobs.')
  if (given.length > MOST_TARGETS)
    throw new ServiceError('usage', `NOTIFY is given more than ${MOST_TARGETS} times`)
  return [...new Set(given.map(value => target(value, identity, settings)))]
}

function target(value: string, identity: Identity, settings: NotifySettings): string {
  if (/^mailto:/i.test(value)) return mailTarget(value, identity, settings)
  if (/^https?:/i.test(value)) return webhookTarget(value, settings)
  throw new ServiceError('usage', `NOTIFY=${value.slice(0, 80)} is neither mailto:address nor an https URL`)
}

/** One plain address (RFC 5321 §4.1.2 without quotes and literals): nothing that a mail program reads as more. */
const ADDRESS = /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63})$/i

function mailTarget(value: string, identity: Identity, { mail, mailDomains }: NotifySettings): string {
  if (!mail) throw new ServiceError('usage', 'NOTIFY: this service sends no e-mail.')
  const address = value.slice('mailto:'.length)
  const domain = ADDRESS.exec(address)?.[1]?.toLowerCase()
  if (domain === undefined || address.length > 254) {
    throw new ServiceError('usage', `NOTIFY=${value.slice(0, 80)} is not mailto: and one e-mail address`)
  }
  if (identity.name === undefined && !mailDomains.includes(domain)) {
    const allowed = mailDomains.length > 0 ? `; without, to addresses of ${mailDomains.join(', ')}` : ''
    throw new ServiceError(
      'forbidden',
      `NOTIFY: mail to ${domain} is sent to users with a login only${allowed}.`,
    )
  }
  return `mailto:${address.slice(0, address.lastIndexOf('@'))}@${domain}`
}

function webhookTarget(value: string, settings: NotifySettings): string {
  if (!settings.webhooks) throw new ServiceError('usage', 'NOTIFY: this service calls no webhooks.')
  const isUrl = URL.canParse(value) && value.length <= 2000
  const url = new URL(isUrl ? value : 'https://user@invalid')
  if (url.username !== '' || url.password !== '') {
    throw new ServiceError('usage', `NOTIFY=${value.slice(0, 80)} is not a URL without user and password`)
  }
  url.hash = ''
  if (isListed(url, settings)) return url.href
  const isOpenPort = url.port === '' || Number(url.port) >= 1024
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (url.protocol !== 'https:' || !isOpenPort || (isIP(host) !== 0 && !isPublicAddress(host))) {
    throw new ServiceError(
      'forbidden',
      `NOTIFY: ${url.host} is called by https on the public internet only.`,
      {
        detail: 'Other hosts are called when the operators of this service have listed them.',
      },
    )
  }
  return url.href
}

/** Whether the site vouches for the host; it may then be a private one. */
export function isListed(url: URL, { webhookHosts }: NotifySettings): boolean {
  return webhookHosts.includes(url.host) || webhookHosts.includes(url.hostname)
}

/** A target without what is nobody else's business: lists of jobs may be public. */
export function shownTarget(target: string): string {
  const mail = /^mailto:.*@(.*)$/.exec(target)
  return mail ? `mailto:…@${mail[1]}` : `${new URL(target).origin}/…`
}

/** The key that signs the webhooks of an owner's jobs, or of one anonymous job; in the form of Standard Webhooks. */
export function signingKey(secret: string, { owner, id }: Pick<Job, 'owner' | 'id'>): string {
  const key = createHmac('sha256', secret).update(
    JSON.stringify(['webhook', owner ?? null, owner === undefined ? id : null]),
  )
  return `whsec_${key.digest('base64')}`
}
