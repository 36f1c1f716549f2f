/** Light curves that surveys have, too: without bands, without times, without detections, under names nobody expects. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Database } from '../../src/db/database.ts'
import { ingestTable } from '../../src/ingest/table.ts'
import { testDatabase } from '../support/database.ts'
import { python, withoutPython } from '../support/python.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { stilts, withoutStilts } from '../support/stilts.ts'

const database = await testDatabase()
const IDS = [
  'plain',
  "o'clock",
  'no detections',
  'no bands',
  'no times',
  'no values',
  'Übung',
  '-1',
  'a;b"c\\',
]
const PRODUCTS: Record<string, string>[] = [
  {},
  { BIN: '1d' },
  { FOLD: '0.7' },
  { STATISTICS: 'true' },
  { PERIODOGRAM: 'true' },
  { PERIODOGRAM: 'full' },
  { RESPONSEFORMAT: 'svg' },
  { RESPONSEFORMAT: 'png' },
]

describe('light curves at the edges', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-edges-'))
  let service: TestService

  async function fill(db: Database): Promise<void> {
    const quoted = (id: string) => `"${id.replaceAll('"', '""')}"`
    const points = IDS.filter(id => id !== 'no detections').flatMap(id =>
      Array.from({ length: 40 }, (_, i) => {
        const time = 59000 + i * 1.37
        const band = id === 'no bands' ? '' : i % 2 === 0 ? 'g' : 'r'
        return `${quoted(id)},${time},${band},${18 + Math.sin(i)},${0.05 + 0.001 * i}`
      }),
    )
    const load = async (table: string, lines: readonly string[], id: string) => {
      const file = path.join(folder, `${table}.csv`)
      writeFileSync(file, `${lines.join('\n')}\n`)
      const options = { table, files: [file], mode: 'create', id } as const
      await ingestTable(db, options, () => {}, new AbortController().signal)
    }
    await load('edge.object', ['name,kind', ...IDS.map(id => `${quoted(id)},x`)], 'name')
    await load('edge.detection', ['name,mjd,filter,mag,err', ...points], 'name')
    await db.query(
      `UPDATE edge.detection SET mjd = CASE WHEN mag < 18 THEN 'NaN'::float8 END WHERE name = 'no times'`,
    )
    await db.query(
      `UPDATE edge.detection SET mag = CASE WHEN filter = 'g' THEN 'NaN'::float8 END WHERE name = 'no values'`,
    )
  }

  before(async () => {
    const block = {
      object: { table: 'edge.object', id: 'name' },
      detections: [
        {
          table: 'edge.detection',
          object: 'name',
          time: { column: 'mjd', scale: 'UNKNOWN', refposition: 'UNKNOWN' },
          band: 'filter',
          magnitude: { column: 'mag', error: 'err' },
        },
      ],
    }
    service = await startTestService({ database, fill, config: { lightCurves: [block] } })
  })
  after(async () => {
    await service?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const get = async (parameters: Record<string, string>) => {
    const answer = await fetch(`${service.url}/datalink/timeseries?${new URLSearchParams(parameters)}`)
    return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() }
  }
  /** ID takes lists with commas and blanks: what has some goes as ivo://. */
  const named = (id: string) => `ivo://almagest.invalid/edge.object?${encodeURIComponent(id)}`
  const rows = async (parameters: Record<string, string>) => {
    const { status, text } = await get({ ...parameters, RESPONSEFORMAT: 'json' })
    assert.equal(status, 200, text)
    return (JSON.parse(text) as { data: (string | number | null)[][] }).data
  }

  it('are answered, whatever is asked of them', async () => {
    for (const id of IDS) {
      for (const product of PRODUCTS) {
        const { status, text } = await get({ ID: named(id), ...product })
        assert.equal(status, 200, `${id} ${JSON.stringify(product)}: ${text}`)
        if (product.RESPONSEFORMAT === 'svg') assert.doesNotMatch(text, /NaN|Infinity|undefined/)
      }
      assert.equal((await rows({ ID: named(id) })).length, id === 'no detections' ? 0 : 40, id)
    }
  })

  it('keep points without a time, a band or a value, and leave them out of what is worked out', async () => {
    const time = (await rows({ ID: named('no times') })).map(row => row[1])
    assert.ok(time.includes(null) && time.length === 40)
    assert.deepEqual(await rows({ ID: named('no times'), BIN: '1d' }), [])
    assert.deepEqual(await rows({ ID: named('no times'), STATISTICS: 'true' }), [])
    assert.deepEqual(await rows({ ID: named('no values'), STATISTICS: 'true' }), [])
    assert.deepEqual(await rows({ ID: named('no times'), TIME: '-Inf +Inf' }), [])
    const bands = await rows({ ID: named('no bands'), STATISTICS: 'true' })
    assert.deepEqual(
      bands.map(row => [row[1], row[2]]),
      [['', 40]],
    )
    assert.equal((await rows({ ID: named('no bands'), BIN: '1000d' })).length, 1)
  })

  it('have faults of their own among many', async () => {
    const ids = new FormData()
    ids.append('ID', [...IDS.filter(id => id !== 'no detections' && !/\s/.test(id)), 'nobody'].join(','))
    ids.append('ID', named('no detections'))
    ids.append('RESPONSEFORMAT', 'csv')
    const answer = await fetch(`${service.url}/datalink/timeseries`, { method: 'POST', body: ids })
    const lines = (await answer.text())
      .trim()
      .split(/\r?\n/)
      .filter(line => /Fault/.test(line))
    assert.deepEqual(lines, [
      'nobody,,,,,NotFoundFault: edge.object has no object nobody',
      'no detections,,,,,NotFoundFault: edge.detection has no detections of object no detections',
    ])
  })

  it('say what a request lacks', async () => {
    for (const [parameters, words] of [
      [{ JOB: '', COLUMN: '' }, /ID is missing/],
      [{ ID: '' }, /ID is missing/],
      [{ JOB: "1' OR 1=1", COLUMN: 'x' }, /no such job/],
      [{ ID: named('plain'), QUALITY: 'good' }, /QUALITY/],
      [{ ID: named('plain'), BAND: '1e-7 1e-6', TABLE: 'edge.object' }, /no light curves/],
      [{ ID: named('plain'), REFERENCE: 'true' }, /no reference catalogue/],
    ] as [Record<string, string>, RegExp][]) {
      const { status, text } = await get(parameters)
      assert.ok(status === 400 || status === 404, text)
      assert.match(text, words)
    }
  })

  it('are clean in all flavours of VOTable', { skip: withoutStilts() }, async () => {
    for (const id of ['no times', 'no bands', 'no detections', 'a;b"c\\']) {
      for (const format of ['votable', 'votable/td', 'votable/b']) {
        const query = new URLSearchParams({ ID: named(id), RESPONSEFORMAT: format })
        assert.equal(
          await stilts('votlint', `votable=${service.url}/datalink/timeseries?${query}`),
          '',
          `${id} ${format}`,
        )
      }
    }
  })

  it('have bins, phases and statistics as numpy works them out', {
    skip: withoutPython('numpy'),
  }, async () => {
    const points = await rows({ ID: named('plain') })
    const script = `
import json, sys, numpy as np
p = json.load(sys.stdin)
t, y, e = (np.array([row[i] for row in p], float) for i in (1, 3, 4))
b = np.array([row[2] for row in p])
bins, out = np.floor(t * 86400 / 604800), []
for k in np.unique(bins):
    for band in np.unique(b[bins == k]):
        m = (bins == k) & (b == band)
        w = e[m] ** -2
        out.append([t[m].mean(), band, int(m.sum()), (w * y[m]).sum() / w.sum(), w.sum() ** -0.5, y[m].min(), y[m].max()])
out.sort(key=lambda row: (row[0], row[1]))
delta = np.zeros(len(y))
for band in np.unique(b):
    m = b == band
    n = m.sum()
    delta[m] = np.sqrt(n / (n - 1)) * (y[m] - np.average(y[m], weights=e[m] ** -2)) / e[m]
q = delta ** 2 - 1
print(json.dumps({'bins': out, 'phase': sorted(((t - 59000.5) / 0.7 % 1).tolist()), 'j': float((np.sign(q) * np.sqrt(np.abs(q))).mean())}))`
    const expected = JSON.parse(python(script, JSON.stringify(points)).toString())
    const near = (got: unknown, want: unknown) =>
      typeof want === 'number'
        ? assert.ok(Math.abs(Number(got) - want) < 1e-9 * Math.max(1, Math.abs(want)), `${got} ${want}`)
        : assert.equal(got, want)
    const bins = await rows({ ID: named('plain'), BIN: '7d' })
    assert.equal(bins.length, expected.bins.length)
    bins.forEach((row, i) => {
      for (const [k, value] of row.slice(1).entries()) near(value, expected.bins[i][k])
    })
    const folded = await rows({ ID: named('plain'), FOLD: '0.7 59000.5' })
    for (const [i, row] of folded.entries()) near(row[2], expected.phase[i])
    const [all] = await rows({ ID: named('plain'), STATISTICS: 'true' })
    near(all!.at(-1), expected.j)
  })
})
