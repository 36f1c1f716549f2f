/**
 * What an OpenID provider says of itself (OpenID Connect Discovery 1.0), and the keys that it signs with. Both are
 * asked for at the first login and kept; while the provider is down, only logins fail.
 */
import { createRemoteJWKSet, type JWTVerifyGetKey } from 'jose'
import { ServiceError } from '../error.ts'
import type { ProviderSettings } from './settings.ts'

export interface Provider {
  readonly settings: ProviderSettings
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
  readonly userinfoEndpoint: string | undefined
  readonly endSessionEndpoint: string | undefined
  /** RFC 9207: its answers carry `iss`. */
  readonly namesIssuer: boolean
  /** How the token endpoint wants the client's secret. */
  readonly secretInBody: boolean
  readonly keys: JWTVerifyGetKey
}

export interface Providers {
  readonly all: readonly ProviderSettings[]
  /** `unavailable` when it does not answer, or not as it should. */
  find(name: string): Promise<Provider>
  /** Where logins and logouts lead, as far as it is known: for `form-action` of pages. */
  origins(): readonly string[]
}

const KEEP_MS = 3_600_000

/** For one answer of a provider. */
export const PATIENCE_MS = 10_000

export function openProviders(all: readonly ProviderSettings[]): Providers {
  const known = new Map<string, { readonly provider: Promise<Provider>; readonly until: number }>()
  const endpoints = new Set(all.map(({ issuer }) => new URL(issuer).origin))
  return {
    all,
    origins: () => [...endpoints],
    async find(name) {
      const settings = all.find(one => one.name === name)
      if (!settings) {
        throw new ServiceError('notFound', `There is no login named ${name.slice(0, 40)} here.`)
      }
      const kept = known.get(name)
      if (kept && kept.until > Date.now()) return kept.provider
      const asked = discover(settings)
      known.set(name, { provider: asked, until: Date.now() + KEEP_MS })
      try {
        const provider = await asked
        for (const url of [provider.authorizationEndpoint, provider.endSessionEndpoint]) {
          if (url) endpoints.add(new URL(url).origin)
        }
        return provider
      } catch (error) {
        known.delete(name)
        throw error
      }
    },
  }
}

async function discover(settings: ProviderSettings): Promise<Provider> {
  const { issuer, title } = settings
  const said = await askProvider(title, `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  if (said.issuer !== issuer) {
    throw unusable(title, `it says that its issuer is ${String(said.issuer)}, and not ${issuer}`)
  }
  const endpoint = (name: string): string | undefined => {
    const url = said[name]
    if (url === undefined) return undefined
    if (typeof url !== 'string' || !URL.canParse(url) || !isAsSafe(url, issuer)) {
      throw unusable(title, `its ${name} is no https URL`)
    }
    return url
  }
  const needed = (name: string): string => {
    const url = endpoint(name)
    if (url === undefined) throw unusable(title, `it names no ${name}`)
    return url
  }
  const methods = said.token_endpoint_auth_methods_supported
  return {
    settings,
    authorizationEndpoint: needed('authorization_endpoint'),
    tokenEndpoint: needed('token_endpoint'),
    userinfoEndpoint: endpoint('userinfo_endpoint'),
    endSessionEndpoint: endpoint('end_session_endpoint'),
    namesIssuer: said.authorization_response_iss_parameter_supported === true,
    // Discovery §3: client_secret_basic where nothing is said.
    secretInBody: Array.isArray(methods) && !methods.includes('client_secret_basic'),
    keys: createRemoteJWKSet(new URL(needed('jwks_uri')), { timeoutDuration: PATIENCE_MS }),
  }
}

/** An http provider is on this machine (auth/settings); nothing leads from https to http. */
function isAsSafe(url: string, issuer: string): boolean {
  return url.startsWith('https:') || (issuer.startsWith('http:') && url.startsWith('http:'))
}

/** A JSON answer of a provider; `unavailable` with the reason when there is none. */
export async function askProvider(
  title: string,
  url: string,
  init: RequestInit = {},
): Promise<Record<string, unknown>> {
  let answer: Response
  let text: string
  try {
    answer = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(PATIENCE_MS) })
    text = await answer.text()
  } catch (error) {
    const { message, cause } = error as Error
    const why = (cause as { code?: string } | undefined)?.code ?? message
    throw new ServiceError('unavailable', `The login service ${title} does not answer (${why}).`, {
      detail: 'Whoever is logged in stays so, and access tokens go on working.',
      retryAfter: 60,
      cause: error,
    })
  }
  let said: unknown
  try {
    said = JSON.parse(text)
  } catch {
    throw unusable(title, `it answered ${answer.status} and no JSON`)
  }
  if (typeof said !== 'object' || said === null) throw unusable(title, 'its answer is no JSON object')
  if (!answer.ok) {
    const { error, error_description } = said as Record<string, unknown>
    throw unusable(title, `it answered ${answer.status}: ${String(error_description ?? error ?? '')}`)
  }
  return said as Record<string, unknown>
}

export function unusable(title: string, why: string): ServiceError {
  return new ServiceError('unavailable', `Login by ${title} does not work now: ${why}.`, {
    detail: 'Whoever is logged in stays so, and access tokens go on working.',
  })
}
