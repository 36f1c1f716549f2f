/** SIA 1.0, as its text and pyvo have it. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { testDatabase } from '../support/database.ts'
import { addImages, square, type TestImage } from '../support/images.ts'
import { pythonClient, withoutPython } from '../support/python.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { stilts, withoutStilts } from '../support/stilts.ts'
import { validate, withoutXsd } from '../support/xsd.ts'

const database = await testDatabase()
const columns = {
  s_xel1: 3600,
  s_xel2: 1800,
  s_pixel_scale: 1,
  obs_title: 'A & B',
  filter_name: 'r',
  em_min: 5e-7,
  em_max: 7e-7,
}

const IMAGES: readonly TestImage[] = [
  {
    did: 'ivo://x.test/test?a',
    region: square(10, 20),
    columns: { ...columns, s_ra: 10, s_dec: 20, t_min: 58000, t_max: 58002 },
  },
  { did: 'ivo://x.test/test?b', region: square(10.8, 20), columns: { ...columns, s_ra: 10.8, s_dec: 20 } },
  {
    did: 'ivo://x.test/test?wrap',
    region: [359.5, -0.5, 0.5, -0.5, 0.5, 0.5, 359.5, 0.5],
    columns: { s_ra: 0, s_dec: 0 },
  },
  {
    did: 'ivo://x.test/test?sky',
    region: null,
    parts: [square(200, -40, 20)],
    gaps: [square(10, 20, 30)],
    columns: { s_ra: 200, s_dec: -40 },
  },
]

describe('SIA 1.0', () => {
  let service: TestService

  before(async () => {
    service = await startTestService({ database, fill: db => addImages(db, IMAGES), runner: false })
  })
  after(() => service.close())

  const ask = async (query: string, init?: RequestInit) => {
    const response = await fetch(`${service.url}/sia1/query?${query}`, init)
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      text: await response.text(),
    }
  }
  const names = async (query: string) => {
    const { text } = await ask(`${query}&VERB=3&RESPONSEFORMAT=tsv`)
    return text
      .trim()
      .split('\n')
      .slice(1)
      .map(row => row.split('\t').at(-1)!.replace(/^.*\?/, ''))
      .sort()
  }

  const cases: Record<string, readonly string[]> = {
    'POS=10,20&SIZE=0.1&FORMAT=image/fits': ['a'],
    'POS=10,20&SIZE=0.1&FORMAT=application/fits': ['a'],
    'pos=10,20&size=0.1,0.2&format=IMAGE/FITS': ['a'],
    'POS=10.4,20&SIZE=0.1&FORMAT=image/fits': ['a', 'b'],
    'POS=10,20&SIZE=0&FORMAT=image/fits': ['a'],
    'POS=0,0&SIZE=0.2&FORMAT=image/fits': ['wrap'],
    'POS=360,0&SIZE=0.2&FORMAT=image/fits': ['wrap'],
    'POS=200,-40&SIZE=1&FORMAT=image/fits': ['sky'],
    'POS=10,20&SIZE=0.1': ['a', 'a'],
    'POS=10,20&SIZE=0.1&FORMAT=ALL': ['a', 'a'],
    'POS=10,20&SIZE=0.1&FORMAT=GRAPHIC': ['a'],
    'POS=10,20&SIZE=0.1&FORMAT=image/jpeg': ['a'],
    'POS=10,20&SIZE=0.1&FORMAT=image/gif': [],
    'POS=10,20&SIZE=1.7,0.2&FORMAT=image/fits&INTERSECT=OVERLAPS': ['a', 'b'],
    'POS=10,20&SIZE=0.2&FORMAT=image/fits&INTERSECT=COVERS': ['a'],
    'POS=10,20&SIZE=0.9,1.2&FORMAT=image/fits&INTERSECT=COVERS': [],
    'POS=10,20&SIZE=1.2&FORMAT=image/fits&INTERSECT=ENCLOSED': ['a'],
    'POS=10.4,20&SIZE=3&FORMAT=image/fits&INTERSECT=enclosed': ['a', 'b'],
    'POS=10,20&SIZE=3&FORMAT=image/fits&INTERSECT=CENTER': ['a'],
    'POS=10,20&SIZE=0&FORMAT=image/fits&INTERSECT=ENCLOSED': [],
    'POS=200,-40&SIZE=1&FORMAT=image/fits&INTERSECT=COVERS': ['sky'],
    'POS=180,0&SIZE=360,180&FORMAT=image/fits': ['a', 'b', 'sky', 'wrap'],
    'POS=180,0&SIZE=360,180&FORMAT=image/fits&INTERSECT=ENCLOSED': ['a', 'b', 'wrap'],
    'POS=100,20&SIZE=130,2&FORMAT=image/fits': [],
  }
  for (const [query, expected] of Object.entries(cases)) {
    it(`${query} finds ${expected.join(' ') || 'nothing'}`, async () =>
      assert.deepEqual(await names(query), expected))
  }

  it('has columns with the UCDs that clients look for', async () => {
    const { type, text } = await ask('POS=10,20&SIZE=0.1&FORMAT=image/fits')
    assert.equal(type, 'text/xml;content=x-votable')
    assert.match(text, /<RESOURCE type="results">\s*<INFO name="QUERY_STATUS" value="OK"\/>/)
    for (const ucd of [
      'Image_Title',
      'Image_Naxes',
      'Image_Naxis',
      'Image_Scale',
      'Image_Format',
      'Image_AccessReference',
      'Image_MJDateObs',
      'BandPass_ID',
      'Image_FileSize',
    ])
      assert.equal(text.match(new RegExp(`ucd="VOX:${ucd}"`, 'g'))?.length, 1, ucd)
    for (const ucd of ['POS_EQ_RA_MAIN', 'POS_EQ_DEC_MAIN', 'INST_ID'])
      assert.match(text, new RegExp(`ucd="${ucd}"`))
    assert.match(text, /<TD>3600 1800<\/TD>/)
    assert.match(text, new RegExp(`<TD>${service.url}/files/test/a</TD>`))
    assert.match(text, /utype="adhoc:service"/)
    const { text: pictures } = await ask('POS=10,20&SIZE=0.1&FORMAT=GRAPHIC')
    assert.match(pictures, new RegExp(`<TD>image/jpeg</TD><TD>${service.url}/preview/test/a</TD>`))
    const { text: few } = await ask('POS=10,20&SIZE=0.1&VERB=0')
    assert.equal(few.match(/<FIELD/g)?.length, 8)
  })

  it('FORMAT=METADATA describes parameters and columns, MAXREC limits', async () => {
    const { text } = await ask('FORMAT=METADATA')
    assert.match(text, /<PARAM name="INPUT:POS"/)
    assert.match(text, /<PARAM name="INPUT:INTERSECT"[^>]*value="OVERLAPS"/)
    assert.match(text, /ucd="VOX:Image_AccessReference"/)
    assert.doesNotMatch(text, /<TR>/)
    const some = await ask('POS=180,0&SIZE=360,180&MAXREC=2')
    assert.equal(some.text.match(/<TR>/g)!.length, 2)
    assert.match(some.text, /value="OVERFLOW"/)
  })

  const wrong: Record<string, RegExp> = {
    'SIZE=1': /POS is missing/,
    'POS=1,2': /SIZE is missing/,
    'POS=1&SIZE=1': /two numbers/,
    'POS=1,95&SIZE=1': /declination 95/,
    'POS=M31&SIZE=1': /POS=M31/,
    'POS=1,2&SIZE=-1': /SIZE/,
    'POS=1,2&SIZE=1,2,3': /SIZE/,
    'POS=1,2&SIZE=NaN': /SIZE=NaN/,
    'POS=1,2&SIZE=1&INTERSECT=TOUCHES': /INTERSECT/,
    'POS=1,2&POS=1,2&SIZE=1': /given 2 times/,
  }
  for (const [query, why] of Object.entries(wrong)) {
    it(`says what is wrong with ${query}`, async () => {
      const { status, text } = await ask(query)
      assert.equal(status, 200)
      assert.match(text, /<RESOURCE type="results">\s*<INFO name="QUERY_STATUS" value="ERROR">/)
      assert.match(text, why)
    })
  }

  it('its documents validate, and votlint is content', {
    skip: withoutXsd() || withoutStilts(),
  }, async () => {
    for (const path of ['capabilities', 'availability'])
      validate(await (await fetch(`${service.url}/sia1/${path}`)).text())
    for (const query of ['POS=10,20&SIZE=0.1', 'FORMAT=METADATA', 'POS=x']) {
      validate((await ask(query)).text)
      assert.equal(await stilts('votlint', `votable=${service.url}/sia1/query?${query}`), '', query)
    }
    assert.equal((await ask('', { method: 'DELETE' })).status, 405)
  })

  it('pyvo searches', { skip: withoutPython('pyvo') }, async () => {
    const script = `
import json, sys, pyvo
s = pyvo.dal.SIAService(sys.argv[1] + '/sia1/query')
r = s.search(pos=(10, 20), size=0.1, format='image/fits')
one = r[0]
bad = ''
q = s.create_query(pos=(10, 20), size=0.1)
q['POS'] = '10,95'
try: q.execute()
except Exception as e: bad = str(e)
print(json.dumps({'title': one.title, 'ra': round(one.pos.ra.deg, 9), 'naxis': [int(getattr(n, 'value', n)) for n in one.naxis], 'url': one.acref, 'format': one.format,
  'band': one.bandpass_id, 'date': str(one.dateobs), 'n': len(r), 'meta': len(s.search(pos=(10, 20), size=0.1, format='METADATA')), 'bad': bad}))`
    const read = JSON.parse(await pythonClient(script, service.url))
    assert.deepEqual(
      [read.title, read.ra, read.naxis, read.url, read.format, read.band, read.n, read.meta],
      ['A & B', 10, [3600, 1800], `${service.url}/files/test/a`, 'application/fits', 'r', 1, 0],
    )
    assert.match(read.bad, /declination 95/)
  })
})
