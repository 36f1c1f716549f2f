/** A person out of a provider's claims, as the site file says where to find name and groups. */
import { ServiceError } from '../error.ts'
import type { ProviderSettings } from './settings.ts'
import { checkedUserName, type Person } from './users.ts'

export type Claims = Readonly<Record<string, unknown>>

/** `forbidden`: they have no usable name, or none of the groups that the site admits. */
export function personOf(claims: Claims & { readonly sub: string }, provider: ProviderSettings): Person {
  const { issuer, title, nameClaim, groupsClaim, admit } = provider
  const name = claimOf(claims, nameClaim)
  if (typeof name !== 'string' || name === '') {
    throw refused(title, `it gives no name for you (the claim ${nameClaim})`)
  }
  const groups = groupsOf(claimOf(claims, groupsClaim), provider)
  if (admit && !admit.some(group => groups.includes(group))) {
    throw refused(title, `${name} is in none of the groups that are let in (${admit.join(', ')})`)
  }
  const text = (key: string) => (typeof claims[key] === 'string' ? (claims[key] as string) : undefined)
  return {
    issuer,
    subject: claims.sub,
    name: usableName(title, name),
    fullName: text('name'),
    email: text('email'),
    groups,
  }
}

/** As it is, or at the end of a path with dots. */
function claimOf(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  return path.split('.').reduce<unknown>((value, key) => {
    const isMapping = typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    return isMapping ? (value as Claims)[key] : undefined
  }, claims)
}

/** A list of names, or of objects with a name; or one text with blanks or commas between. */
function groupsOf(claim: unknown, { groups, title, groupsClaim }: ProviderSettings): readonly string[] {
  const list = typeof claim === 'string' ? claim.split(/[\s,]+/) : (claim ?? [])
  if (!Array.isArray(list)) throw refused(title, `its claim ${groupsClaim} is no list of groups`)
  const theirs = list
    .map(one => (typeof one === 'object' && one !== null ? (one as Claims).name : one))
    .filter((one): one is string => typeof one === 'string' && one !== '')
  const ours = groups ? theirs.flatMap(name => groups[name] ?? []) : theirs
  return [...new Set(ours)].sort()
}

function usableName(title: string, name: string): string {
  try {
    return checkedUserName(name)
  } catch (error) {
    throw refused(title, (error as Error).message)
  }
}

function refused(title: string, why: string): ServiceError {
  return new ServiceError('forbidden', `Login by ${title} is refused: ${why.replace(/\.$/, '')}.`)
}
