/** Clients that we did not write: stilts (taplint, tapquery, votlint) and pyvo. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { testDatabase } from '../support/database.ts'
import { pythonClient, withoutPython } from '../support/python.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { stilts, withoutStilts } from '../support/stilts.ts'

const STAGES = 'TMV TME TMS TMC CPV CAP AVV QGE QPO MDQ EXA UPL'

/** Complaints of taplint that stay: pattern → why. */
const PERMITTED: readonly (readonly [RegExp, string])[] = [
  [/^E-CAP-MUPM-01 .*upload-http not declared/, 'nothing is fetched for a client: docs/deviations.md'],
]

const database = await testDatabase()

describe('clients', () => {
  let service: TestService

  before(async () => {
    service = await startTestService({ database, fill: fillSample })
  })
  after(() => service.close())

  it('taplint finds no error in any stage', { skip: withoutStilts(), timeout: 300_000 }, async () => {
    const report = await stilts(
      'taplint',
      `tapurl=${service.url}/tap`,
      `stages=${STAGES}`,
      'report=EWFS',
      'maxrepeat=20',
    )
    const complaints = report.split('\n').filter(line => /^[EFW]-/.test(line))
    const unexplained = complaints.filter(line => !PERMITTED.some(([pattern]) => pattern.test(line)))
    assert.deepEqual(unexplained, [])
    for (const stage of STAGES.split(' '))
      assert.match(report, new RegExp(`Section ${stage}:`), `${stage} ran`)
  })

  it('stilts tapquery reads every column of a table', { skip: withoutStilts() }, async () => {
    const csv = await stilts(
      'tapquery',
      `tapurl=${service.url}/tap`,
      'sync=true',
      'adql=SELECT * FROM sample.stars WHERE id = 9223372036854775807 OR id = 23 ORDER BY id',
      'ofmt=csv',
    )
    const lines = csv.trim().split('\n')
    assert.match(lines[0]!, /^ID,ra,dec,mag,n,flag,name,title,good,observed,Size,2mass id,profile/)
    assert.match(lines[2]!, /^9223372036854775807,/)
    assert.match(csv, /star <23> & co,Größe α 23,/)
  })

  for (const serialization of ['BINARY2', 'BINARY', 'TABLEDATA']) {
    it(`votlint is content with ${serialization}`, { skip: withoutStilts() }, async () => {
      const query = new URLSearchParams({
        LANG: 'ADQL',
        RESPONSEFORMAT: `application/x-votable+xml;serialization=${serialization}`,
        MAXREC: '100',
        QUERY: 'SELECT * FROM sample.stars',
      })
      assert.equal(await stilts('votlint', `votable=${service.url}/tap/sync?${query}`), '')
    })
  }

  it('pyvo reads tables, capabilities, examples and results', {
    skip: withoutPython('pyvo', 'astropy'),
  }, async () => {
    const script = `
import json, sys, pyvo
service = pyvo.dal.TAPService(sys.argv[1])
table = service.tables['sample.stars']
result = service.run_sync("SELECT TOP 3 ID, ra, \\"2mass id\\", observed FROM sample.stars WHERE id > 100 AND id < 1000 ORDER BY id")
print(json.dumps({
    'columns': [column.name for column in table.columns],
    'available': service.available,
    'maxrec': service.maxrec,
    'languages': [str(v.content) for c in service.capabilities for l in getattr(c, 'languages', []) for v in l.versions],
    'ids': [int(i) for i in result['ID']],
    'units': [str(result.table[c].unit) for c in result.table.colnames],
    'status': result.query_status,
    'examples': len(service.examples),
}))`
    const read = JSON.parse(await pythonClient(script, `${service.url}/tap`))
    assert.deepEqual(read.columns.slice(0, 4), ['ID', 'ra', 'dec', 'mag'])
    assert.ok(read.columns.includes('"2mass id"'))
    assert.equal(read.available, true)
    assert.equal(read.maxrec, 100_000)
    assert.deepEqual(read.languages, ['2.0', '2.1'])
    assert.deepEqual(read.ids, [101, 102, 103])
    assert.deepEqual(read.units, ['None', 'deg', 'None', 'None'])
    assert.equal(read.status, 'OK')
    assert.ok(read.examples >= 1)
  })

  it('pyvo raises what went wrong', { skip: withoutPython('pyvo') }, async () => {
    const script = `
import sys, pyvo
try:
    pyvo.dal.TAPService(sys.argv[1]).run_sync('SELECT raa FROM sample.stars')
except pyvo.dal.DALQueryError as e:
    print(e)`
    assert.match(await pythonClient(script, `${service.url}/tap`), /raa/)
  })
})
