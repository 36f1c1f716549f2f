/**
 * passport-openidconnect with what it lacks: PKCE (S256), the signature of the ID token and the rest of its checks,
 * the client's secret as the provider wants it, the subject of userinfo, and a limit of time. One strategy is made for
 * each login, so that nothing of one login is within reach of another.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Request } from 'express'
import { Strategy } from 'passport-openidconnect'
import { ServiceError } from '../error.ts'
import { verifiedClaims } from './id-token.ts'
import { personOf } from './person.ts'
import { askProvider, type Provider, unusable } from './provider.ts'
import type { PendingLogin } from './sessions.ts'
import type { Person } from './users.ts'

export interface LoggedIn {
  readonly person: Person
  readonly idToken: string
}

export interface LoginOptions {
  readonly provider: Provider
  readonly callbackUrl: string
  readonly clockSkewSeconds: number
  readonly pending: Omit<PendingLogin, 'nonce'> & { readonly nonce: string | undefined }
  /** The strategy has chosen a nonce, and the browser goes to the provider. */
  readonly leaving: (nonce: string) => void
}

export function newPending(provider: string, returnTo: string) {
  const random = () => randomBytes(32).toString('base64url')
  return { provider, state: random(), nonce: undefined, verifier: random(), returnTo }
}

export class CheckedStrategy extends Strategy {
  readonly #challenge: string

  constructor(options: LoginOptions) {
    const { provider, callbackUrl, clockSkewSeconds, pending, leaving } = options
    const { settings, authorizationEndpoint, tokenEndpoint } = provider
    let loggedIn: LoggedIn
    super(
      {
        issuer: settings.issuer,
        authorizationURL: authorizationEndpoint,
        tokenURL: tokenEndpoint,
        userInfoURL: provider.userinfoEndpoint ?? '',
        clientID: settings.clientId,
        clientSecret: settings.clientSecret,
        callbackURL: callbackUrl,
        scope: [...settings.scopes],
        nonce: 'chosen by the strategy',
        skipUserProfile: true,
        store: {
          store(_request, { nonce }, _state, _meta, done) {
            leaving(nonce!)
            done(null, pending.state)
          },
          verify: (_request, _state, done) => done(null, { nonce: pending.nonce! }),
        } satisfies Pick<InstanceType<typeof Strategy.SessionStore>, 'store' | 'verify'>,
      } as ConstructorParameters<typeof Strategy>[0],
      ((_issuer: string, _profile: unknown, done: (error: null, user: LoggedIn) => void) =>
        done(null, loggedIn)) as never,
    )
    this.name = settings.name
    this.#challenge = createHash('sha256').update(pending.verifier).digest('base64url')

    // Instead of the package's own exchange: everything is checked before it reads a claim.
    const oauth = this._oauth2 as unknown as { getOAuthAccessToken: GetAccessToken }
    oauth.getOAuthAccessToken = (code, _parameters, done) =>
      void exchange(options, code).then(
        ({ accessToken, idToken, person }) => {
          loggedIn = { person, idToken }
          done(null, accessToken, undefined, { id_token: lasting(idToken, clockSkewSeconds) })
        },
        error => done(error),
      )
  }

  override authorizationParams(): object {
    return { code_challenge: this.#challenge, code_challenge_method: 'S256' }
  }
}

type GetAccessToken = (
  code: string,
  parameters: object,
  done: (error: unknown, accessToken?: string, refreshToken?: string, answer?: { id_token: string }) => void,
) => void

/** The code for tokens (OpenID Connect Core 1.0 §3.1.3), and what they say, checked. */
async function exchange({ provider, callbackUrl, clockSkewSeconds, pending }: LoginOptions, code: string) {
  const { settings, tokenEndpoint, secretInBody, keys } = provider
  const { title, issuer, clientId, clientSecret } = settings
  const basic = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`)
  const answer = await askProvider(title, tokenEndpoint, {
    method: 'POST',
    headers: secretInBody ? {} : { authorization: `Basic ${basic.toString('base64')}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: callbackUrl,
      code_verifier: pending.verifier,
      ...(secretInBody && { client_id: clientId, client_secret: clientSecret }),
    }),
  })
  const { id_token: idToken, access_token: accessToken } = answer
  if (typeof idToken !== 'string' || typeof accessToken !== 'string') {
    throw unusable(title, 'it sent no ID token')
  }
  const nonce = pending.nonce!
  const claims = await verifiedClaims(idToken, {
    title,
    issuer,
    clientId,
    nonce,
    keys,
    clockSkewSeconds,
    accessToken,
  })
  const more = await userinfo(provider, accessToken, claims.sub)
  return { accessToken, idToken, person: personOf({ ...more, ...claims }, settings) }
}

/** The strategy looks at `exp` of a checked ID token once more, and knows no skew of clocks. */
function lasting(idToken: string, clockSkewSeconds: number): string {
  const [header, body, signature] = idToken.split('.')
  const claims = JSON.parse(Buffer.from(body!, 'base64url').toString()) as { exp: number }
  const later = JSON.stringify({ ...claims, exp: claims.exp + clockSkewSeconds })
  return `${header}.${Buffer.from(later).toString('base64url')}.${signature}`
}

/** OpenID Connect Core 1.0 §5.3.2: worth nothing when it is of another subject. */
async function userinfo(
  { userinfoEndpoint, settings: { title } }: Provider,
  accessToken: string,
  subject: string,
): Promise<Record<string, unknown>> {
  if (userinfoEndpoint === undefined) return {}
  const said = await askProvider(title, userinfoEndpoint, {
    headers: { authorization: `Bearer ${accessToken}`, accept: 'application/json' },
  })
  if (said.sub === subject) return said
  throw new ServiceError(
    'forbidden',
    `Login by ${title} is refused: its userinfo is of another person than its ID token.`,
  )
}

/** The login that an answer of a provider belongs to, taken out of the session: it is good once. */
export function takePending(request: Request, state: unknown): PendingLogin | undefined {
  const all = request.session.pending ?? []
  const found = all.find(one => one.state === state)
  if (found) request.session.pending = all.filter(one => one !== found)
  return found
}
