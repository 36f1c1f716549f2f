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
}

export const DEFAULT_LIMITS: Limits = {
  maxrecDefault: 100_000,
  maxrecHard: 100_000_000,
  syncSeconds: 300,
  stallSeconds: 60,
  requestBytes: 1_000_000,
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
  if (given === undefined) return DEFAULT_LIMITS
  if (!isRecord(given)) throw new ConfigError('limits: must be a mapping')
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(DEFAULT_LIMITS, key)) {
      throw new ConfigError(`limits.${key}: unknown; known are ${Object.keys(DEFAULT_LIMITS).join(', ')}`)
    }
    if (!Number.isSafeInteger(value) || (value as number) < 1) {
      throw new ConfigError(`limits.${key}: must be a positive integer, not ${JSON.stringify(value)}`)
    }
  }
  const all = { ...DEFAULT_LIMITS, ...given } as Limits
  if (all.maxrecDefault > all.maxrecHard) {
    throw new ConfigError('limits.maxrecDefault: must not exceed limits.maxrecHard')
  }
  return Object.freeze(all)
}

function text(site: Record<string, unknown>, key: string, fallback: string): string {
  const value = site[key] ?? fallback
  if (typeof value !== 'string' || value.trim() === '') throw new ConfigError(`${key}: must be a text`)
  return value
}

function strings(site: Record<string, unknown>, key: string): readonly string[] {
  const value = site[key] ?? []
  if (!Array.isArray(value) || value.some(v => typeof v !== 'string')) {
    throw new ConfigError(`${key}: must be a list of texts`)
  }
  return value as string[]
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
