/**
 * Everything the operator can say, read once: the environment and the YAML file that ALMAGEST_CONFIG names.
 * Wrong settings stop the start with the key's name. The result is frozen; nothing else reads `process.env`.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse as parseYaml } from 'yaml'

export interface Config {
  readonly host: string
  readonly port: number
  /** What clients see, without a trailing slash; undefined: taken from each request. */
  readonly publicUrl: string | undefined
  /** Undefined: the embedded cluster under `dir`. */
  readonly databaseUrl: string | undefined
  /** Cluster, results, tiles, spool. */
  readonly dir: string
  /** The clone: `sql/`, `src/portal/assets` … */
  readonly root: string
  readonly title: string
  readonly publisher: string
  /** IVOA authority id, the part after `ivo://`. */
  readonly authority: string
  readonly limits: Limits
  /** As the site file has `limits.roles`; `auth/limits` knows its shape. */
  readonly roleLimits: unknown
  readonly jobs: JobLimits
  /** Undefined: nobody is told of a job's end. */
  readonly notify: NotifySettings | undefined
  /** Where results of jobs are; undefined: on the disk, under `dir`. */
  readonly storage: BucketStorage | undefined
  /** As the site file has it; `datalink/block` knows its shape. Undefined: the demo's own. */
  readonly lightCurves: unknown
  /** What the site signs with; undefined: it is in the file `secret` of `dir`. */
  readonly secret: string | undefined
  /** As the site file has it; `auth/settings` knows its shape. Undefined: nobody logs in. */
  readonly auth: unknown
  /** Where http(s) uploads may be fetched from; none by default. */
  readonly uploads: { readonly allow: readonly UploadPlace[] }
  readonly trustedProxies: readonly string[]
  readonly logLevel: string
}

export interface Limits {
  /** MAXREC when the client says none. */
  readonly maxrecDefault: number
  /** The most that MAXREC can ask for. */
  readonly maxrecHard: number
  /** statement_timeout of a synchronous query. */
  readonly syncSeconds: number
  /** How long a client may stop reading before its query is ended. */
  readonly stallSeconds: number
  /** Bytes of a request body without uploads, QUERY included. */
  readonly requestBytes: number
  /** Bytes of all tables that one request uploads, as they come in. */
  readonly uploadBytes: number
  /** Rows and columns of one uploaded table. */
  readonly uploadRows: number
  readonly uploadColumns: number
  /** For fetching one table from a URL. */
  readonly uploadSeconds: number
  /** Objects whose light curves are answered at once; for more a request becomes a job. */
  readonly lightCurveObjects: number
  /** Pixels of one cutout. */
  readonly cutoutPixels: number
}

export const DEFAULT_LIMITS: Limits = {
  maxrecDefault: 100_000,
  maxrecHard: 100_000_000,
  syncSeconds: 300,
  stallSeconds: 60,
  requestBytes: 1_000_000,
  uploadBytes: 500_000_000,
  uploadRows: 5_000_000,
  uploadColumns: 1000,
  uploadSeconds: 60,
  lightCurveObjects: 10_000,
  cutoutPixels: 500_000_000,
}

export interface JobLimits {
  /** Jobs that a runner has at work at once, of those whose estimate is below `fastSeconds` … */
  readonly fastSlots: number
  /** … and of the others. */
  readonly slowSlots: number
  readonly fastSeconds: number
  /** executionDuration when the client asks for none, and the most it can ask for. */
  readonly executionSeconds: number
  readonly executionSecondsHard: number
  /** Days from creation to destruction when the client asks for none, and the most it can ask for. */
  readonly retentionDays: number
  readonly retentionDaysHard: number
  /** Days for which an expired job is still known, without its results. */
  readonly rememberDays: number
  /** A runner that is not heard of for so long is taken for dead. */
  readonly leaseSeconds: number
  /** The longest time that WAIT blocks. */
  readonly waitSeconds: number
  /** Whether the list of anonymous jobs shows everybody's; otherwise a browser sees its own. */
  readonly listAnonymous: boolean
}

/** Messages at the end of jobs. */
export interface NotifySettings {
  /** Undefined: no e-mail is sent. `smtp` is a URL, `from` an address with or without a name. */
  readonly mail: { readonly smtp: string; readonly from: string } | undefined
  /** In lower case; mail of anonymous jobs goes to no other domains. */
  readonly mailDomains: readonly string[]
  readonly webhooks: boolean
  /** `host` or `host:port`, in lower case; they may be private, and called by http. */
  readonly webhookHosts: readonly string[]
  /** Messages about anonymous jobs to one address or host. */
  readonly perHour: number
}

/** A place on the internet, as `dali/uploads-fetch` compares it with URLs. */
export interface UploadPlace {
  readonly protocol: 'http:' | 'https:'
  /** `*.example.org`: every host below that. */
  readonly host: string
  readonly port: number
  readonly path: string
}

/** S3-compatible object storage. */
export interface BucketStorage {
  readonly bucket: string
  /** Undefined: Amazon's own, of the region. */
  readonly endpoint: string | undefined
  readonly region: string
  /** What every key begins with. */
  readonly prefix: string
}

export const DEFAULT_JOBS: JobLimits = {
  fastSlots: 4,
  slowSlots: 2,
  fastSeconds: 10,
  executionSeconds: 3600,
  executionSecondsHard: 86_400,
  retentionDays: 7,
  retentionDaysHard: 30,
  rememberDays: 90,
  leaseSeconds: 20,
  waitSeconds: 50, // proxies cut connections that are silent for a minute
  listAnonymous: false,
}

/** A setting that is wrong; the message names the key and says what is allowed. */
export class ConfigError extends Error {}

type Env = Readonly<Record<string, string | undefined>>

/** Keys of the site file. Some belong to services that read them later; unknown ones are refused by name. */
const FILE_KEYS = [
  'title',
  'publisher',
  'authority',
  'limits',
  'collections',
  'lightCurves',
  'jobs',
  'storage',
  'auth',
  'uploads',
  'trustedProxies',
]

export function loadConfig(env: Env = process.env): Config {
  const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')
  const site = env.ALMAGEST_CONFIG ? readSite(env.ALMAGEST_CONFIG) : {}
  return Object.freeze({
    host: env.HOST || '127.0.0.1',
    port: integer('PORT', env.PORT || '8080', 0, 65535),
    publicUrl: env.PUBLIC_URL ? absoluteUrl('PUBLIC_URL', env.PUBLIC_URL) : undefined,
    databaseUrl: env.DATABASE_URL || undefined,
    dir: resolve(env.ALMAGEST_DIR || resolve(root, 'var')),
    root,
    title: text(site, 'title', 'Almagest demo survey'),
    publisher: text(site, 'publisher', 'Almagest'),
    authority: authority(text(site, 'authority', 'almagest.invalid')),
    limits: limits(site.limits),
    roleLimits: isRecord(site.limits) ? site.limits.roles : undefined,
    // Without a site file this is the demo, whose jobs everybody may see.
    jobs: jobLimits(site.jobs, env.ALMAGEST_CONFIG === undefined || env.ALMAGEST_CONFIG === ''),
    notify: notifySettings(isRecord(site.jobs) ? site.jobs.notify : undefined),
    lightCurves: site.lightCurves,
    secret: secret(env.ALMAGEST_SECRET),
    auth: site.auth,
    storage: bucketStorage(site.storage),
    uploads: uploads(site.uploads),
    trustedProxies: strings(site, 'trustedProxies'),
    logLevel: oneOf('LOG_LEVEL', env.LOG_LEVEL || 'info', [
      'trace',
      'debug',
      'info',
      'warn',
      'error',
      'silent',
    ]),
  })
}

function readSite(path: string): Record<string, unknown> {
  let site: unknown
  try {
    site = parseYaml(readFileSync(path, 'utf8')) ?? {}
  } catch (error) {
    throw new ConfigError(`ALMAGEST_CONFIG: cannot read ${path}: ${(error as Error).message}`)
  }
  if (!isRecord(site)) throw new ConfigError(`ALMAGEST_CONFIG: ${path} must be a YAML mapping`)
  for (const key of Object.keys(site)) {
    if (!FILE_KEYS.includes(key)) {
      throw new ConfigError(`${path}: unknown key '${key}'; known are ${FILE_KEYS.join(', ')}`)
    }
  }
  return site
}

function limits(given: unknown): Limits {
  const { roles: _, ...rest } = isRecord(given) ? given : {}
  const all = positives('limits', isRecord(given) ? rest : given, DEFAULT_LIMITS)
  if (all.maxrecDefault > all.maxrecHard) {
    throw new ConfigError('limits.maxrecDefault: must not exceed limits.maxrecHard')
  }
  return all
}

function jobLimits(given: unknown, demo: boolean): JobLimits {
  const { notify: _, ...rest } = isRecord(given) ? given : {}
  const counted = isRecord(given) ? rest : given
  const all = positives('jobs', counted, { ...DEFAULT_JOBS, listAnonymous: demo })
  for (const [low, high] of [
    ['executionSeconds', 'executionSecondsHard'],
    ['retentionDays', 'retentionDaysHard'],
  ] as const) {
    if (all[low] > all[high]) throw new ConfigError(`jobs.${low}: must not exceed jobs.${high}`)
  }
  return all
}

function notifySettings(given: unknown): NotifySettings | undefined {
  if (given === undefined) return undefined
  if (!isRecord(given)) throw new ConfigError('jobs.notify: must be a mapping')
  const { smtp, from, webhooks = false, perHour = 60, mailDomains: _, webhookHosts: __, ...unknown } = given
  for (const key of Object.keys(unknown)) {
    const known = 'smtp, from, mailDomains, webhooks, webhookHosts, perHour'
    throw new ConfigError(`jobs.notify.${key}: unknown; known are ${known}`)
  }
  if (smtp !== undefined && (typeof smtp !== 'string' || !URL.canParse(smtp) || !/^smtps?:/.test(smtp))) {
    throw new ConfigError('jobs.notify.smtp: must be a URL such as smtps://user:password@mail.example.org')
  }
  if ((smtp === undefined) !== (from === undefined) || (from !== undefined && !/@/.test(String(from)))) {
    throw new ConfigError('jobs.notify.from: must be the address that mail comes from, where smtp is given')
  }
  if (typeof webhooks !== 'boolean') throw new ConfigError('jobs.notify.webhooks: must be true or false')
  if (!Number.isSafeInteger(perHour) || (perHour as number) < 1) {
    throw new ConfigError('jobs.notify.perHour: must be a positive integer')
  }
  const lower = (key: string) => strings(given, key, `jobs.notify.${key}`).map(value => value.toLowerCase())
  return Object.freeze({
    mail: smtp === undefined ? undefined : Object.freeze({ smtp, from: String(from) }),
    mailDomains: lower('mailDomains'),
    webhooks,
    webhookHosts: lower('webhookHosts'),
    perHour: perHour as number,
  })
}

function bucketStorage(given: unknown): BucketStorage | undefined {
  if (given === undefined) return undefined
  if (!isRecord(given)) throw new ConfigError('storage: must be a mapping')
  const { bucket, endpoint, region = 'us-east-1', prefix = '', ...unknown } = given
  for (const key of Object.keys(unknown)) {
    throw new ConfigError(`storage.${key}: unknown; known are bucket, endpoint, region, prefix`)
  }
  for (const [key, value] of Object.entries({ bucket, region, prefix })) {
    if (typeof value !== 'string' || (value === '' && key !== 'prefix')) {
      throw new ConfigError(`storage.${key}: must be a text`)
    }
  }
  return Object.freeze({
    bucket: bucket as string,
    endpoint: endpoint === undefined ? undefined : absoluteUrl('storage.endpoint', String(endpoint)),
    region: region as string,
    prefix: prefix as string,
  })
}

function uploads(given: unknown): Config['uploads'] {
  if (given === undefined) return Object.freeze({ allow: [] })
  if (!isRecord(given)) throw new ConfigError('uploads: must be a mapping')
  for (const key of Object.keys(given)) {
    if (key !== 'allow') throw new ConfigError(`uploads.${key}: unknown; known is allow`)
  }
  return Object.freeze({ allow: strings(given, 'allow', 'uploads.allow').flatMap(uploadPlaces) })
}

/** `https://host[:port]/path`, or a host for both http and https; `*.` before a host: all below it. */
function uploadPlaces(text: string): UploadPlace[] {
  const urls = text.includes('://') ? [text] : [`http://${text}/`, `https://${text}/`]
  return urls.map(one => {
    const url = URL.canParse(one) ? new URL(one) : undefined
    const { protocol, hostname = '', port, pathname, search, hash, username } = url ?? {}
    const isHost = /^(\*\.)?[^*]+$/.test(hostname) && (text.includes('://') || !/[/?#:@]/.test(text))
    if ((protocol !== 'http:' && protocol !== 'https:') || !isHost || search || hash || username) {
      throw new ConfigError(
        `uploads.allow: '${text}' is neither a URL such as https://host/tables/ nor a host such as *.example.org`,
      )
    }
    return Object.freeze({
      protocol,
      host: hostname.replace(/\.$/, ''),
      port: Number(port) || (protocol === 'https:' ? 443 : 80),
      path: pathname!,
    })
  })
}

/** A mapping of positive integers, and of booleans where the default is one. */
function positives<T extends object>(key: string, given: unknown, defaults: T): T {
  if (given === undefined) return Object.freeze(defaults)
  if (!isRecord(given)) throw new ConfigError(`${key}: must be a mapping`)
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name)) {
      throw new ConfigError(`${key}.${name}: unknown; known are ${Object.keys(defaults).join(', ')}`)
    }
    const boolean = typeof (defaults as Record<string, unknown>)[name] === 'boolean'
    if (boolean && typeof value !== 'boolean') {
      throw new ConfigError(`${key}.${name}: must be true or false, not ${JSON.stringify(value)}`)
    }
    if (!boolean && (!Number.isSafeInteger(value) || (value as number) < 1)) {
      throw new ConfigError(`${key}.${name}: must be a positive integer, not ${JSON.stringify(value)}`)
    }
  }
  return Object.freeze({ ...defaults, ...given })
}
function text(site: Record<string, unknown>, key: string, fallback: string): string {
  const value = site[key] ?? fallback
  if (typeof value !== 'string' || value.trim() === '') throw new ConfigError(`${key}: must be a text`)
  return value
}

function strings(site: Record<string, unknown>, key: string, title = key): readonly string[] {
  const value = site[key] ?? []
  if (!Array.isArray(value) || value.some(v => typeof v !== 'string')) {
    throw new ConfigError(`${title}: must be a list of texts`)
  }
  return value as string[]
}

function secret(value: string | undefined): string | undefined {
  if (value === undefined || value === '') return undefined
  if (value.length < 32) throw new ConfigError('ALMAGEST_SECRET: must have 32 characters at least')
  return value
}

/** IVOA Identifiers 2.0 §2.3.1: at least three characters, beginning with a letter or digit. */
function authority(value: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._~*'()+=-]{2,}$/.test(value)) {
    throw new ConfigError(`authority: '${value}' is not an IVOA authority identifier (such as example.org)`)
  }
  return value
}

function integer(key: string, value: string, low: number, high: number): number {
  const n = Number(value)
  if (!Number.isInteger(n) || n < low || n > high) {
    throw new ConfigError(`${key}: must be an integer from ${low} to ${high}, not '${value}'`)
  }
  return n
}

function oneOf(key: string, value: string, allowed: readonly string[]): string {
  if (!allowed.includes(value))
    throw new ConfigError(`${key}: must be one of ${allowed.join(', ')}, not '${value}'`)
  return value
}

function absoluteUrl(key: string, value: string): string {
  if (!URL.canParse(value) || !/^https?:/.test(value)) {
    throw new ConfigError(`${key}: must be an http or https URL, not '${value}'`)
  }
  return value.replace(/\/+$/, '')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
