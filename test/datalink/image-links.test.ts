/** Links of images, and the descriptors in results that have them, as clients follow them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startSurvey } from '../cutout/survey.ts'
import { pythonClient, withoutPython } from '../support/python.ts'
import { sync } from '../support/service.ts'
import { SMALL_IMAGES } from '../support/small-images.ts'
import { stilts, withoutStilts } from '../support/stilts.ts'
import { validate, withoutXsd } from '../support/xsd.ts'

const skip = withoutPython('astropy', 'pyvo')

describe('links of images', { skip }, async () => {
  if (skip) return
  const service = await startSurvey([], SMALL_IMAGES)
  const plain = service.dids.get('plain.fits')!
  const odd = service.dids.get('sub dir/50% (é) #1.fits.gz')!
  const cube = service.dids.get('cube.fits')!

  const links = async (...ids: string[]) => {
    const response = await fetch(`${service.url}/datalink/links`, {
      method: 'POST',
      body: new URLSearchParams(ids.map((id): [string, string] => ['ID', id])),
    })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'application/x-votable+xml;content=datalink')
    const text = await response.text()
    const rows = [...text.matchAll(/<TR>(.*?)<\/TR>/gs)].map(([, row]) =>
      [...row!.matchAll(/<TD>(.*?)<\/TD>/gs)].map(([, cell]) => cell!.replaceAll('&amp;', '&')),
    )
    return { text, rows }
  }
  const at = {
    id: 0,
    url: 1,
    service: 2,
    error: 3,
    semantics: 5,
    type: 6,
    length: 7,
    qualifier: 8,
    local: 9,
    auth: 10,
    authorized: 11,
  }

  it('are the file, a preview, cutouts and the weight map', async () => {
    const { text, rows } = await links(plain)
    assert.deepEqual(
      rows.map(row => [row[at.semantics], row[at.local]]),
      [
        ['#this', 'file'],
        ['#preview', 'thumbnail'],
        ['#cutout', 'cutout'],
        ['#cutout', 'cutout-job'],
        ['#auxiliary', 'weight'],
      ],
    )
    for (const row of rows) {
      assert.equal(row[at.id], plain)
      assert.equal([row[at.url], row[at.service], row[at.error]].filter(cell => cell !== '').length, 1)
      assert.equal(row[at.auth], 'false')
      assert.equal(row[at.authorized], 'T')
    }
    const [file] = rows
    const answer = await fetch(file![at.url]!)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-type'), file![at.type])
    assert.equal((await answer.arrayBuffer()).byteLength, Number(file![at.length]))
    assert.equal((await fetch(rows[4]![at.url]!)).status, 200)
    for (const row of rows.slice(2, 4)) assert.match(text, new RegExp(` ID="${row[at.service]}"`))
  })

  it('tell the bounds of each image', async () => {
    const { text } = await links(plain, cube)
    const descriptors = [
      ...text.matchAll(
        /<RESOURCE type="meta" utype="adhoc:service" ID="cutout_(\d)_sync"[\s\S]*?<\/RESOURCE>/g,
      ),
    ]
    assert.deepEqual(
      descriptors.map(match => match[1]),
      ['1', '2'],
    )
    const most = (xml: string, name: string) =>
      new RegExp(`name="${name}"[^>]*><VALUES><MAX value="([^"]*)"`).exec(xml)?.[1]?.split(' ').map(Number)
    const [ra, dec, radius] = most(descriptors[0]![0], 'CIRCLE')!
    assert.ok(Math.abs(ra! - 150) < 1e-6 && Math.abs(dec! - 2) < 1e-6)
    assert.ok(radius! >= (30 * Math.SQRT2) / 3600 - 1e-9 && radius! < 0.0125)
    assert.equal(most(descriptors[0]![0], 'POLYGON')!.length % 2, 0)
    assert.equal(most(descriptors[0]![0], 'BAND'), undefined)
    const [low, high] = most(descriptors[1]![0], 'BAND')!
    assert.ok(Math.abs(low! - 4.995e-7) < 1e-12 && Math.abs(high! - 5.045e-7) < 1e-12, `${low} ${high}`)
    assert.match(descriptors[0]![0], new RegExp(`name="ID"[^>]* value="${plain.replace('?', '\\?')}"`))
  })

  it('each wrong identifier is a row, the others still come', async () => {
    const { rows } = await links(plain, 'ivo://test.example/images?nothing.fits', '../../etc/passwd', odd)
    assert.equal(rows.filter(row => row[at.id] === plain).length, 5)
    assert.equal(rows.filter(row => row[at.id] === odd).length, 4)
    for (const id of ['ivo://test.example/images?nothing.fits', '../../etc/passwd']) {
      const [fault, ...more] = rows.filter(row => row[at.id] === id)
      assert.match(fault![at.error]!, /^(NotFound|Usage)Fault: /)
      assert.equal(fault![at.semantics], '#this')
      assert.equal(more.length, 0)
    }
  })

  it('stand in results of ObsTAP, under any name, and in those of SIA', async () => {
    const tap = async (query: string) =>
      (await sync(service, { QUERY: query, RESPONSEFORMAT: 'votable/td' })).text()
    for (const query of [
      'SELECT obs_publisher_did FROM ivoa.obscore',
      'SELECT s_ra, obs_publisher_did AS "the id" FROM ivoa.ObsCore',
      'SELECT * FROM ivoa.obscore',
    ]) {
      const text = await tap(query)
      assert.equal(text.match(/utype="adhoc:service"/g)?.length, 3, query)
      for (const [, ref] of text.matchAll(/<PARAM[^>]* ref="([^"]+)"/g))
        assert.match(text, new RegExp(`<FIELD ID="${ref}"`))
    }
    assert.doesNotMatch(await tap('SELECT obs_id FROM ivoa.obscore'), /adhoc:service/)
  })

  it('datalinklint, votlint and the schema are content', {
    skip: withoutStilts() || withoutXsd(),
  }, async () => {
    const query = new URLSearchParams([plain, odd, cube, 'x'].map((id): [string, string] => ['ID', id]))
    const url = `${service.url}/datalink/links?${query}`
    assert.doesNotMatch(await stilts('datalinklint', `votable=${url}`), /^[EW]|ERROR|WARNING/m)
    assert.equal(await stilts('votlint', `votable=${url}`), '')
    validate(await (await fetch(url)).text())
  })

  it('pyvo goes from SIA and ObsTAP to links, files and cutouts', async () => {
    const script = `
import io, json, sys, pyvo
from astropy.io import fits
from astropy import units as u
from pyvo.dal import sia2
url = sys.argv[1]
out = {}
service = (getattr(sia2, 'SIA2Service', None) or sia2.SIAService)(url + '/sia2')
found = service.search(pos=(150*u.deg, 2*u.deg, 0.001*u.deg))
out['links'] = sorted(sorted({str(row['semantics']) for row in links}) for links in found.iter_datalinks())
row = found[0]
cut = fits.open(io.BytesIO(row.processed(circle=(150*u.deg, 2*u.deg, 0.001*u.deg)).read()))
out['cut'] = list(cut[0].data.shape)
links = next(row for row in found.iter_datalinks())
out['procs'] = len(list(links.iter_procs()))
tap = pyvo.dal.TAPService(url + '/tap').search("SELECT obs_publisher_did, access_url FROM ivoa.obscore WHERE obs_publisher_did LIKE '%plain%'")
out['tap'] = [[str(r['semantics']) for r in d] for d in tap.iter_datalinks()]
whole = next(r for d in tap.iter_datalinks() for r in d if r['semantics'] == '#this').getdataset()
out['shape'] = list(fits.open(io.BytesIO(whole.read()))[0].data.shape)
print(json.dumps(out))`
    const read = JSON.parse(await pythonClient(script, service.url))
    assert.deepEqual(read.links[0], ['#auxiliary', '#cutout', '#preview', '#this'])
    assert.ok(read.cut[0] >= 7 && read.cut[0] <= 9, `${read.cut}`)
    assert.equal(read.procs, 2)
    assert.equal(read.tap.length, 1)
    assert.deepEqual(read.shape, [60, 60])
  })
})
