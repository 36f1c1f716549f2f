/** Who sees a tree: by its own rule, and by that of the table that it is made of. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { AccessRule, Rules } from '../../src/auth/access.ts'
import type { Identity } from '../../src/auth/identity.ts'
import type { PublishedTree } from '../../src/hips/published.ts'
import { visibleTrees } from '../../src/hips/visible.ts'

const tree = (name: string, table?: string): PublishedTree => ({
  name,
  root: '',
  properties: new Map(table ? [['almagest_table', table]] : []),
  moc: undefined,
  order: 3,
  deepest: 3,
  version: 1,
  modified: '',
})
const all = [tree('open'), tree('closed'), tree('of_open', 's.open'), tree('of_closed', 's."Closed"')]
const trees = { tree: async (name: string) => all.find(one => one.name === name), all: async () => all }

const rule = (kind: AccessRule['kind'], name: string, announced = false): AccessRule => ({
  kind,
  name,
  groups: ['team'],
  opensAt: undefined,
  announced,
})
const rulesWith = (...closed: AccessRule[]): Rules => ({
  closed,
  hideImages: false,
  opened: () => false,
  rule: (kind, name) =>
    closed.find(one => one.kind === kind && one.name.toLowerCase() === name.toLowerCase()),
})
const anonymous = { name: undefined, groups: [], role: 'r' } as unknown as Identity
const member = { name: 'm', groups: ['team'], role: 'r' } as unknown as Identity

it('hides trees with a rule of their own, and those of closed tables', async () => {
  const rules = rulesWith(rule('hips', 'closed'), rule('table', 's."closed"'))
  const names = async (identity: Identity) =>
    (await visibleTrees(trees, rules, identity).all()).map(({ name }) => name)
  assert.deepEqual(await names(anonymous), ['open', 'of_open'])
  assert.deepEqual(await names(member), ['open', 'closed', 'of_open', 'of_closed'])
  const seen = visibleTrees(trees, rules, anonymous)
  assert.equal(await seen.tree('of_closed'), undefined)
  assert.equal(await seen.tree('closed'), undefined)
  assert.equal((await seen.tree('of_open'))?.restricted, undefined)
  assert.equal((await visibleTrees(trees, rules, member).tree('of_closed'))?.restricted, true)
})

it('tells of a closed table what its rule lets be told', async () => {
  const rules = rulesWith(rule('table', 's."closed"', true))
  await assert.rejects(visibleTrees(trees, rules, anonymous).tree('of_closed'), /of_closed needs login/)
})

it('is the trees themselves where nothing is closed', () => {
  assert.equal(visibleTrees(trees, rulesWith(), anonymous), trees)
})
