/** /hips as Aladin asks for it. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import express from 'express'
import { NO_RULES } from '../../src/auth/access.ts'
import { buildTree } from '../../src/hips/build.ts'
import { finishTree } from '../../src/hips/finish.ts'
import { publishedTrees } from '../../src/hips/published.ts'
import { hipsRouter } from '../../src/hips/router.ts'
import { pythonClient, withoutPython } from '../support/python.ts'
import { ABOUT, makeImages, treeRequest } from './images.ts'

/** The trees are looked after once a second. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 100 && !(await holds()); i++) await new Promise(resolve => setTimeout(resolve, 50))
  assert.ok(await holds())
}

describe('a HiPS', { skip: withoutPython('astropy') }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-hips-'))
  let server: Server
  let url = ''
  let tile = ''
  before(async () => {
    const images = path.join(folder, 'images')
    const { mkdirSync } = await import('node:fs')
    mkdirSync(images)
    makeImages(images, 150, 2.2)
    const built = await buildTree(
      treeRequest(
        path.join(folder, 'trees', 'sky'),
        ['a', 'b', 'c'].map(name => ({
          name,
          location: path.join(images, `${name}.fits`),
          hdu: 0,
          stamp: '1',
        })),
        folder,
      ),
    )
    await finishTree(built, ABOUT, false)
    writeFileSync(path.join(folder, 'trees', 'secret'), 'x')
    tile = readdirSync(path.join(folder, 'trees', 'sky'), { recursive: true, encoding: 'utf8' }).find(
      name => name.startsWith(`Norder${built.settings.order}/`) && name.endsWith('.png'),
    )!
    const trees = publishedTrees(path.join(folder, 'trees'))
    const app = express().use('/hips', hipsRouter({ trees, rules: () => NO_RULES, origin: () => url }))
    server = createServer({ keepAliveTimeout: 60_000 }, app).listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => {
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const get = (file: string, init?: RequestInit) => fetch(`${url}/hips/sky/${file}`, init)

  it('is in the list, with what the standard asks for', async () => {
    const text = await (await fetch(`${url}/hips/list`)).text()
    for (const key of ['creator_did', 'hips_release_date', 'hips_service_url', 'hips_status'])
      assert.match(text, new RegExp(`^${key} += \\S`, 'm'))
    assert.match(text, new RegExp(`^hips_service_url +   *= ${url}/hips/sky$`.replace('  *', ''), 'm'))
  })

  it('gives tiles whole, in parts, by HEAD, and only once', async () => {
    const expected = readFileSync(path.join(folder, 'trees', 'sky', tile))
    const whole = await get(tile)
    assert.equal(whole.status, 200)
    assert.equal(whole.headers.get('content-type'), 'image/png')
    assert.match(whole.headers.get('cache-control')!, /max-age/)
    assert.ok(Buffer.from(await whole.arrayBuffer()).equals(expected))
    const head = await get(tile, { method: 'HEAD' })
    assert.equal(head.headers.get('content-length'), String(expected.length))
    const part = await get(tile, { headers: { Range: 'bytes=10-19' } })
    assert.equal(part.status, 206)
    assert.ok(Buffer.from(await part.arrayBuffer()).equals(expected.subarray(10, 20)))
    const again = await get(tile, { headers: { 'If-None-Match': whole.headers.get('etag')! } })
    assert.equal(again.status, 304)
  })

  it('knows its release: ranges, dates and addresses that never change', async () => {
    const bytes = readFileSync(path.join(folder, 'trees', 'sky', tile))
    const whole = await get(tile)
    const etag = whole.headers.get('etag')!
    const modified = whole.headers.get('last-modified')!
    const parts: [Record<string, string>, number, string | null][] = [
      [{ Range: 'bytes=-5' }, 206, `bytes ${bytes.length - 5}-${bytes.length - 1}/${bytes.length}`],
      [{ Range: 'bytes=0-0', 'If-Range': etag }, 206, `bytes 0-0/${bytes.length}`],
      [{ Range: 'bytes=0-0', 'If-Range': '"another"' }, 200, null],
      [{ Range: `bytes=${bytes.length}-` }, 416, `bytes */${bytes.length}`],
      [{ Range: 'bytes=0-1,3-4' }, 200, null],
      [{ Range: 'lines=0-1' }, 200, null],
      [{ 'If-None-Match': `"x", W/${etag}` }, 304, null],
      [{ 'If-None-Match': '*' }, 304, null],
      [{ 'If-None-Match': '"x"', 'If-Modified-Since': modified }, 200, null],
      [{ 'If-Modified-Since': modified }, 304, null],
      [{ 'If-Modified-Since': 'Tue, 01 Jan 2002 00:00:00 GMT' }, 200, null],
    ]
    for (const [headers, status, range] of parts) {
      const response = await get(tile, { headers })
      assert.equal(response.status, status, JSON.stringify(headers))
      assert.equal(response.headers.get('content-range'), range)
      assert.equal(response.headers.get('etag'), etag)
    }
    const properties = await (await get('properties')).text()
    const release = /^hips_release_date += (.*)$/m.exec(properties)![1]!
    const kept = await get(`${tile}?release=${encodeURIComponent(release)}`)
    assert.match(kept.headers.get('cache-control')!, /immutable/)
    const other = await get(`${tile}?release=2001-01-01T00:00Z`)
    assert.doesNotMatch(other.headers.get('cache-control')!, /immutable/)
  })

  it('serves a tree as soon as it is published, and anew when it is made anew', async () => {
    const { cpSync, mkdirSync, renameSync } = await import('node:fs')
    const fresh = path.join(folder, 'trees', 'fresh')
    cpSync(path.join(folder, 'trees', 'sky'), fresh, { recursive: true })
    renameSync(path.join(fresh, 'properties'), path.join(fresh, 'later'))
    const at = (file: string) => fetch(`${url}/hips/fresh/${file}`)
    assert.equal((await at(tile)).status, 404)
    assert.doesNotMatch(await (await fetch(`${url}/hips/list`)).text(), /hips\/fresh/)
    renameSync(path.join(fresh, 'later'), path.join(fresh, 'properties'))
    const before = await at(tile)
    assert.equal(before.status, 200)
    assert.match(await (await fetch(`${url}/hips/list`)).text(), /hips\/fresh/)
    writeFileSync(path.join(fresh, tile), 'another tile')
    const text = readFileSync(path.join(fresh, 'properties'), 'utf8')
    writeFileSync(path.join(fresh, 'properties'), text)
    await until(async () => (await (await at(tile)).text()) === 'another tile')
    assert.notEqual((await at(tile)).headers.get('etag'), before.headers.get('etag'))
    // What others make is not always whole; nobody else's tree suffers from it.
    writeFileSync(path.join(fresh, 'Moc.fits'), 'no FITS')
    writeFileSync(path.join(fresh, 'properties'), 'hips_order = 30\nhips_status = private master clonable\n')
    const list = async () => (await fetch(`${url}/hips/list`)).text()
    await until(async () => !(await list()).includes('hips/fresh'))
    assert.match(await list(), /hips\/sky/)
    assert.equal((await at(tile)).status, 200)
    mkdirSync(path.join(folder, 'trees', 'odd', 'properties'), { recursive: true })
    assert.equal((await fetch(`${url}/hips/odd/properties`)).status, 404)
    rmSync(fresh, { recursive: true })
    await until(async () => (await at('properties')).status === 404)
  })

  it('gives the other files', async () => {
    for (const file of [
      'properties',
      'Moc.fits',
      'Norder3/Allsky.png',
      'metadata.xml',
      'preview.jpg',
      'index.html',
      '',
    ]) {
      const response = await get(file)
      assert.equal(response.status, 200, file)
      assert.ok((await response.arrayBuffer()).byteLength > 100, file)
      assert.equal((await get(file, { method: 'HEAD' })).status, 200, file)
    }
  })

  it('has no other tiles and no other files', async () => {
    const wrong = tile.replace('.png', '.webp')
    const paths = [
      wrong,
      'Norder3/Dir0/Npix1.png',
      'Norder99/Dir0/Npix0.png',
      tile.replace(/Dir\d+/, 'Dir70000000'),
    ]
    const others = [
      '.build/leaves',
      '..%2fsecret',
      '%2e%2e/secret',
      'Norder3/..%2f..%2f..%2fsecret',
      'properties.part',
      '%ff',
      '%00',
      '%2e%2e%2f%2e%2e%2fsecret',
      '/properties',
      `${tile}/`,
      tile.replace('Norder', 'norder'),
      tile.replace('Norder', 'Norder0'),
      tile.replace('Dir', 'Dir0'),
      tile.replace('Npix', 'Npix0'),
      `./${'a/'.repeat(2000)}x`,
    ]
    for (const file of [...paths, ...others]) {
      const response = await get(file)
      assert.equal(response.status, 404, file)
      assert.doesNotMatch(await response.text(), /^x$/)
    }
    assert.equal((await fetch(`${url}/hips/none/properties`)).status, 404)
    assert.equal((await fetch(`${url}/hips/secret/properties`)).status, 404)
  })

  it('is cut out with the values of its tiles', async () => {
    const query = 'ra=150.02&dec=2.2&fov=0.05&width=60&height=40'
    const script = `
import sys, io, json, urllib.request, numpy as np, healpy
from astropy.io import fits
from astropy.wcs import WCS
url, folder = sys.argv[1:]
order = int([l for l in open(folder + '/properties') if l.startswith('hips_order ')][0].split('=')[1])
h = fits.open(io.BytesIO(urllib.request.urlopen(url).read()))
h.verify('exception')
w = WCS(h[0].header)
j, i = np.mgrid[0:40, 0:60]
lon, lat = w.wcs_pix2world(i.ravel(), j.ravel(), 0)
# the order whose pixels are no larger than those of the view
want = order
while want > 0 and np.sqrt(np.pi / 3) / 2 ** (want - 1 + 9) <= np.radians(0.05 / 60): want -= 1
cell = healpy.ang2pix(2 ** (want + 9), lon, lat, nest=True, lonlat=True)
worst = 0
got = h[0].data.ravel()
for k in range(0, len(cell), 7):
    n, r = divmod(int(cell[k]), 4 ** 9)
    x = sum(((r >> (2 * b)) & 1) << b for b in range(9)); y = sum(((r >> (2 * b + 1)) & 1) << b for b in range(9))
    try: t = fits.getdata(f'{folder}/Norder{want}/Dir{n // 10000 * 10000}/Npix{n}.fits')
    except FileNotFoundError: assert np.isnan(got[k]); continue
    e = t[511 - x, y]
    assert np.isnan(e) == np.isnan(got[k])
    if not np.isnan(e): worst = max(worst, abs(float(e - got[k])))
print(json.dumps([worst, int(np.isfinite(got).sum())]))`
    const args = [`${url}/hips/sky/cutout?${query}&format=fits`, path.join(folder, 'trees', 'sky')]
    const [worst, filled] = JSON.parse(await pythonClient(script, ...args))
    assert.equal(worst, 0)
    assert.ok(filled > 1000)
    for (const format of ['jpg', 'png', 'webp']) {
      const response = await get(`cutout?${query}&format=${format}`)
      assert.equal(response.status, 200, format)
      assert.match(response.headers.get('content-type')!, /^image\//)
    }
  })

  it('says what is wrong with a cutout', async () => {
    const wrong: [string, RegExp][] = [
      ['ra=1&dec=2', /fov is missing/],
      ['ra=x&dec=2&fov=1', /ra: 'x' is not a number/],
      ['ra=1&dec=95&fov=1', /dec: 95 is not within/],
      ['ra=1&dec=2&fov=1&width=100000', /pixels together/],
      ['ra=1&dec=2&fov=1&hips=CDS/P/DSS2/color', /the address names the HiPS/],
      ['wcs={}', /wcs is not taken: say ra, dec/],
      ['ra=1&dec=2&fov=1&projection=XYZ', /projection must be one of TAN/],
      ['ra=1&dec=2&fov=1&colour=red', /colour is no parameter/],
    ]
    for (const [query, message] of wrong) {
      const response = await get(`cutout?${query}`)
      assert.equal(response.status, 400, query)
      assert.match(await response.text(), message)
    }
  })
})
