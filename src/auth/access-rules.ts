/** Access rules in the database: set, lifted, listed; grants change in the same transaction. */
import type { Client, Database } from '../db/database.ts'
import { applyAccess } from '../db/roles.ts'
import { ServiceError } from '../error.ts'
import { type AccessRule, EVERYBODY, type RuleKind } from './access.ts'
import { audit } from './audit.ts'
import type { Actor } from './tokens.ts'

export const RULE_KINDS: readonly RuleKind[] = ['schema', 'table', 'collection', 'hips']

export interface StoredRule extends AccessRule {
  /** Everybody is let in: `public` is among the groups, or the release date has passed. */
  readonly isOpen: boolean
  readonly setAt: Date
  readonly setBy: string
}

/** Sets a rule in place of the one there was. What it is about may come later; `usage` for what never can be. */
export async function setRule(db: Database, rule: AccessRule, actor: Actor): Promise<StoredRule> {
  const name = checkedRuleName(rule.kind, rule.name)
  const groups = checkedGroups(rule.groups)
  await db.transaction(async client => {
    await client.query(
      `INSERT INTO almagest.access_rule (kind, name, groups, opens_at, announced, set_by) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (kind, name) DO UPDATE
         SET groups = excluded.groups, opens_at = excluded.opens_at, announced = excluded.announced,
             set_at = clock_timestamp(), set_by = excluded.set_by`,
      [rule.kind, name, groups, rule.opensAt ?? null, rule.announced, actor.name],
    )
    await applyAccess(client)
    const { opensAt, announced } = rule
    const detail = { groups, announced, ...(opensAt && { opensAt: opensAt.toISOString() }) }
    await audit(client, act(actor, 'access.set', rule.kind, name, detail))
  })
  return (await listRules(db)).find(one => one.kind === rule.kind && one.name === name)!
}

/** Without a rule a table has its schema's, and everything else is public. `notFound`: there is none. */
export async function removeRule(db: Database, kind: RuleKind, given: string, actor: Actor): Promise<void> {
  const name = checkedRuleName(kind, given)
  await db.transaction(async client => {
    const gone = await client.query(
      'DELETE FROM almagest.access_rule WHERE kind = $1 AND name = $2 RETURNING name',
      [kind, name],
    )
    if (gone.length === 0) throw new ServiceError('notFound', `There is no access rule for ${kind} ${name}.`)
    await applyAccess(client)
    await audit(client, act(actor, 'access.remove', kind, name, {}))
  })
}

export function listRules(client: Client): Promise<StoredRule[]> {
  return client.query(
    `SELECT r.kind, r.name, r.groups, r.opens_at AS "opensAt", r.announced, n.is_open AS "isOpen",
            r.set_at AS "setAt", r.set_by AS "setBy"
       FROM almagest.access_rule AS r JOIN almagest.access_now AS n USING (kind, name) ORDER BY r.kind, r.name`,
  )
}

const act = (actor: Actor, action: string, kind: string, name: string, detail: object) => ({
  actor: actor.name,
  action,
  object: `${kind} ${name}`,
  address: actor.address,
  detail: detail as Record<string, unknown>,
})

/** As rules have it: schemas and tables in lower case. */
export function checkedRuleName(kind: RuleKind, given: string): string {
  const name = kind === 'schema' || kind === 'table' ? given.toLowerCase() : given
  const parts = name.match(/"(?:[^"]|"")+"|[^."]+/g) ?? []
  if (kind === 'table' && (parts.length !== 2 || parts.join('.') !== name))
    throw new ServiceError('usage', `${given} is no table: say schema.table, as queries do.`)
  if (kind === 'schema' && parts.length !== 1)
    throw new ServiceError('usage', `${given} is no schema; for one table say: table ${given}`)
  if (name === 'tap_schema' || name.startsWith('tap_schema.')) {
    throw new ServiceError('usage', 'TAP_SCHEMA is for everybody, and shows everybody what they may see.')
  }
  if (name === '' || name.length > 200 || /[\0\n]/.test(name))
    throw new ServiceError('usage', `'${given.slice(0, 80)}' is no name.`)
  return name
}

function checkedGroups(groups: readonly string[]): readonly string[] {
  const all = [...new Set(groups.map(group => group.trim()).filter(group => group !== ''))]
  if (all.length === 0) throw new ServiceError('usage', `Say for which groups; '${EVERYBODY}' is everybody.`)
  const wrong = all.find(group => group.length > 200 || /[\p{Cc},]/u.test(group))
  if (wrong !== undefined) throw new ServiceError('usage', `'${wrong.slice(0, 80)}' is no name of a group.`)
  return all
}
