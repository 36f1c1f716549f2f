import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { needsOf, ROUTES, ruleFor } from '../../src/auth/routes.ts'
import { testDatabase } from '../support/database.ts'
import { routesOf } from '../support/routes.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
let service: TestService

before(async () => {
  service = await startTestService({ database, runner: false, config: { auth: {} } })
})
after(() => service.close())

/** A path that the route answers. */
const sample = (path: string) => path.replace(/\{?\/\*\w+\}?/, '/a/b.c').replace(/:\w+/g, 'some~thing')

it('every route of the service has a rule, and every rule a route', () => {
  const routes = routesOf(service.app)
  assert.ok(routes.length > 50, `only ${routes.length} routes were found`)
  const without = routes.map(({ path }) => path).filter(path => !ruleFor(sample(path)))
  assert.deepEqual(without, [], 'give them a rule in src/auth/routes.ts')
  const later = ['/metrics', '/auth/limits']
  const idle = ROUTES.filter(rule => !routes.some(({ path }) => ruleFor(sample(path)) === rule))
  assert.deepEqual(
    idle.map(({ path }) => path).filter(path => !later.includes(path)),
    [],
  )
})

it('finds rules as express finds routes: case and a last slash do not count, what is below does', () => {
  const needs = (path: string, method = 'GET') => {
    const rule = ruleFor(path)
    return rule && needsOf(rule, method)
  }
  assert.equal(needs('/tap'), 'open')
  assert.equal(needs('/TAP/Capabilities/'), 'open')
  assert.equal(needs('/scs/a.b/capabilities'), 'open')
  assert.deepEqual(needs('/scs/a.b'), ['read:tap'])
  assert.deepEqual(needs('/tap/async/x/results/result'), ['read:tap'])
  assert.deepEqual(needs('/jobs', 'HEAD'), ['read:tap', 'read:image', 'write:jobs'])
  assert.deepEqual(needs('/jobs/x', 'DELETE'), ['write:jobs'])
  assert.equal(needs('/tap/asynchronous'), undefined)
  assert.equal(needs('/filesystem'), undefined)
})
