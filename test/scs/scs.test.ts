/** Simple Cone Search 1.03. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { testDatabase } from '../support/database.ts'
import { fillSmallDemo } from '../support/demo.ts'
import { pythonClient, withoutPython } from '../support/python.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, sync, type TestService } from '../support/service.ts'
import { stilts, withoutStilts } from '../support/stilts.ts'
import { validate, withoutXsd } from '../support/xsd.ts'

const database = await testDatabase()

describe('cone search', () => {
  let service: TestService

  before(async () => {
    service = await startTestService({
      database,
      runner: false,
      async fill(db) {
        await fillSample(db)
        await fillSmallDemo(db)
      },
    })
  })
  after(() => service.close())

  const cone = async (query: string, table = 'sample.stars', init?: RequestInit) => {
    const response = await fetch(`${service.url}/scs/${table}?${query}`, init)
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      text: await response.text(),
    }
  }
  const ids = (text: string) => [...text.matchAll(/<TR>\s*<TD>([^<]*)<\/TD>/g)].map(match => match[1]!).sort()

  for (const [ra, dec, sr] of [
    [0, 0, 1],
    [359.99, 0.01, 0.5],
    [12, 90, 20],
    [100, -90, 5],
    [180, 10, 60],
    [30, 5, 150],
    [0, 0, 180],
  ] as const) {
    it(`finds what ADQL finds at ${ra} ${dec} within ${sr}`, async () => {
      const { status, type, text } = await cone(`RA=${ra}&DEC=${dec}&SR=${sr}`)
      assert.equal(status, 200)
      assert.equal(type, 'text/xml;content=x-votable')
      const query = `SELECT id FROM sample.stars WHERE DISTANCE(POINT(ra, dec), POINT(${ra}, ${dec})) <= ${sr}`
      const csv = await (await sync(service, { QUERY: query, RESPONSEFORMAT: 'csv' })).text()
      assert.deepEqual(ids(text), csv.trim().split('\r\n').slice(1).sort())
    })
  }

  it('has one table, and one field of each of the old UCDs', async () => {
    for (const table of ['sample.stars', 'demo.object', 'DEMO.Visit']) {
      for (const verb of [1, 2, 3]) {
        const { text } = await cone(`RA=150&DEC=2&SR=0.001&VERB=${verb}`, table)
        assert.equal(text.match(/<TABLE/g)?.length, 1 + (text.match(/<TABLEDATA/g)?.length ?? 0))
        assert.equal(text.match(/<RESOURCE type="results"/g)?.length, 1)
        for (const [ucd, type] of [
          ['ID_MAIN', 'char'],
          ['POS_EQ_RA_MAIN', 'double'],
          ['POS_EQ_DEC_MAIN', 'double'],
        ]) {
          const fields = text.match(new RegExp(`<FIELD[^>]*ucd="${ucd}"[^>]*>`, 'g'))
          assert.equal(fields?.length, 1, `${table} ${ucd}`)
          assert.match(fields![0], new RegExp(`datatype="${type}"`))
        }
      }
    }
  })

  it('VERB asks for more or fewer columns', async () => {
    const columns = async (verb: string) =>
      (await cone(`RA=0&DEC=0&SR=0.1${verb}`)).text.match(/<FIELD/g)!.length
    assert.deepEqual(
      [await columns('&VERB=1'), await columns('&VERB=2'), await columns('&VERB=3'), await columns('')],
      [3, 4, 13, 4],
    )
  })

  it('SR=0 and MAXREC=0 describe the columns, MAXREC limits', async () => {
    for (const query of ['RA=0&DEC=0&SR=0', 'RA=0&DEC=0&SR=10&MAXREC=0']) {
      const { text } = await cone(query)
      assert.match(text, /ucd="ID_MAIN"/)
      assert.doesNotMatch(text, /<TR>|name="Error"/)
    }
    const some = await cone('ra=0&Dec=0&sr=180&maxrec=3')
    assert.equal(ids(some.text).length, 3)
    assert.match(some.text, /<\/TABLE>\s*<INFO name="QUERY_STATUS" value="OVERFLOW"/)
  })

  const wrong: Record<string, RegExp> = {
    'DEC=0&SR=1': /RA is missing/,
    'RA=0&SR=1': /DEC is missing/,
    'RA=0&DEC=0': /SR is missing/,
    'RA=0&DEC=0&SR=': /SR is missing/,
    'RA=as3f&DEC=0&SR=1': /RA=as3f/,
    'RA=12:30:00&DEC=0&SR=1': /RA=12:30:00/,
    'RA=0&DEC=91&SR=1': /DEC=91 is not within/,
    'RA=-1&DEC=0&SR=1': /RA=-1 is not within/,
    'RA=0&DEC=0&SR=-1': /SR=-1/,
    'RA=0&DEC=0&SR=181': /SR=181/,
    'RA=0&DEC=NaN&SR=1': /DEC=NaN/,
    'RA=0&DEC=0&SR=1&SR=2': /SR is given 2 times/,
    'RA=0&DEC=0&SR=1&VERB=4': /VERB=4/,
    'RA=0&DEC=0&SR=1&MAXREC=x': /MAXREC=x/,
  }
  for (const [query, why] of Object.entries(wrong)) {
    it(`says what is wrong with ${query}`, async () => {
      const { status, text, type } = await cone(query)
      assert.equal(status, 200)
      assert.equal(type, 'text/xml;content=x-votable')
      assert.equal(text.match(/name="Error"/g)?.length, 1)
      assert.match(text, /<VOTABLE[^>]*>\s*<INFO ID="Error" name="Error" value="[^"]+"/)
      assert.match(text, why)
    })
  }

  it('knows which tables can be searched, and which methods', async () => {
    assert.equal((await cone('RA=0&DEC=0&SR=1', 'sample.nothing')).status, 404)
    assert.match((await cone('RA=0&DEC=0&SR=1', 'tap_schema.tables')).text, /no position/)
    assert.equal((await cone('', 'sample.stars', { method: 'DELETE' })).status, 405)
    const body = new URLSearchParams({ RA: '0', DEC: '0', SR: '1' })
    const posted = await cone('', 'sample.stars', { method: 'POST', body })
    assert.equal(posted.text, (await cone(String(body))).text)
    assert.match((await cone(`${body}&RESPONSEFORMAT=csv`)).text, /^ID,ra,dec,mag\r\n/)
  })

  it('its documents validate', { skip: withoutXsd() }, async () => {
    for (const path of ['', '/capabilities', '/availability'])
      validate(await (await fetch(`${service.url}/scs/demo.object${path}?RA=150&DEC=2&SR=0.01`)).text())
    validate((await cone('RA=x&DEC=0&SR=1')).text)
  })

  it('says where the light curves are', async () => {
    const { text } = await cone('RA=150&DEC=2&SR=0.05', 'demo.object')
    assert.match(text, /name="light curve"/)
    for (const [, ref] of text.matchAll(/<PARAM[^>]* ref="([^"]+)"/g))
      assert.match(text, new RegExp(`<FIELD ID="${ref}"[^>]*ucd="ID_MAIN"`))
  })

  it('votlint is content and stilts cone reads it', { skip: withoutStilts() }, async () => {
    const url = `${service.url}/scs/demo.object?RA=150&DEC=2&SR=0.02`
    assert.equal(await stilts('votlint', `votable=${url}`), '')
    const csv = await stilts(
      'cone',
      `serviceurl=${service.url}/scs/sample.stars`,
      'lon=0',
      'lat=0',
      'radius=1',
      'verb=1',
      'ofmt=csv',
    )
    assert.match(csv.split('\n')[0]!, /^ID,ra,dec$/)
    assert.equal(csv.trim().split('\n').length - 1, ids((await cone('RA=0&DEC=0&SR=1')).text).length)
  })

  it('pyvo searches', { skip: withoutPython('pyvo') }, async () => {
    const script = `
import json, sys, pyvo
s = pyvo.dal.SCSService(sys.argv[1] + '/scs/sample.stars')
r = s.search(pos=(0, 0), radius=1.0, verbosity=3)
bad = 'none'
try: s.search(pos=(0, 0), radius=200)
except pyvo.dal.DALQueryError as e: bad = str(e)
print(json.dumps({'ids': sorted(str(x.id) for x in r), 'ra': r[0].pos.ra.deg, 'bad': bad}))`
    const read = JSON.parse(await pythonClient(script, service.url))
    assert.deepEqual(read.ids, ids((await cone('RA=0&DEC=0&SR=1')).text))
    assert.match(read.bad, /SR=200/)
  })
})
