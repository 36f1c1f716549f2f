/** kill -9 of web, runners and PostgreSQL at random moments under a load of jobs (conformance/soak.ts). */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { soak } from '../../conformance/soak.ts'

it('every job is accounted for, none completed twice, every result whole', { timeout: 480_000 }, async t => {
  const report = await soak(15, undefined, line => t.diagnostic(line))
  t.diagnostic(JSON.stringify(report))
  assert.deepEqual(report.faults, [])
  assert.ok(report.accepted >= 1, 'there was a load, however slow the machine')
  assert.ok(Object.values(report.kills).reduce((sum, n) => sum + n) >= 3)
})
