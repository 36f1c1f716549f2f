/** Which image collections somebody may have, as the access rules in the database stand. */
import { type AccessRule, LOGGED_IN, type Rules } from '../auth/access.ts'
import type { Identity } from '../auth/identity.ts'

/** All groups that let somebody in, for `closedCollections`. */
export function admittingGroups({ name, groups }: Identity): readonly string[] {
  return name === undefined ? [] : [...groups, LOGGED_IN]
}

/** SQL: names of the collections that are closed to whoever has only these groups, a placeholder such as `$2`. */
export function closedCollections(groups: string): string {
  return `(SELECT a.name FROM almagest.access_now AS a
            WHERE a.kind = 'collection' AND NOT a.is_open AND NOT a.groups && ${groups}::text[])`
}

/** SQL: the rule of a collection that is not for everybody, as `ruleOf` reads it; null where it is. */
export function closedRule(collection: string): string {
  return `(SELECT to_jsonb(a) FROM almagest.access_now AS a
            WHERE a.kind = 'collection' AND a.name = ${collection} AND NOT a.is_open)`
}

export interface RuleRow {
  readonly name: string
  readonly groups: readonly string[]
  readonly opens_at: string | null
  readonly announced: boolean
}

export function ruleOf(row: RuleRow | null): AccessRule | undefined {
  if (row === null) return undefined
  const { name, groups, announced, opens_at: opensAt } = row
  return {
    kind: 'collection',
    name,
    groups,
    announced,
    opensAt: opensAt === null ? undefined : new Date(opensAt),
  }
}

/** The view of images to read: without those of closed collections where there are any (src/db/roles.ts). */
export function obscoreUnder({ hideImages }: Rules): string {
  return hideImages ? 'almagest.obscore_seen' : 'almagest.obscore'
}
