/** {links}, and the descriptors in TAP results, as clients use them. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { testDatabase } from '../support/database.ts'
import { fillSmallDemo } from '../support/demo.ts'
import { jobClient } from '../support/jobs.ts'
import { pythonClient, withoutPython } from '../support/python.ts'
import { startTestService, sync, type TestService } from '../support/service.ts'
import { stilts, withoutStilts } from '../support/stilts.ts'
import { validate, withoutXsd } from '../support/xsd.ts'

const database = await testDatabase()

describe('links and descriptors', () => {
  let service: TestService
  let id: string

  before(async () => {
    service = await startTestService({ database, fill: fillSmallDemo })
    const [star] = await service.db.query<{ id: string }>(
      'SELECT min(objectid)::text AS id FROM demo.variable',
    )
    id = star!.id
  })
  after(() => service.close())

  const links = async (query: string) => {
    const response = await fetch(`${service.url}/datalink/links?${query}`)
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      text: await response.text(),
    }
  }
  const tap = async (query: string, format = 'votable/td') =>
    (await sync(service, { QUERY: query, RESPONSEFORMAT: format, MAXREC: '2' })).text()
  const descriptors = (xml: string) => xml.match(/<RESOURCE type="meta" utype="adhoc:service"/g)?.length ?? 0

  it('stand in every result with the identifier of an object, under any name', async () => {
    for (const query of [
      'SELECT objectid FROM demo.object',
      'SELECT ra, objectid AS x FROM demo.object',
      'SELECT * FROM demo.object',
      'SELECT * FROM demo.forcedsource',
      'SELECT period, objectid AS "the star" FROM demo.variable',
      'SELECT o.objectid FROM demo.object AS o JOIN demo.variable AS v ON o.objectid = v.objectid',
      'SELECT q.n FROM (SELECT objectid AS n, ra FROM demo.object) AS q WHERE q.ra > 0',
      'SELECT objectid, objectid AS again FROM demo.object',
      'WITH w AS (SELECT objectid AS k FROM demo.object) SELECT k FROM w',
    ]) {
      for (const format of ['votable', 'votable/td', 'votable/b']) {
        const xml = await tap(query, format)
        assert.equal(descriptors(xml), 2, `${query}: ${xml.slice(0, 600)}`)
        const ref = /name="ID" datatype="long"[^>]* ref="([^"]+)"/.exec(xml)![1]!
        assert.equal(xml.match(new RegExp(`<FIELD ID="${ref}" `, 'g'))?.length, 1, query)
      }
    }
  })

  it('stand in no other', async () => {
    for (const query of [
      'SELECT ra, dec FROM demo.object',
      'SELECT visitid FROM demo.visit',
      'SELECT objectid + 1 AS objectid FROM demo.object',
      'SELECT COUNT(objectid) AS objectid FROM demo.object',
    ])
      assert.equal(descriptors(await tap(query)), 0, query)
  })

  it('stand in the results of jobs', async () => {
    const client = jobClient(service)
    const job = await client.create({
      LANG: 'ADQL',
      QUERY: 'SELECT TOP 2 objectid FROM demo.object',
      PHASE: 'RUN',
    })
    await client.ended(job)
    const { text } = await client.get(`/${job}/results/result`)
    assert.equal(descriptors(text), 2)
    assert.match(text, new RegExp(`value="${service.url}/datalink/timeseries"`))
  })

  it('lead to the row, the light curve, a picture and the service', async () => {
    const { status, type, text } = await links(`ID=${id}`)
    assert.equal(status, 200)
    assert.equal(type, 'application/x-votable+xml;content=datalink')
    for (const term of ['#this', '#auxiliary', '#proc', '#preview'])
      assert.match(text, new RegExp(`<TD>${term}</TD>`))
    assert.match(text, /name="standardID" value="ivo:\/\/ivoa.net\/std\/DataLink#links-1.1"/)
    for (const [, url] of text.matchAll(/<TD>(http[^<]+)<\/TD>/g)) {
      const answer = await fetch(url!.replaceAll('&amp;', '&'))
      assert.equal(answer.status, 200, url)
      assert.ok((await answer.arrayBuffer()).byteLength > 500)
    }
    assert.match(text, /utype="adhoc:this"/)
  })

  it('say what is wrong with each identifier in a row of its own', async () => {
    const { status, text } = await links(`ID=5&ID=${id}&ID=abc&ID=9223372036854775808&ID=ivo://x/y.z?1`)
    assert.equal(status, 200)
    const faults = [...text.matchAll(/<TD>(\w+Fault: [^<]+)<\/TD>/g)].map(match => match[1])
    assert.deepEqual(faults, [
      'NotFoundFault: demo.object has no object 5',
      'UsageFault: abc is not an integer',
      'UsageFault: 9223372036854775808 is beyond the 64 bits of an identifier',
      'NotFoundFault: there are no links for y.z',
    ])
    const none = await links('')
    assert.equal(none.status, 200)
    assert.match(none.text, /<TABLEDATA>\s*<\/TABLEDATA>/)
    assert.match((await links(`ID=${id}&RESPONSEFORMAT=image/gif`)).text, /UsageFault: /)
  })

  it('are described in capabilities and availability', { skip: withoutXsd() }, async () => {
    for (const resource of ['capabilities', 'availability'])
      validate(await (await fetch(`${service.url}/datalink/${resource}`)).text())
  })

  it('stilts datalinklint and votlint are content', { skip: withoutStilts() }, async () => {
    for (const query of [`ID=${id}`, `ID=${id}&ID=5`, 'ID=5&ID=abc', '']) {
      const report = await stilts('datalinklint', `votable=${service.url}/datalink/links?${query}`)
      assert.doesNotMatch(report, /^[EW]/m)
      assert.doesNotMatch(report, /ERROR|WARNING/)
      assert.equal(await stilts('votlint', `votable=${service.url}/datalink/links?${query}`), '')
    }
    const query = new URLSearchParams({ LANG: 'ADQL', MAXREC: '5', QUERY: 'SELECT * FROM demo.object' })
    assert.equal(await stilts('votlint', `votable=${service.url}/tap/sync?${query}`), '')
  })

  it('pyvo follows descriptors and links', { skip: withoutPython('pyvo') }, async () => {
    const script = `
import json, sys, pyvo
service = pyvo.dal.TAPService(sys.argv[1] + '/tap')
result = service.run_sync("SELECT TOP 3 objectid, ra, dec FROM demo.object WHERE objectid >= %s ORDER BY objectid" % sys.argv[2])
descriptor = result.get_adhocservice_by_id('lightcurve_1')
from pyvo.dal.adhoc import DatalinkQuery
row = result[0]
curve = DatalinkQuery.from_resource(row, descriptor).execute().to_table()
links = [[str(l['semantics']) for l in d] for d in result.iter_datalinks()]
print(json.dumps({'points': len(curve), 'columns': curve.colnames, 'ids': sorted({str(i) for i in curve['objectid']}), 'links': links}))`
    const read = JSON.parse(await pythonClient(script, service.url, id))
    assert.equal(read.points, 320)
    assert.deepEqual(read.ids, [id])
    assert.equal(read.links.length, 3)
    for (const one of read.links) assert.ok(one.includes('#this') && one.includes('#preview'))
  })
})
