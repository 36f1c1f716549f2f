/** A short seed of the fuzz; `npx tsx conformance/fuzz.ts` is the long one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz } from '../../conformance/fuzz-run.ts'
import { testDatabase } from '../support/database.ts'

const url = await testDatabase()

test('mutated queries are answered or refused in words, and reach nothing that is not published', async () => {
  const report = await fuzz({ url, count: 5000, seed: 20250301 })
  const shown = report.findings.map(f => `${f.kind}: ${f.message}\n${f.query}\n${f.sql}`)
  assert.deepEqual(shown, [])
  assert.ok(report.answered > 500, `${report.answered} of ${report.queries} answered`)
  assert.ok(report.refused > 2000, `${report.refused} of ${report.queries} refused`)
})
