/** What pages may do in a browser. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { testDatabase } from '../support/database.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
let service: TestService

before(async () => {
  service = await startTestService({ database, runner: false, fill: fillSample, config: { auth: {} } })
})
after(() => service.close())

const QUERY = 'LANG=ADQL&RESPONSEFORMAT=html&QUERY=SELECT+TOP+1+*+FROM+sample.stars'

it('every page has a policy that loads nothing from elsewhere, and cannot be framed', async () => {
  for (const path of ['/', '/sky', '/auth/connect', '/auth/login', '/auth/logout', `/tap/sync?${QUERY}`]) {
    const answer = await fetch(service.url + path, { headers: { accept: 'text/html' } })
    assert.equal(answer.status, 200, path)
    assert.match(answer.headers.get('content-type')!, /^text\/html/)
    const policy = answer.headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'/, path)
    assert.match(policy, /frame-ancestors 'none'; base-uri 'none'/, path)
    assert.doesNotMatch(policy, /https?:|\*/, path)
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
    if (!path.startsWith('/sky')) assert.doesNotMatch(policy, /script-src[^;]*unsafe|eval/, path)
  }
})

it('what is no page is not taken for one', async () => {
  for (const path of ['/tap/capabilities', '/hips/list', '/nothing', '/tap/sync?QUERY=<script>']) {
    const answer = await fetch(service.url + path)
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', path)
    assert.doesNotMatch(answer.headers.get('content-type')!, /html/, path)
  }
})
