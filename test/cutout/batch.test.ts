/** Batches of positions at /cutout/batch. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import sharp from 'sharp'
import { jobClient } from '../support/jobs.ts'
import { python, withoutPython } from '../support/python.ts'
import { fillSample } from '../support/sample.ts'
import { SCENES } from './scenes.ts'
import { type Survey, startSurvey, storedFiles } from './survey.ts'

/** As DES' users have it: sizes in arcminutes, bands a row; objects without images, wrong positions, an edge. */
const POSITIONS = `COADD_OBJECT_ID,RA,DEC,XSIZE,YSIZE,BANDS
1001,0.0,1.0,0.5,0.5,gri
1002,0.01,1.01,0.25,,"g,r"
1003,180.0,-50.0,0.5,0.5,g
1004,0.0,1.0,0.5,0.5,gz
1005,500.0,1.0,0.5,0.5,g
1006,359.973,1.0,0.5,0.5,i
a/../../b,0.0,1.0,0.5,0.5,
1008,0.0,1.0,5000,0.5,g
`

describe('batch', { skip: withoutPython('astropy') }, async () => {
  const survey: Survey = await startSurvey([], SCENES)
  const jobs = jobClient(survey, '/cutout/batch')

  async function batch(
    table: string,
    parameters: Record<string, string>,
  ): Promise<{ job: string; document: string }> {
    const form = new FormData()
    for (const [name, value] of Object.entries({
      UPLOAD: 'positions,param:positions',
      PHASE: 'RUN',
      ...parameters,
    }))
      form.append(name, value)
    form.append('positions', new Blob([table]), 'positions.csv')
    const response = await fetch(`${survey.url}/cutout/batch`, {
      method: 'POST',
      body: form,
      redirect: 'manual',
    })
    assert.equal(response.status, 303, await response.text())
    const job = response.headers.get('location')!.split('/').at(-1)!
    return { job, document: await jobs.ended(job) }
  }

  async function result(job: string, name: string): Promise<{ type: string; bytes: Buffer }> {
    const response = await fetch(`${survey.url}/cutout/batch/${job}/results/${name}`)
    assert.equal(response.status, 200)
    return { type: response.headers.get('content-type')!, bytes: Buffer.from(await response.arrayBuffer()) }
  }

  for (const kind of ['tar', 'zip'] as const) {
    it(`makes a ${kind} of FITS and colour PNG, a summary and a gallery`, async () => {
      const { job, document } = await batch(POSITIONS, { ARCHIVE: kind, COLLECTION: 'images' })
      assert.match(document, /<uws:phase>COMPLETED/, document)
      const { bytes } = await result(job, 'archive')
      const file = path.join(survey.folder, `archive.${kind}`)
      const out = path.join(survey.folder, `out-${kind}`)
      writeFileSync(file, bytes)
      mkdirSync(out)
      const unpack = `
import sys, json, os, tarfile, zipfile
from astropy.io import fits
if sys.argv[1].endswith('tar'):
    a = tarfile.open(sys.argv[1]); names = a.getnames(); a.extractall(sys.argv[2])
else:
    a = zipfile.ZipFile(sys.argv[1]); assert a.testzip() is None; names = a.namelist(); a.extractall(sys.argv[2])
print(json.dumps({n: fits.getdata(os.path.join(sys.argv[2], n)).shape if n.endswith('.fits') else None for n in names}))`
      const names = JSON.parse(python(unpack, '', [file, out]).toString()) as Record<string, number[] | null>
      assert.deepEqual(names['1_1001/1_1001_r.fits'], [30, 30])
      assert.deepEqual(names['2_1002/2_1002_g.fits'], [15, 15])
      assert.ok('1_1001/1_1001_color.png' in names)
      assert.ok(!('2_1002/2_1002_color.png' in names), 'two bands are no colour')
      assert.ok(Object.keys(names).every(name => !name.includes('..') || name.startsWith('7_a_.._.._b/')))
      assert.equal((await sharp(path.join(out, '1_1001/1_1001_color.png')).metadata()).width, 30)
      const summary = (await result(job, 'summary')).bytes.toString()
      assert.equal(readFileSync(path.join(out, 'summary.csv'), 'utf8'), summary)
      const lines = summary.trim().split('\r\n').slice(1)
      const status = (row: number) =>
        lines.filter(line => line.startsWith(`${row},`)).map(line => line.split(',')[5])
      assert.deepEqual(status(1), ['ok', 'ok', 'ok'])
      assert.deepEqual(status(3), ['unmatched'])
      assert.deepEqual(status(4), ['ok', 'unmatched'])
      assert.deepEqual(status(5), ['error'])
      assert.deepEqual(status(6), ['partial'])
      assert.ok(status(7).length >= 3)
      assert.deepEqual(status(8), ['error'])
      const page = await result(job, 'gallery')
      assert.match(page.type, /^text\/html/)
      assert.equal(page.bytes.toString().match(/<figure>/g)!.length, 8)
      assert.doesNotMatch(page.bytes.toString(), /(src|href)="(https?:)?\/\//)
    })
  }

  it('finds objects of a published table; those that are none, or have no position, are rows of errors', async () => {
    await fillSample(survey.db)
    await survey.db.query(
      'UPDATE sample.stars SET ra = 0.003, dec = 1.002 WHERE id IN (9223372036854775807, 77)',
    )
    const ids = ['9223372036854775807', '10', 'abc', '99999999999999999999', '077', '1e3', '500']
    const { job, document } = await batch(['objectid', ...ids].join('\n'), {
      TABLE: 'Sample.Stars',
      BANDS: 'g',
      XSIZE: '0.2',
    })
    assert.match(document, /<uws:phase>COMPLETED/, document)
    const lines = (await result(job, 'summary')).bytes.toString().trim().split('\r\n').slice(1)
    assert.deepEqual(
      lines.map(line => line.split(',').slice(0, 6)),
      [
        ['1', '9223372036854775807', '0.003', '1.002', 'g', 'ok'],
        ['2', '10', '', '', '', 'error'],
        ['3', 'abc', '', '', '', 'error'],
        ['4', '99999999999999999999', '', '', '', 'error'],
        ['5', '077', '0.003', '1.002', 'g', 'ok'],
        ['6', '1e3', '', '', '', 'error'],
        ['7', '500', ...lines[6]!.split(',').slice(2, 4), 'g', 'unmatched'],
      ],
    )
    assert.match(lines[1]!, /no object 10 with a position in Sample.Stars/)
  })

  it('spreads many positions over threads, in order', { timeout: 120_000 }, async () => {
    const rows = Array.from(
      { length: 130 },
      (_, i) => `${((i % 13) - 6) / 1000 + (i % 13 < 6 ? 360 : 0)},${1 + i / 20000}`,
    )
    const { job, document } = await batch(['ra,dec', ...rows].join('\n'), {
      BANDS: 'g,r',
      XSIZE: '0.2',
      PRODUCTS: 'fits',
    })
    assert.match(document, /<uws:phase>COMPLETED/, document)
    const listing = spawnSync('tar', ['-tf', '-'], {
      input: (await result(job, 'archive')).bytes,
      encoding: 'utf8',
    })
    const names = listing.stdout.trim().split('\n')
    assert.equal(names.length, 261)
    assert.deepEqual(
      names.slice(0, -1),
      [...names.slice(0, -1)].sort((a, b) => a.slice(0, 3).localeCompare(b.slice(0, 3))),
    )
    assert.match(names[0]!, /^001_J\d{6}\.\d\d\+01\d{4}\.\d\/001_J.*_g\.fits$/)
  })

  const threads = new Set<Worker>()
  process.on('worker', worker => {
    threads.add(worker)
    worker.once('exit', () => threads.delete(worker))
  })

  for (const kind of ['tar', 'zip']) {
    it(`stops when it is aborted while a ${kind} is made: no files, no threads`, {
      timeout: 60_000,
    }, async () => {
      const rows = Array.from({ length: 5000 }, (_, i) => `${(i % 90) / 10_000},${1 + i / 500_000}`)
      const form = new FormData()
      for (const [name, value] of Object.entries({ UPLOAD: 'p,param:p', PHASE: 'RUN', ARCHIVE: kind }))
        form.append(name, value)
      form.append('p', new Blob([['ra,dec', ...rows].join('\n')]), 'p.csv')
      const created = await fetch(`${survey.url}/cutout/batch`, {
        method: 'POST',
        body: form,
        redirect: 'manual',
      })
      const job = created.headers.get('location')!.split('/').at(-1)!
      while (threads.size === 0 || storedFiles(survey, job).length === 0) await delay(20)
      await jobs.post(`/${job}/phase`, { PHASE: 'ABORT' })
      assert.match(await jobs.ended(job), /<uws:phase>ABORTED/)
      while (threads.size > 0 || storedFiles(survey, job).length > 0) await delay(20)
      const document = (await jobs.get(`/${job}`)).text
      assert.doesNotMatch(document, /<uws:result /)
      assert.equal((await fetch(`${survey.url}/cutout/batch/${job}/results/archive`)).status, 404)
    })
  }

  it('says what is wrong with a batch', async () => {
    for (const [table, parameters, words] of [
      ['a,b\n1,2\n', {}, /has no columns with positions/],
      ['ra,dec\n', {}, /has no rows/],
      ['ra,dec\n0,1\n', { COLLECTION: 'nope' }, /there is no such collection/],
      ['ra,dec\n0,1\n', { ARCHIVE: 'rar' }, /ARCHIVE=rar is not tar or zip/],
      ['id\n12\n', {}, /say by TABLE/],
      ['id\n12\n', { TABLE: 'no.table' }, /is no published table/],
    ] as const) {
      const { document } = await batch(table, parameters)
      assert.match(document, /<uws:phase>ERROR/)
      assert.match(document, words)
    }
    const nothing = await jobs.create({ PHASE: 'RUN' })
    assert.match(await jobs.ended(nothing), /The positions are missing/)
  })
})
