/**
 * What an access token looks like: `alm-<key>.<secret>`, each 128 random bits in base64url. The key is public: it is
 * in logs and lists, and finds the row; of the secret the database has the SHA-256. A secret of 128 random bits needs
 * no slow hash: there is nothing to guess.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

export interface Token {
  readonly key: string
  readonly secret: string
}

const SHAPE = /^alm-([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{22})$/

export function newToken(): Token {
  return { key: random(), secret: random() }
}

export function tokenText({ key, secret }: Token): string {
  return `alm-${key}.${secret}`
}

/** Undefined: no token of ours, which says nothing about whether it is good. */
export function parseToken(text: string): Token | undefined {
  const [, key, secret] = text.length < 64 ? (SHAPE.exec(text) ?? []) : []
  return key !== undefined && secret !== undefined ? { key, secret } : undefined
}

/** Something that was meant as a token: cut off, or with something behind it. */
export function looksLikeToken(text: string): boolean {
  return text.startsWith('alm-')
}

export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** Takes the same time wherever they differ. */
export function isSecret(secret: string, hash: Uint8Array): boolean {
  const given = hashSecret(secret)
  return given.length === hash.length && timingSafeEqual(given, hash)
}

const random = () => randomBytes(16).toString('base64url')
