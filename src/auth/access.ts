/**
 * Access rules: which schemas, tables, image collections and HiPS are for whom, and from when for everybody. Every
 * process keeps them as they stand (`NOTIFY access`, and a timer for the next release date); the grants of PostgreSQL
 * follow the same rules (db/roles).
 */
import type { Database } from '../db/database.ts'
import { applyAccess, makeRole } from '../db/roles.ts'
import { ServiceError } from '../error.ts'
import type { Identity } from './identity.ts'

export type RuleKind = 'schema' | 'table' | 'collection' | 'hips'

export interface AccessRule {
  readonly kind: RuleKind
  readonly name: string
  /** `authenticated`: everybody who is logged in. */
  readonly groups: readonly string[]
  /** Public from then on. */
  readonly opensAt: Date | undefined
  /** Whether outsiders are told that it is there, and for whom. */
  readonly announced: boolean
}

/** The rules that keep somebody out, as they stood when they were read; never changed, so that caches can hang on it. */
export interface Rules {
  readonly closed: readonly AccessRule[]
  /** Some image collections are not for everybody. */
  readonly hideImages: boolean
  /** The rule that keeps it closed; undefined: it is public. */
  rule(kind: RuleKind, name: string): AccessRule | undefined
  /** Whether a rule of its own says that it is public, whatever it is a part of or made of. */
  opened(kind: RuleKind, name: string): boolean
}

export interface Access {
  rules(): Rules
  /** PostgreSQL role of somebody who is logged in and has these groups. */
  roleFor(groups: readonly string[]): Promise<string>
  close(): Promise<void>
}

/** Groups that no rule has to be given by an identity provider. */
export const EVERYBODY = 'public'
export const LOGGED_IN = 'authenticated'

export const NO_RULES: Rules = rulesOf([])

/** How long to wait at most before the rules are read again without being asked. */
const LOOK_MS = 600_000
const RETRY_MS = 5000

interface Warn {
  error(fields: object, message: string): void
}

export async function openAccess(db: Database, log: Warn): Promise<Access> {
  let rules = NO_RULES
  let roles = new Map<string, Promise<string>>()
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let busy: Promise<void> = Promise.resolve()

  async function read(): Promise<void> {
    const { all, nextMs } = await readRules(db)
    rules = rulesOf(all)
    roles = new Map()
    wakeIn(Math.min(nextMs ?? LOOK_MS, LOOK_MS))
  }

  /** A release date has come: first the grants, then what the resolver lets pass. */
  async function open(): Promise<void> {
    await db.transaction(applyAccess)
    await read()
  }

  /** A rule has changed: whoever changed it has seen to the grants, unless it was by hand. */
  async function follow(): Promise<void> {
    await read()
    await db.transaction(applyAccess)
  }

  function next(work: () => Promise<void>): Promise<void> {
    busy = busy.then(work).catch(error => {
      if (closed) return
      log.error({ err: error }, 'access rules cannot be followed; what is known of them stays in force')
      wakeIn(RETRY_MS)
    })
    return busy
  }

  function wakeIn(ms: number): void {
    clearTimeout(timer)
    if (closed) return
    timer = setTimeout(() => void next(open), ms)
    timer.unref()
  }

  const stop = await db.listen('access', () => void next(follow))
  await read() // a service that cannot read its rules does not start
  await next(open)
  return {
    rules: () => rules,
    roleFor(groups) {
      const mine = namedGroups(rules, groups)
      const key = mine.join('\0')
      const found = roles.get(key)
      if (found) return found
      const known = roles
      const made = db.transaction(client => makeRole(client, mine))
      made.catch(() => known.delete(key))
      known.set(key, made)
      return made
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await stop()
      await busy
    },
  }
}

interface RuleRow {
  kind: RuleKind
  name: string
  groups: string[]
  opens_at: Date | null
  announced: boolean
  is_open: boolean
  next_ms: number | null
}

/** By the clock of the database, which all processes share. */
async function readRules(db: Pick<Database, 'query'>) {
  const rows = await db.query<RuleRow>(
    `SELECT *, 1000 * extract(epoch FROM opens_at - clock_timestamp())::float8 AS next_ms FROM almagest.access_now`,
  )
  const waits = rows.flatMap(row => (row.is_open || row.next_ms === null ? [] : [Math.max(0, row.next_ms)]))
  const all = rows
    .filter(row => !row.is_open)
    .map(
      (row): AccessRule => ({
        kind: row.kind,
        name: row.name,
        groups: row.groups,
        opensAt: row.opens_at ?? undefined,
        announced: row.announced,
      }),
    )
  const open = rows.filter(row => row.is_open).map(row => `${row.kind} ${row.name}`)
  return { all: { closed: all, open }, nextMs: waits.length > 0 ? Math.min(...waits) + 2 : undefined }
}

function rulesOf(
  given: readonly AccessRule[] | { closed: readonly AccessRule[]; open: readonly string[] },
): Rules {
  const { closed, open } = 'closed' in given ? given : { closed: given, open: [] }
  const byName = new Map(closed.map(rule => [`${rule.kind} ${rule.name}`, rule]))
  const opened = new Set(open)
  return {
    closed,
    hideImages: closed.some(rule => rule.kind === 'collection'),
    rule(kind, name) {
      if (closed.length === 0) return undefined
      if (kind === 'collection' || kind === 'hips') return byName.get(`${kind} ${name}`)
      const lower = name.toLowerCase()
      if (kind === 'schema') return byName.get(`schema ${lower}`)
      if (opened.has(`table ${lower}`)) return undefined
      return byName.get(`table ${lower}`) ?? byName.get(`schema ${schemaOf(lower)}`)
    },
    opened: (kind, name) => opened.has(`${kind} ${name}`),
  }
}

/** The schema in a table's name as TAP_SCHEMA has it. */
function schemaOf(tableName: string): string {
  return /^(?:"(?:[^"]|"")*"|[^."]*)/.exec(tableName)![0]
}

/** Of somebody's groups those that a rule names, in order: all that decides what they may see. */
export function namedGroups({ closed }: Rules, groups: readonly string[]): readonly string[] {
  if (closed.length === 0) return []
  const mine = new Set([...groups, LOGGED_IN])
  return [...new Set(closed.flatMap(rule => rule.groups.filter(group => mine.has(group))))].sort()
}

/** Whether somebody passes a rule. */
export function isAdmitted(rule: AccessRule | undefined, { name, groups }: Identity): boolean {
  if (rule === undefined) return true
  if (name === undefined) return false
  return rule.groups.some(group => group === LOGGED_IN || groups.includes(group))
}

export interface Closed {
  readonly code: 'unauthenticated' | 'forbidden'
  readonly message: string
}

/** What to tell somebody who does not pass; undefined: nothing, as though it were not there. */
export function refusal(rule: AccessRule, what: string, { name }: Identity): Closed | undefined {
  if (!rule.announced) return undefined
  const { groups, opensAt } = rule
  const named = groups.filter(group => group !== LOGGED_IN)
  const whom =
    groups.includes(LOGGED_IN) || named.length === 0
      ? ''
      : `open to the ${named.length === 1 ? 'group' : 'groups'} ${named.join(', ')}`
  const when = opensAt && `public from ${opensAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`
  const rest = [whom, when].filter(text => text).join(', ')
  if (name === undefined) {
    return { code: 'unauthenticated', message: `${what} needs login${rest && `: it is ${rest}`}` }
  }
  return { code: 'forbidden', message: `${what} is ${rest || 'not open to you'}` }
}

/** Throws what somebody who does not pass is to be told, where they may be told. */
export function requireAdmission(rule: AccessRule | undefined, what: string, identity: Identity): boolean {
  if (rule === undefined || isAdmitted(rule, identity)) return true
  const told = refusal(rule, what, identity)
  if (told) throw new ServiceError(told.code, `${told.message}.`)
  return false
}
