/** The key `auth` of the site file: who may log in, and by whose word. Wrong settings stop the start with the key's name. */
import { readFileSync } from 'node:fs'
import { ConfigError } from '../config.ts'

export interface AuthSettings {
  /** In the order of the login page; none: people get in by tokens that the command line makes. */
  readonly providers: readonly ProviderSettings[]
  /** Hours from a login to the next one. */
  readonly sessionHours: number
  /** The longest life of a token that its user makes. */
  readonly tokenDays: number
  /** How far the clocks of provider and service may be apart. */
  readonly clockSkewSeconds: number
  /** Groups whose members may give tokens the scope `admin`. */
  readonly admins: readonly string[]
}

export interface ProviderSettings {
  /** In URLs, and behind the name of somebody whose name is taken. */
  readonly name: string
  /** On the login page. */
  readonly title: string
  /** Exactly as in its ID tokens; its discovery document is below. */
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  /** Beside `openid`. */
  readonly scopes: readonly string[]
  readonly nameClaim: string
  /** A path with dots where it is within another claim: `realm_access.roles`. */
  readonly groupsClaim: string
  /** The provider's name of a group to the one here; undefined: they are the same. Others are left out. */
  readonly groups: Readonly<Record<string, string>> | undefined
  /** Groups (names here) of which one is needed to log in; undefined: everybody whom the provider knows. */
  readonly admit: readonly string[] | undefined
}

const DEFAULTS = { sessionHours: 12, tokenDays: 365, clockSkewSeconds: 60 }

/** Undefined: the site says nothing of logins. */
export function authSettings(given: unknown): AuthSettings | undefined {
  if (given === undefined) return undefined
  const all = mapping('auth', given ?? {})
  known('auth', all, [...Object.keys(DEFAULTS), 'providers', 'admins'])
  const list = all.providers ?? []
  if (!Array.isArray(list)) throw new ConfigError('auth.providers: must be a list')
  const providers = list.map((one, i) => provider(`auth.providers[${i}]`, one))
  for (const { name } of providers) {
    if (providers.filter(other => other.name === name).length > 1) {
      throw new ConfigError(`auth.providers: two of them are named ${name}`)
    }
  }
  return Object.freeze({
    providers,
    sessionHours: positive('auth.sessionHours', all.sessionHours ?? DEFAULTS.sessionHours),
    tokenDays: positive('auth.tokenDays', all.tokenDays ?? DEFAULTS.tokenDays),
    clockSkewSeconds: positive('auth.clockSkewSeconds', all.clockSkewSeconds ?? DEFAULTS.clockSkewSeconds),
    admins: texts('auth.admins', all.admins ?? []),
  })
}

const PROVIDER_KEYS = ['name', 'title', 'issuer', 'clientId', 'clientSecret', 'clientSecretFile', 'scopes']
const CLAIM_KEYS = ['nameClaim', 'groupsClaim', 'groups', 'admit']

function provider(key: string, given: unknown): ProviderSettings {
  const all = mapping(key, given)
  known(key, all, [...PROVIDER_KEYS, ...CLAIM_KEYS])
  const name = text(`${key}.name`, all.name)
  if (!/^[a-z0-9-]+$/.test(name)) {
    throw new ConfigError(`${key}.name: must be of lower case letters, digits and hyphens, not '${name}'`)
  }
  return Object.freeze({
    name,
    title: text(`${key}.title`, all.title ?? name),
    issuer: issuer(`${key}.issuer`, all.issuer),
    clientId: text(`${key}.clientId`, all.clientId),
    clientSecret: secret(key, all),
    scopes: texts(`${key}.scopes`, all.scopes ?? ['profile', 'email']),
    nameClaim: text(`${key}.nameClaim`, all.nameClaim ?? 'preferred_username'),
    groupsClaim: text(`${key}.groupsClaim`, all.groupsClaim ?? 'groups'),
    groups: all.groups === undefined ? undefined : renamed(`${key}.groups`, all.groups),
    admit: all.admit === undefined ? undefined : texts(`${key}.admit`, all.admit),
  })
}

/** OpenID Connect Core 1.0 §2: https; http is for a provider on this machine. */
function issuer(key: string, given: unknown): string {
  const url = text(key, given)
  const { protocol, hostname, search, hash } = URL.canParse(url) ? new URL(url) : new URL('about:blank')
  const isHere = protocol === 'http:' && /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname)
  if ((protocol === 'https:' || isHere) && search === '' && hash === '') return url
  throw new ConfigError(`${key}: must be an https URL without a query, not '${url}'`)
}

function secret(key: string, { clientSecret, clientSecretFile }: Record<string, unknown>): string {
  if ((clientSecret === undefined) === (clientSecretFile === undefined)) {
    throw new ConfigError(`${key}: needs either clientSecret or clientSecretFile`)
  }
  if (clientSecret !== undefined) return text(`${key}.clientSecret`, clientSecret)
  const path = text(`${key}.clientSecretFile`, clientSecretFile)
  try {
    return text(`${key}.clientSecretFile`, readFileSync(path, 'utf8').trim())
  } catch (error) {
    throw new ConfigError(`${key}.clientSecretFile: ${(error as Error).message}`)
  }
}

function renamed(key: string, given: unknown): Readonly<Record<string, string>> {
  const groups = mapping(key, given)
  return Object.fromEntries(
    Object.entries(groups).map(([theirs, ours]) => [theirs, text(`${key}['${theirs}']`, ours)]),
  )
}

function mapping(key: string, given: unknown): Record<string, unknown> {
  if (typeof given === 'object' && given !== null && !Array.isArray(given))
    return given as Record<string, unknown>
  throw new ConfigError(`${key}: must be a mapping`)
}

function known(key: string, given: Record<string, unknown>, names: readonly string[]): void {
  const wrong = Object.keys(given).find(name => !names.includes(name))
  if (wrong !== undefined) throw new ConfigError(`${key}.${wrong}: unknown; known are ${names.join(', ')}`)
}

function text(key: string, given: unknown): string {
  if (typeof given === 'string' && given.trim() !== '') return given
  throw new ConfigError(`${key}: must be a text`)
}

function texts(key: string, given: unknown): readonly string[] {
  if (Array.isArray(given) && given.every(one => typeof one === 'string' && one !== '')) return given
  throw new ConfigError(`${key}: must be a list of texts`)
}

function positive(key: string, given: unknown): number {
  if (Number.isSafeInteger(given) && (given as number) > 0) return given as number
  throw new ConfigError(`${key}: must be a positive integer, not ${JSON.stringify(given)}`)
}
