/** Whether an ID token may be believed (OpenID Connect Core 1.0 §3.1.3.7), with jose for signature and times. */
import { createHash } from 'node:crypto'
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { ServiceError } from '../error.ts'

export interface ExpectedIdToken {
  readonly title: string
  readonly issuer: string
  readonly clientId: string
  readonly nonce: string
  readonly keys: JWTVerifyGetKey
  readonly clockSkewSeconds: number
  /** What came with it; its hash is in `at_hash`. */
  readonly accessToken: string
}

/** No HMAC: the client's secret is no key; and never `none`. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']

/** Its claims; throws `forbidden` with what is wrong, or `unavailable` when the provider's keys cannot be had. */
export async function verifiedClaims(
  idToken: string,
  expected: ExpectedIdToken,
): Promise<JWTPayload & { sub: string }> {
  const { title, issuer, clientId, nonce, keys, clockSkewSeconds, accessToken } = expected
  const refuse = (why: string) => new ServiceError('forbidden', `Login by ${title} is refused: ${why}.`)
  try {
    const { payload, protectedHeader } = await jwtVerify(idToken, keys, {
      issuer,
      audience: clientId,
      algorithms: ALGORITHMS,
      clockTolerance: clockSkewSeconds,
      requiredClaims: ['sub', 'exp', 'iat', 'nonce'],
    })
    const { sub, iat, azp, aud, at_hash } = payload
    if (typeof sub !== 'string' || sub === '' || sub.length > 255) throw refuse('its subject is no text')
    if (payload.nonce !== nonce) throw refuse('the ID token is of another login (its nonce is wrong)')
    if (iat! > Date.now() / 1000 + clockSkewSeconds) {
      throw refuse('the ID token is of the future; a clock is wrong')
    }
    if (azp !== undefined ? azp !== clientId : Array.isArray(aud) && aud.length > 1) {
      throw refuse('the ID token was issued to another client')
    }
    if (at_hash !== undefined && at_hash !== halfHash(accessToken, protectedHeader.alg)) {
      throw refuse('the access token is not the one of the ID token')
    }
    return { ...payload, sub }
  } catch (error) {
    if (error instanceof ServiceError) throw error
    if (error instanceof errors.JWTExpired)
      throw refuse('the ID token has expired; if it is new, a clock is wrong')
    if (error instanceof errors.JWTClaimValidationFailed) {
      throw refuse(`the claim ${error.claim} of the ID token is wrong`)
    }
    if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey) {
      throw refuse('the signature of the ID token is not right')
    }
    if (error instanceof errors.JOSEAlgNotAllowed) throw refuse('the ID token is not signed as it should be')
    if (error instanceof errors.JWTInvalid || error instanceof errors.JWSInvalid)
      throw refuse('its ID token is no token')
    throw new ServiceError(
      'unavailable',
      `The keys of ${title} cannot be had, so that its word cannot be checked.`,
      { cause: error },
    )
  }
}

/** OpenID Connect Core 1.0 §3.1.3.6. */
function halfHash(text: string, algorithm: string): string {
  const bits = /(256|384|512)$/.exec(algorithm)?.[1] ?? '512' // EdDSA: Ed25519 hashes with SHA-512
  const hash = createHash(`sha${bits}`).update(text).digest()
  return hash.subarray(0, hash.length / 2).toString('base64url')
}
