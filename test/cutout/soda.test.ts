/** SODA 1.0 at /cutout/sync and /cutout/async. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import sharp from 'sharp'
import { ANONYMOUS } from '../../src/auth/identity.ts'
import { openDataset } from '../../src/cutout/dataset.ts'
import { fitsFile } from '../../src/cutout/fits-file.ts'
import { cutoutRequest } from '../../src/cutout/params.ts'
import { windowOf } from '../../src/cutout/plan.ts'
import { parametersOf } from '../../src/dali/parameters.ts'
import { locate } from '../../src/images/locate.ts'
import { counted } from '../fits/support.ts'
import { jobClient } from '../support/jobs.ts'
import { python, withoutPython } from '../support/python.ts'
import { validate, withoutXsd } from '../support/xsd.ts'
import { SCENES } from './scenes.ts'
import { cutout, type Survey, startSurvey, storedFiles } from './survey.ts'

const skip = withoutPython('astropy')

describe('SODA', { skip }, async () => {
  const survey: Survey = await startSurvey([], SCENES, { cutoutPixels: 1_000_000 })
  const id = (key: string) => survey.dids.get(key) ?? assert.fail(`no ${key} in ${[...survey.dids.keys()]}`)
  let saved = 0

  /** What Python prints of `cut`, the HDUs of a cutout, and `orig`, the file that it is of. */
  async function looked(key: string, parameters: Record<string, string>, script: string): Promise<unknown> {
    const response = await cutout(survey, { ID: id(key), ...parameters })
    assert.equal(response.status, 200, await response.clone().text())
    const file = path.join(survey.folder, `${saved++}.cut`)
    writeFileSync(file, Buffer.from(await response.arrayBuffer()))
    const output = python(
      `import sys, json\nimport numpy as np\nfrom astropy.io import fits\nfrom astropy.wcs import WCS\nfrom astropy.coordinates import SkyCoord\ncut, orig = [fits.open(f, memmap=False) for f in sys.argv[1:3]]\nd, h = cut[0].data, cut[0].header\n${script}`,
      '',
      [file, path.join(survey.folder, key.replace(/\/\d+$/, ''))],
    )
    return JSON.parse(output.toString())
  }

  async function refused(
    parameters: Record<string, string | string[]>,
    status: number,
    begins: RegExp,
  ): Promise<void> {
    const response = await cutout(survey, parameters)
    const text = await response.text()
    assert.equal(response.status, status, text)
    assert.match(response.headers.get('content-type')!, /^text\/plain/)
    assert.match(text, begins)
  }

  it('cuts circles, ranges and polygons across RA 0, whatever way the image lies', async () => {
    const shapes = {
      circle: { CIRCLE: '0.001 1.002 0.01' },
      polygon: { POLYGON: '359.995 0.995 0.005 0.995 0.005 1.005 359.995 1.005' },
      range: { POS: 'RANGE 359.99 0.01 0.995 1.002' },
    }
    for (const band of ['g', 'r', 'i']) {
      for (const [name, parameters] of Object.entries(shapes)) {
        const result = await looked(
          `field_${band}.fits`,
          { ...parameters, MASK: 'true' },
          `
o, w = orig[0].data, WCS(orig[0].header)
y, x = np.mgrid[:o.shape[0], :o.shape[1]]
ra, dec = w.all_pix2world(x, y, 0)
ra = (ra + 180) % 360 - 180
inside = {'circle': lambda: SkyCoord(ra, dec, unit='deg').separation(SkyCoord(0.001, 1.002, unit='deg')).deg <= 0.01,
          'polygon': lambda: (abs(ra) <= 0.005) & (dec >= 0.995) & (dec <= 1.005),
          'range': lambda: (abs(ra) <= 0.01) & (dec >= 0.995) & (dec <= 1.002)}['${name}']()
py, px = np.nonzero(inside)
v = WCS(h)
sx, sy = [int(round(orig[0].header['CRPIX%d' % i] - h['CRPIX%d' % i])) for i in (1, 2)]
full = o[sy:sy + d.shape[0], sx:sx + d.shape[1]]
keep = np.isfinite(d)
print(json.dumps({'same': bool(np.array_equal(d[keep], full[keep])), 'kept': int(keep.sum()), 'inside': int(inside.sum()),
  'box': [int(px.min() - sx), int(py.min() - sy), int(sx + d.shape[1] - 1 - px.max()), int(sy + d.shape[0] - 1 - py.max())],
  'differ': int((keep != inside[sy:sy + d.shape[0], sx:sx + d.shape[1]]).sum())}))`,
        )
        const { same, kept, inside, box, differ } = result as {
          same: boolean
          kept: number
          inside: number
          box: number[]
          differ: number
        }
        assert.ok(same)
        assert.ok(inside > 100 && kept > 100)
        // A polygon's edges are great circles, whose middles are beside the parallels.
        assert.ok(
          differ <= (name === 'polygon' ? 4 : 0),
          `${band} ${name}: ${differ} pixels of the mask differ`,
        )
        assert.ok(
          box.every(margin => margin >= 0 && margin <= 1),
          `${band} ${name}: margins ${box}`,
        )
      }
    }
  })

  it('cuts at a pole, at the seam of an all-sky map, at corners, and less than a pixel', async () => {
    const around = (n: number) => `print(json.dumps([d.shape, float(d.ravel()[${n}])]))`
    assert.deepEqual(
      ((await looked('pole.fits', { CIRCLE: '123 90 0.1' }, around(0))) as number[][])[0],
      [20, 20],
    )
    const seam = (await looked('allsky.fits', { CIRCLE: '180 0 5' }, around(0))) as [number[], number]
    assert.equal(seam[0][1], 360)
    assert.ok(seam[0][0]! >= 10 && seam[0][0]! <= 12, `${seam[0]}`)
    const cap = (await looked('allsky.fits', { POS: 'CIRCLE 10 90 5' }, around(0))) as [number[], number]
    assert.equal(cap[0][1], 360)
    assert.ok(cap[0][0]! >= 5 && cap[0][0]! <= 6, `${cap[0]}`)
    assert.deepEqual(
      ((await looked('allsky.fits', { CIRCLE: '10.2 20.3 1e-6' }, around(0))) as number[][])[0],
      [1, 1],
    )
    const corner = `w = WCS(orig[0].header); print(json.dumps([float(v) for v in w.all_pix2world(0, 0, 0)]))`
    const [ra, dec] = (await looked('field_g.fits', {}, corner)) as [number, number]
    const shape = (await looked('field_g.fits', { CIRCLE: `${ra} ${dec} 0.003` }, around(0))) as [
      number[],
      number,
    ]
    assert.ok(
      shape[0].every(n => n >= 11 && n <= 13),
      `${shape[0]}`,
    )
  })

  it('answers 204 where nothing is left', async () => {
    const none: Record<string, string>[] = [
      { CIRCLE: '180 -50 0.1' },
      { POLYGON: '10 10 11 10 11 11' },
      { POS: 'RANGE 100 110 -Inf +Inf' },
      // Its box overlaps the corner of the image; it does not.
      { CIRCLE: '0.0375 1.0375 0.0135' },
    ]
    for (const parameters of none) {
      const response = await cutout(survey, { ID: id('field_g.fits'), ...parameters })
      assert.equal(response.status, 204, JSON.stringify(parameters))
      assert.equal(await response.text(), '')
    }
    const planes: Record<string, string>[] = [{ BAND: '1e-9 1e-8' }, { POL: 'V' }]
    for (const parameters of planes) {
      assert.equal((await cutout(survey, { ID: id('cube.fits'), ...parameters })).status, 204)
    }
  })

  it('selects planes of a cube by wavelength and polarisation', async () => {
    const c = 299792458
    const script = `print(json.dumps([d.shape, h['CRPIX3'], h['CRPIX4'], bool(np.array_equal(d, orig[0].data[${'%s'}]))]))`
    const band = await looked(
      'cube.fits',
      { BAND: `${c / 1.4052e9} ${c / 1.4028e9}` },
      script.replace('%s', ':, 3:6'),
    )
    assert.deepEqual(band, [[2, 3, 60, 60], -2, 1, true])
    const pol = await looked(
      'cube.fits',
      { POL: 'Q', BAND: `-Inf ${c / 1.4085e9}` },
      script.replace('%s', '1:2, 8:'),
    )
    assert.deepEqual(pol, [[1, 2, 60, 60], -7, 0, true])
  })

  it('selects polarisations that do not follow one another', async () => {
    const cut = async (key: string, states: readonly string[]) => {
      const response = await cutout(survey, { ID: id(key), POL: states })
      assert.equal(response.status, 200)
      const file = path.join(survey.folder, `${saved++}.cut`)
      writeFileSync(file, Buffer.from(await response.arrayBuffer()))
      const planes = `
import sys, json, numpy as np
from astropy.io import fits
from astropy.wcs import WCS
c, o = fits.open(sys.argv[1])[0], fits.open(sys.argv[2])[0]
w = WCS(c.header)
stokes = [float(w.wcs_pix2world([[0, 0, i]], 0)[0][2]) for i in range(c.data.shape[0])]
print(json.dumps([stokes, [[j for j in range(4) if np.array_equal(p, o.data[j])][0] for p in c.data]]))`
      return JSON.parse(python(planes, '', [file, path.join(survey.folder, key)]).toString())
    }
    assert.deepEqual(await cut('iquv.fits', ['I', 'V']), [
      [1, 4],
      [0, 3],
    ])
    assert.deepEqual(await cut('iquv.fits', ['U', 'I']), [
      [1, 3],
      [0, 2],
    ])
    assert.deepEqual(await cut('xxyx.fits', ['XX', 'XY']), [
      [-5, -7],
      [0, 2],
    ])
    // No axis of FITS has 1, 2, 4: neither more than was asked for, nor a wrong axis.
    await refused(
      { ID: id('iquv.fits'), POL: ['I', 'Q', 'V'] },
      400,
      /^UsageError: POL: the planes of I, Q, V are not evenly apart.*one by one/s,
    )
  })

  it('masks integers by BLANK, or makes floats of them', async () => {
    const script = `print(json.dumps([h['BITPIX'], h.get('BLANK'), int(np.isnan(d.astype('f8')).sum()), str(d.dtype)]))`
    const circle = (ra: number) => ({ CIRCLE: `${ra} 0 0.005`, MASK: '1' })
    const [bitpix, blank, masked] = (await looked('blank.fits', circle(40), script)) as number[]
    assert.deepEqual([bitpix, blank], [16, -32768])
    assert.ok(masked! > 300 && masked! < 450, `${masked}`)
    const floats = (await looked('plain16.fits', circle(41), script)) as unknown[]
    assert.deepEqual([floats[0], floats[1], floats[2]], [-32, null, masked])
  })

  it('takes HDUs, compressed ones and packed files, and gives plain files with the primary header inherited', async () => {
    const script = `print(json.dumps([len(cut), h.get('OBSERVER'), d.shape, bool(np.array_equal(d, orig[%d].data)), h['EXTNAME'] if 'EXTNAME' in h else None]))`
    assert.deepEqual(await looked('multi.fits/1', {}, script.replace('%d', '1')), [
      1,
      'Somebody',
      [80, 80],
      true,
      'A',
    ])
    assert.deepEqual(
      ((await looked('multi.fits/2', {}, script.replace('%d', '2'))) as unknown[]).slice(2, 4),
      [[80, 80], true],
    )
    assert.deepEqual(
      ((await looked('packed.fits.gz', {}, script.replace('%d', '0'))) as unknown[]).slice(2, 4),
      [[200, 200], true],
    )
  })

  it('renders PNG, JPEG and WebP', async () => {
    for (const type of ['image/png', 'image/jpeg', 'image/webp']) {
      const response = await cutout(survey, {
        ID: id('field_g.fits'),
        CIRCLE: '0 1 0.01',
        RESPONSEFORMAT: type,
        STRETCH: 'asinh',
        CUTS: '99.5',
        COLORMAP: 'viridis',
        WIDTH: '150',
        MASK: type === 'image/png' ? 'true' : 'false',
      })
      assert.equal(response.status, 200, await response.clone().text())
      assert.equal(response.headers.get('content-type'), type)
      assert.match(response.headers.get('content-disposition')!, /field_g_cutout\.(png|jpg|webp)/)
      const { width, height, hasAlpha } = await sharp(Buffer.from(await response.arrayBuffer())).metadata()
      assert.deepEqual([width, height, hasAlpha], [150, 150, type === 'image/png'])
    }
  })

  it('puts three bands together on the pixels of the middle one', async () => {
    const ids = ['g', 'r', 'i'].map(band => id(`field_${band}.fits`))
    const response = await cutout(survey, {
      ID: ids,
      CIRCLE: '0 1 0.01',
      RESPONSEFORMAT: 'png',
      COMPOSITE: 'true',
    })
    assert.equal(response.status, 200, await response.clone().text())
    const { data, info } = await sharp(Buffer.from(await response.arrayBuffer()))
      .raw()
      .toBuffer({ resolveWithObject: true })
    assert.equal(info.channels, 3)
    // The source in the middle is bright in all three, though they lie in three ways.
    const middle = (Math.floor(info.height / 2) * info.width + Math.floor(info.width / 2)) * 3
    assert.ok(
      [0, 1, 2].every(c => data[middle + c]! > 150),
      `${data.subarray(middle, middle + 3).join(' ')}`,
    )
    await refused(
      { ID: ids.slice(1), RESPONSEFORMAT: 'png', COMPOSITE: 'true' },
      400,
      /^UsageError: COMPOSITE is made of three/,
    )
  })

  it('refuses with the words of SODA', async () => {
    const ID = id('field_g.fits')
    await refused({}, 400, /^UsageError: ID is missing/)
    await refused(
      { ID: 'ivo://test.example/images?../../etc/passwd' },
      404,
      /^UsageError: ID=ivo.*no such image/,
    )
    await refused({ ID: `${ID}\0` }, 404, /^UsageError: ID/)
    await refused({ ID: [ID, id('pole.fits')] }, 400, /^MultiValuedParamNotSupported: ID/)
    await refused({ ID, CIRCLE: ['0 1 0.1', '0 1 0.2'] }, 400, /^MultiValuedParamNotSupported/)
    await refused({ ID, CIRCLE: '0 1 0.1', POS: 'CIRCLE 0 1 0.1' }, 400, /^MultiValuedParamNotSupported/)
    await refused({ ID, BAND: ['1 2', '3 4'] }, 400, /^MultiValuedParamNotSupported: BAND/)
    for (const CIRCLE of [
      'NaN 1 1',
      '0 1',
      '0 1 -1',
      '0 1 200',
      '0 91 1',
      '400 0 1',
      '0 1 1 1',
      'a b c',
      '0 1 Inf',
    ])
      await refused({ ID, CIRCLE }, 400, /^UsageError: CIRCLE/)
    for (const BAND of ['1', '2 1', 'NaN 1', '1 2 3']) await refused({ ID, BAND }, 400, /^UsageError: BAND/)
    for (const POS of ['BOX 1 2 3 4', 'CIRCLE', 'RANGE 1 2 3', 'RANGE 10 20 5 -5', 'POLYGON 1 2 3 4'])
      await refused({ ID, POS }, 400, /^UsageError: POS/)
    await refused({ ID, POL: 'X' }, 400, /^UsageError: POL/)
    await refused({ ID, TIME: '50000 50001' }, 400, /^UsageError: TIME: it is not known when/)
    await refused({ ID, RESPONSEFORMAT: 'image/gif' }, 400, /^UsageError: RESPONSEFORMAT/)
    await refused({ ID, RESPONSEFORMAT: 'png', STRETCH: 'cubic' }, 400, /^UsageError: STRETCH/)
    await refused({ ID, RESPONSEFORMAT: 'png', COLORMAP: '__proto__' }, 400, /^UsageError: COLORMAP/)
    await refused({ ID, RESPONSEFORMAT: 'png', WIDTH: '1e9' }, 400, /^UsageError: WIDTH/)
    await refused({ ID, RESPONSEFORMAT: 'png', CUTS: '5 1' }, 400, /^UsageError: CUTS/)
    await refused(
      { ID: id('cube.fits'), RESPONSEFORMAT: 'png' },
      400,
      /^UsageError: A picture shows one plane/,
    )
    await refused({ ID: id('big.fits') }, 413, /^UsageError: The cutout has 2000 × 2000/)
    const many = Array.from({ length: 100_000 }, (_, i) => `${(i * 360) / 100_000} 80`).join(' ')
    const response = await fetch(`${survey.url}/cutout/sync`, {
      method: 'POST',
      body: new URLSearchParams({ ID, POLYGON: many }),
    })
    assert.equal(response.status, 413, 'larger than limits.requestBytes')
    const fewer = Array.from({ length: 30_000 }, (_, i) => `${((i * 360) / 30_000).toFixed(3)} 80`).join(' ')
    const less = await fetch(`${survey.url}/cutout/sync`, {
      method: 'POST',
      body: new URLSearchParams({ ID, POLYGON: fewer }),
    })
    assert.equal(less.status, 400)
    assert.match(await less.text(), /^UsageError: POLYGON: more than/)
    assert.equal((await fetch(`${survey.url}/cutout/sync`, { method: 'DELETE' })).status, 405)
  })

  it('takes POST like GET, names in any case, HEAD', async () => {
    const parameters = { id: id('field_g.fits'), circle: '0 1 0.005' }
    const post = await fetch(`${survey.url}/cutout/sync`, {
      method: 'POST',
      body: new URLSearchParams(parameters),
    })
    const get = await cutout(survey, parameters)
    assert.deepEqual(Buffer.from(await post.arrayBuffer()), Buffer.from(await get.arrayBuffer()))
    const head = await fetch(`${survey.url}/cutout/sync?${new URLSearchParams(parameters)}`, {
      method: 'HEAD',
    })
    assert.equal(head.status, 200)
    assert.equal(head.headers.get('content-type'), 'image/fits')
  })

  it('reads little more than the pixels', async () => {
    const image = (await locate(survey.db, ANONYMOUS, id('big.fits')))!
    const dataset = await openDataset(image, survey.folder)
    const source = counted(dataset.source)
    try {
      const request = cutoutRequest(
        parametersOf([
          ['ID', image.did],
          ['CIRCLE', '70 -40 0.04'],
        ]),
      )
      const window = windowOf(dataset, request.filters[0]!)!
      const [width, height] = window.size as [number, number]
      assert.ok(width > 280 && width < 300)
      let bytes = 0
      for await (const chunk of fitsFile({ ...dataset, source }, window)) bytes += chunk.length
      assert.ok(bytes > width * height * 4)
      assert.ok(source.counts.bytes + 16_384 <= 1.5 * (width * height * 4 + 2880), `${source.counts.bytes}`)
    } finally {
      await dataset.close()
    }
  })

  it('closes the file when the client leaves before the end', {
    skip: !existsSync('/proc/self/fd'),
  }, async () => {
    const file = path.join(survey.folder, 'big.fits')
    const isOpen = () =>
      readdirSync('/proc/self/fd').some(fd => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`) === file
        } catch {
          return false // closed since
        }
      })
    for (const coding of ['gzip', 'identity', 'br'])
      for (const early of [true, false]) {
        const gone = new AbortController()
        const asked = fetch(
          `${survey.url}/cutout/sync?${new URLSearchParams({ ID: id('big.fits'), CIRCLE: '70 -40 0.1' })}`,
          {
            headers: { 'Accept-Encoding': coding },
            signal: gone.signal,
          },
        )
        if (!early) await asked
        gone.abort()
        await asked.catch(() => {})
      }
    for (let i = 0; i < 200 && isOpen(); i++) await delay(50)
    assert.ok(!isOpen())
  })

  it('tells of files that are truncated, changed or gone since', async () => {
    const file = path.join(survey.folder, 'truncated.fits')
    const ID = id('truncated.fits')
    truncateSync(file, Math.floor(statSync(file).size / 2))
    assert.equal((await cutout(survey, { ID, POS: 'RANGE -Inf +Inf -30.04 -30.02' })).status, 200)
    await refused({ ID, POS: 'RANGE -Inf +Inf -29.99 -29.97' }, 400, /^UsageError: .*truncated/)
    const text = readFileSync(file, 'latin1')
      .slice(0, 5760)
      .replace(/NAXIS1 {2}= +300/, 'NAXIS1  =           2000000000')
    writeFileSync(file, text, 'latin1')
    await refused({ ID, CIRCLE: '60 -30 0.001' }, 400, /^UsageError: .*truncated/)
    writeFileSync(file, 'nothing')
    await refused({ ID }, 400, /^UsageError: not a FITS file/)
  })

  it('declares itself', { skip: withoutXsd() }, async () => {
    const response = await fetch(`${survey.url}/cutout/capabilities`)
    const text = await response.text()
    validate(text)
    assert.match(text, /standardID="ivo:\/\/ivoa.net\/std\/SODA#sync-1.0"/)
    assert.match(text, /standardID="ivo:\/\/ivoa.net\/std\/SODA#async-1.0"/)
    validate(await (await fetch(`${survey.url}/cutout/availability`)).text())
  })

  it('makes every combination in async, each a result of its own', async () => {
    const jobs = jobClient(survey, '/cutout/async')
    const job = await jobs.create([
      ['ID', id('field_g.fits')],
      ['ID', id('field_r.fits')],
      ['CIRCLE', '0 1 0.01'],
      ['CIRCLE', '180 -50 0.01'],
      ['PHASE', 'RUN'],
    ])
    const document = await jobs.ended(job)
    assert.match(document, /<uws:phase>COMPLETED/)
    const results = [...document.matchAll(/<uws:result id="([^"]+)"[^>]*>/g)]
    assert.deepEqual(
      results.map(([, name]) => name),
      ['cutout_1', 'cutout_2', 'cutout_3', 'cutout_4'],
    )
    const one = await fetch(`${survey.url}/cutout/async/${job}/results/cutout_2`)
    assert.equal(one.headers.get('content-type'), 'image/fits')
    assert.ok(Number(one.headers.get('content-length')) % 2880 === 0)
    await one.arrayBuffer()
    const none = await jobs.get(`/${job}/results/cutout_3`)
    assert.match(none.type!, /^text\/plain/)
    assert.match(none.text, /^UsageError: no pixel/)
    const wrong = await jobs.create({ ID: 'ivo://nobody/none?x', PHASE: 'RUN' })
    assert.match(await jobs.ended(wrong), /<uws:phase>ERROR[\s\S]*no such image/)
  })

  it('stops when it is aborted: phase, results and work', { timeout: 60_000 }, async () => {
    const jobs = jobClient(survey, '/cutout/async')
    const shapes = Array.from({ length: 900 }, (_, i) => ['CIRCLE', `0 1 ${0.02 + i / 1e7}`])
    const ids = ['field_r.fits', 'field_g.fits'].map(key => ['ID', id(key)])
    const job = await jobs.create([...ids, ...shapes, ['PHASE', 'RUN']] as [string, string][])
    while (storedFiles(survey, job).length < 3) await delay(20)
    await jobs.post(`/${job}/phase`, { PHASE: 'ABORT' })
    const document = await jobs.ended(job)
    assert.match(document, /<uws:phase>ABORTED/)
    assert.doesNotMatch(document, /<uws:result /)
    while (storedFiles(survey, job).length > 0) await delay(20)
    await delay(300)
    assert.deepEqual(storedFiles(survey, job), [], 'nothing is written any more')
  })

  it('is clean for fitsverify', { skip: spawnSync('fitsverify').error ? 'no fitsverify' : false }, () => {
    const files = Array.from({ length: saved }, (_, i) => path.join(survey.folder, `${i}.cut`))
    const run = spawnSync('fitsverify', ['-q', '-e', ...files], { encoding: 'utf8' })
    assert.deepEqual(
      run.stdout.split('\n').filter(line => line.startsWith('verification') && !line.includes('OK')),
      [],
    )
  })
})
