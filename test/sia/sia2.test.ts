/** SIA 2.0, held to the standard's text and to clients that we did not write. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { testDatabase } from '../support/database.ts'
import { addImages, square, type TestImage } from '../support/images.ts'
import { pythonClient, withoutPython } from '../support/python.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { stilts, withoutStilts } from '../support/stilts.ts'
import { validate, withoutXsd } from '../support/xsd.ts'

const database = await testDatabase()

const did = (name: string) => `ivo://x.test/test?${name}`

/** Names are keys; each test asks for some and names those that must come. */
const IMAGES: readonly TestImage[] = [
  {
    did: did('g'),
    region: square(10, 20),
    columns: {
      em_min: 4e-7,
      em_max: 5.5e-7,
      t_min: 58000,
      t_max: 58010,
      t_exptime: 60,
      t_resolution: 1,
      s_fov: 1.4,
      s_resolution: 0.7,
      em_res_power: 4,
      facility_name: 'Subaru',
      instrument_name: 'HSC',
      target_name: 'M 1',
      pol_states: '/I/',
      obs_release_date: '2025-06-01T00:00:00',
      s_ra: 10,
      s_dec: 20,
      obs_title: 'a < b & "c"',
      dataproduct_subtype: 'coadd',
    },
  },
  {
    did: did('cube'),
    region: square(10, 21),
    mediaType: 'image/fits',
    columns: {
      dataproduct_type: 'cube',
      em_min: 0.2,
      em_max: 0.22,
      t_min: 59000,
      t_max: 59000,
      t_exptime: 600,
      s_fov: 0.1,
      s_resolution: 30,
      em_res_power: 5000,
      pol_states: '/POLI/Q/',
      calib_level: 3,
      facility_name: 'VLA',
      s_ra: 10,
      s_dec: 21,
    },
  },
  { did: did('wrap'), region: [359.5, -0.5, 0.5, -0.5, 0.5, 0.5, 359.5, 0.5] },
  { did: did('pole'), region: [0, 89, 90, 89, 180, 89, 270, 89] },
  { did: did('sky'), region: null, parts: [square(200, -40, 20), square(220, -40, 20)] },
  { did: did('Nothing'), collection: 'Other' },
  { did: did('spectrum'), region: square(10, 20), columns: { dataproduct_type: 'spectrum' } },
]

describe('SIA 2.0', () => {
  let service: TestService

  before(async () => {
    service = await startTestService({ database, fill: db => addImages(db, IMAGES), runner: false })
  })
  after(() => service.close())

  const ask = async (query: string, init?: RequestInit) => {
    const response = await fetch(`${service.url}/sia2/query?${query}`, init)
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      headers: response.headers,
      text: await response.text(),
    }
  }
  const names = async (query: string) => {
    const { status, text } = await ask(`RESPONSEFORMAT=text/csv&${query}`)
    assert.equal(status, 200, text)
    const [header, ...rows] = text.trim().split('\r\n')
    const at = header!.split(',').indexOf('obs_publisher_did')
    return rows.map(row => row.split(',')[at]!.replace(/^.*\?/, '')).sort()
  }

  const cases: Record<string, readonly string[]> = {
    // nothing asked: all images and cubes, no spectra
    '': ['Nothing', 'cube', 'g', 'pole', 'sky', 'wrap'],
    'POS=CIRCLE 10 20 0.1': ['g'],
    'pos=circle 10 20 0.1': ['g'],
    'POS=CIRCLE 10 20.9 0.45': ['cube', 'g'],
    'POS=CIRCLE 0 0 0': ['wrap'],
    'POS=CIRCLE 360 0.7 0.3': ['wrap'],
    'POS=CIRCLE 33 89.9 0.01': ['pole'],
    'POS=CIRCLE 215 -45 1': ['sky'],
    'POS=CIRCLE 10 20 120': ['cube', 'g', 'pole', 'wrap'],
    'POS=CIRCLE 10 20 180': ['cube', 'g', 'pole', 'sky', 'wrap'],
    'POS=RANGE 9.9 10.1 19 20': ['g'],
    'POS=RANGE 359.9 0.1 -1 1': ['wrap'],
    'POS=RANGE 0 360 89.5 +Inf': ['pole'],
    'POS=RANGE 0 360 -2 2': ['wrap'],
    'POS=RANGE -Inf +Inf -Inf +Inf': ['cube', 'g', 'pole', 'sky', 'wrap'],
    'POS=RANGE 12 12 20 20': [],
    'POS=RANGE 10 10 20 20': ['g'],
    'POS=POLYGON 9.9 19.9 10.1 19.9 10.1 20.1': ['g'],
    'POS=POLYGON 10.1 20.1 10.1 19.9 9.9 19.9': ['g'],
    'POS=POLYGON 359 -1 1 -1 1 1 359 1': ['wrap'],
    'POS=POLYGON 359 -1 1 -1 1 1 359 1 359 -1': ['wrap'],
    // repeats are alternatives, different parameters are all to hold
    'POS=CIRCLE 10 20 0.1&POS=CIRCLE 0 0 0.1': ['g', 'wrap'],
    'POS=CIRCLE 10 20.5 0.3&BAND=0.21': ['cube'],
    'BAND=5e-7': ['g'],
    'BAND=5.5e-7 0.2': ['cube', 'g'],
    'BAND=0.21 +Inf': ['cube'],
    'BAND=-Inf 1e-6': ['g'],
    'BAND=-Inf Inf': ['cube', 'g'],
    'BAND=1e-9 1e-8': [],
    'BAND=5e-7&BAND=0.21': ['cube', 'g'],
    'TIME=58005': ['g'],
    'TIME=58010 58999': ['g'],
    'TIME=59000': ['cube'],
    'TIME=58010.5 58999': [],
    'POL=I': ['g'],
    'POL=Q': ['cube'],
    'POL=POL': [],
    'POL=%': [],
    'POL=I&POL=POLI': ['cube', 'g'],
    'FOV=1 2': ['g'],
    'FOV=-Inf 0.017&FOV=1.0 %2BInf': ['g'],
    'SPATRES=-Inf 1': ['g'],
    'SPECRP=1000 %2BInf': ['cube'],
    'EXPTIME=60': ['g'],
    'EXPTIME=61 600': ['cube'],
    'TIMERES=-Inf 1.0': ['g'],
    'TIMERES=-Inf +Inf': ['g'],
    'ID=IVO://X.TEST/TEST?nothing': ['Nothing'],
    'ID=ivo://x.test/test?g&ID=ivo://x.test/test?cube': ['cube', 'g'],
    'COLLECTION=Other': ['Nothing'],
    'COLLECTION=other': [],
    'FACILITY=Subaru&INSTRUMENT=HSC': ['g'],
    'FACILITY=Subaru&FACILITY=VLA': ['cube', 'g'],
    "INSTRUMENT=' OR 1=1": [],
    'DPTYPE=cube': ['cube'],
    'DPTYPE=spectrum': [],
    'CALIB=3': ['cube'],
    'CALIB=2&CALIB=3&TARGET=M 1': ['g'],
    'FORMAT=application/fits&COLLECTION=test&TARGET=M 1': ['g'],
    'FORMAT=image/png': [],
    'RELEASEDATE=2025-01-01 2025-12-31': ['g'],
    'RELEASEDATE=2025-06-01': ['g'],
    'RELEASEDATE=2025-06-02 +Inf': [],
    // empty values and unknown parameters are ignored, REQUEST and VERSION of drafts with them
    'POS=&BAND=5e-7&REQUEST=query&foo=bar': ['g'],
  }
  for (const [query, expected] of Object.entries(cases)) {
    it(`${query || 'no constraint'} finds ${expected.join(' ') || 'nothing'}`, async () => {
      assert.deepEqual(await names(query.replaceAll('+', '%2B').replaceAll(' ', '+')), expected)
    })
  }

  const refused: Record<string, RegExp> = {
    'POS=10 20 1': /begins with no shape/,
    'POS=BOX 10 20 1 1': /begins with no shape/,
    'POS=CIRCLE 10 20': /three numbers/,
    'POS=CIRCLE 10 20 1 1': /three numbers/,
    'POS=CIRCLE 10 91 1': /latitude 91/,
    'POS=CIRCLE 370 9 1': /longitude 370/,
    'POS=CIRCLE 10 20 -1': /radius -1/,
    'POS=CIRCLE 10 20 181': /radius 181/,
    'POS=CIRCLE 10 20 NaN': /NaN/,
    'POS=CIRCLE ten 20 1': /'ten' is not a number/,
    'POS=RANGE 1 2 3': /four numbers/,
    'POS=RANGE 1 2 5 3': /latitude/,
    'POS=POLYGON 1 1 2 2': /three or more/,
    'POS=POLYGON 1 1 2 2 3': /three or more/,
    'POS=POLYGON 0 0 10 10 10 0 0 10': /edges that cross/,
    [`POS=POLYGON ${'1 1 '.repeat(3000)}`]: /more than 2200 numbers/,
    'BAND=1 2 3': /BAND=1 2 3 is not/,
    'BAND=2 1': /more than the second/,
    'BAND=NaN': /NaN/,
    'BAND=red': /'red' is not a number/,
    'TIME=2020-01-01': /not a number/,
    'CALIB=two': /CALIB=two/,
    'RELEASEDATE=2025-02-30': /RELEASEDATE/,
    'COLLECTION=%00': /NUL/,
    'MAXREC=-1': /MAXREC=-1/,
    'MAXREC=1&maxrec=2': /given 2 times/,
    'RESPONSEFORMAT=image/gif': /not known/,
  }
  for (const [query, why] of Object.entries(refused)) {
    it(`refuses ${query.slice(0, 50)}`, async () => {
      const { status, text, type } = await ask(query.replaceAll(' ', '+'))
      assert.equal(status, 400)
      assert.equal(type, 'application/x-votable+xml')
      assert.match(text, /<INFO name="QUERY_STATUS" value="ERROR">UsageFault: /)
      assert.match(text, why)
    })
  }

  it('answers in the format that is asked for, errors too', async () => {
    assert.equal((await ask('MAXREC=1')).type, 'application/x-votable+xml')
    assert.equal((await ask('RESPONSEFORMAT=text/xml')).type, 'text/xml')
    const failed = await ask('RESPONSEFORMAT=csv&POS=x')
    assert.equal(failed.type, 'text/plain; charset=utf-8')
    assert.match(failed.text, /^UsageFault: /)
    const json = JSON.parse((await ask('RESPONSEFORMAT=json&COLLECTION=Other')).text)
    assert.ok(JSON.stringify(json).includes('ivo://x.test/test?Nothing'))
  })

  it('GET, POST and HEAD behave alike, other methods do not apply', async () => {
    const body = new URLSearchParams({ POS: 'CIRCLE 10 20 0.1', RESPONSEFORMAT: 'csv' })
    const posted = await ask('', { method: 'POST', body })
    assert.equal(posted.text, (await ask(String(body))).text)
    const form = new FormData()
    for (const [name, value] of body) form.set(name, value)
    assert.equal((await ask('', { method: 'POST', body: form })).text, posted.text)
    const head = await ask(String(body), { method: 'HEAD' })
    assert.equal(head.status, 200)
    assert.equal(head.text, '')
    assert.equal((await ask('', { method: 'DELETE' })).status, 405)
    assert.equal((await fetch(`${service.url}/sia2/nothing`)).status, 404)
  })

  it('MAXREC limits: overflow after the table, none when all are there; 0 describes the service', async () => {
    const some = await ask('MAXREC=2')
    assert.equal(some.text.match(/<TR>/g)!.length, 2)
    assert.match(some.text, /value="OK"[\s\S]*<\/TABLE>\s*<INFO name="QUERY_STATUS" value="OVERFLOW"/)
    const exact = await ask('MAXREC=6')
    assert.equal(exact.text.match(/<TR>/g)!.length, 6)
    assert.doesNotMatch(exact.text, /OVERFLOW/)
    const none = await ask('MAXREC=0')
    assert.doesNotMatch(none.text, /<TR>/)
    assert.match(none.text, /<FIELD[^>]* name="s_region"/)
    for (const option of ['Subaru', 'HSC', 'Other', 'cube', 'image/fits', 'POLI'])
      assert.match(none.text, new RegExp(`<OPTION value="${option}"`))
    const list = await ask('RESPONSEFORMAT=text/uri-list&MAXREC=2')
    assert.equal(list.headers.get('x-maxrec'), '2')
  })

  it('lists the URLs of files for wget', async () => {
    const { type, text } = await ask('RESPONSEFORMAT=text/uri-list&POS=CIRCLE+10+20.5+0.2')
    assert.equal(type, 'text/uri-list')
    assert.deepEqual(text.split('\n').sort(), [
      '',
      `${service.url}/files/test/cube`,
      `${service.url}/files/test/g`,
    ])
  })

  it('describes its links, its cutouts and itself', async () => {
    const { text } = await ask('MAXREC=1')
    const services = [
      ...text.matchAll(/<RESOURCE type="meta" utype="adhoc:service"[\s\S]*?<\/RESOURCE>/g),
    ].map(String)
    assert.deepEqual(
      services.map(xml => /name="standardID"[^>]* value="([^"]*)"/.exec(xml)![1]),
      [
        'ivo://ivoa.net/std/DataLink#links-1.1',
        'ivo://ivoa.net/std/SODA#sync-1.0',
        'ivo://ivoa.net/std/SODA#async-1.0',
        'ivo://ivoa.net/std/SIA#query-2.0',
      ],
    )
    for (const [, ref] of text.matchAll(/ ref="([^"]+)"/g))
      assert.match(text, new RegExp(` ID="${ref}"`), `${ref} is there`)
    assert.match(services[3]!, /name="this"/)
  })

  it('capabilities and availability validate', { skip: withoutXsd() }, async () => {
    for (const resource of ['capabilities', 'availability'])
      validate(await (await fetch(`${service.url}/sia2/${resource}`)).text())
    validate((await ask('')).text)
    validate((await ask('MAXREC=0')).text)
    validate((await ask('POS=x')).text)
  })

  it('votlint is content', { skip: withoutStilts() }, async () => {
    // It takes an empty cell of a variable array of doubles, which is NULL, for a number: two images have no outline.
    const permitted = /^ERROR \(l\.\d+, c\.\d+\): Bad double string ''$/
    for (const query of ['', 'MAXREC=0', 'POS=CIRCLE+10+20+1']) {
      const report = await stilts('votlint', `votable=${service.url}/sia2/query?${query}`)
      const rest = report.split('\n').filter(line => line !== '' && !permitted.test(line))
      assert.deepEqual(rest, [], query)
    }
  })

  it('pyvo searches by each parameter', { skip: withoutPython('pyvo') }, async () => {
    const script = `
import json, sys
from astropy.time import Time
from pyvo.dal import sia2
SIA2Service = getattr(sia2, 'SIA2Service', None) or sia2.SIAService
from astropy import units as u
s = SIA2Service(sys.argv[1] + '/sia2')
names = lambda r: sorted(str(x).split('?')[1] for x in r['obs_publisher_did'])
out = []
out.append(names(s.search(pos=(10*u.deg, 20*u.deg, 0.1*u.deg))))
out.append(names(s.search(pos=(9.9*u.deg, 10.1*u.deg, 19*u.deg, 20*u.deg), band=(500e-9, 501e-9))))
out.append(names(s.search(pos=(9.9, 19.9, 10.1, 19.9, 10.1, 20.1))))
out.append(names(s.search(band=(0.21*u.m, 1*u.m), time=Time(59000, format='mjd'), pol='Q', facility='VLA', data_type='cube', calib_level=3, exptime=(500*u.s, 700*u.s))))
r = s.search(collection='test', instrument='HSC', field_of_view=(1*u.deg, 2*u.deg), spatial_resolution=(0.5*u.arcsec, 1*u.arcsec), spectral_resolving_power=(1, 10), target_name='M 1', res_format='application/fits', maxrec=3)
out.append(names(r))
out.append([r[0].access_url, r[0].s_region.tolist(), r[0]['em_min'], str(r[0].obs_title)])
print(json.dumps(out))`
    const read = JSON.parse(await pythonClient(script, service.url))
    assert.deepEqual(read.slice(0, 5), [['g'], ['g'], ['g'], ['cube'], ['g']])
    const [url, region, emMin, title] = read[5]
    assert.equal(url, `${service.url}/files/test/g`)
    assert.deepEqual(region, square(10, 20))
    assert.equal(emMin, 4e-7)
    assert.equal(title, 'a < b & "c"')
  })
})
