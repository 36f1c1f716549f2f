/** Light curves with the nearest object of a reference catalogue, against astropy's matching. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { parse } from 'yaml'
import type { Database } from '../../src/db/database.ts'
import { createRandom } from '../../src/demo/random.ts'
import { ingestTable } from '../../src/ingest/table.ts'
import { testDatabase } from '../support/database.ts'
import { fillSmallDemo } from '../support/demo.ts'
import { python, withoutPython } from '../support/python.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { stilts, withoutStilts } from '../support/stilts.ts'

const database = await testDatabase()
const RADIUS = 2

interface Place {
  readonly id: string
  readonly ra: number
  readonly dec: number
}

describe('the nearest object of a reference catalogue', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-reference-'))
  let service: TestService
  let objects: Place[]
  const reference: Place[] = []

  /** Stars within 4" of every second object, some with two, and a thousand anywhere. */
  async function fill(db: Database): Promise<void> {
    await fillSmallDemo(db)
    objects = await db.query<Place & Record<string, unknown>>(
      'SELECT objectid::text AS id, ra, dec FROM demo.object ORDER BY hashint8(objectid) LIMIT 400',
    )
    const random = createRandom(3)
    random.seek(1, 2, 3)
    objects.forEach(({ ra, dec }, i) => {
      for (let k = 0; k < i % 3; k++) {
        const [r, angle] = [(4 * random.uniform()) / 3600, 2 * Math.PI * random.uniform()]
        reference.push({
          id: String(10_000 + reference.length),
          ra: ra + (r * Math.cos(angle)) / Math.cos((dec * Math.PI) / 180),
          dec: dec + r * Math.sin(angle),
        })
      }
    })
    const file = path.join(folder, 'gaia.csv')
    const lines = reference.map(({ id, ra, dec }) => `${id},${ra},${dec},${Number(id) / 7},star ${id}`)
    writeFileSync(file, ['source_id,ra,dec,gmag,name', ...lines, ''].join('\n'))
    await ingestTable(
      db,
      { table: 'ref.gaia', files: [file], mode: 'create', id: 'source_id' },
      () => {},
      new AbortController().signal,
    )
  }

  before(async () => {
    const [demo] = parse(readFileSync(new URL('../../src/datalink/demo.yaml', import.meta.url), 'utf8'))
    const block = {
      ...demo,
      reference: { table: 'ref.gaia', radius: RADIUS, columns: ['source_id', 'gmag', 'name'] },
    }
    service = await startTestService({ database, fill, config: { lightCurves: [block] } })
  })
  after(async () => {
    await service?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const post = async (parameters: Record<string, string>) => {
    const body = new URLSearchParams(parameters)
    const answer = await fetch(`${service.url}/datalink/timeseries`, { method: 'POST', body })
    return { status: answer.status, text: await answer.text() }
  }

  it('is that of astropy', { skip: withoutPython('astropy') }, async () => {
    const script = `
import json, sys
from astropy.coordinates import SkyCoord
p = json.load(sys.stdin)
sky = lambda rows: SkyCoord([r['ra'] for r in rows], [r['dec'] for r in rows], unit='deg')
index, distance, _ = sky(p['objects']).match_to_catalog_sky(sky(p['reference']))
print(json.dumps([[p['reference'][i]['id'], d] for i, d in zip(index, distance.arcsec)]))`
    const matched = JSON.parse(python(script, JSON.stringify({ objects, reference })).toString()) as [
      string,
      number,
    ][]
    const { text } = await post({
      ID: [...objects.map(o => o.id), '5'].join(','),
      DETAIL: 'minimal',
      REFERENCE: 'true',
      RESPONSEFORMAT: 'csv',
    })
    const [header, ...rows] = text.trim().split(/\r?\n/)
    assert.equal(
      header,
      'objectid,expmidptmjd,band,psfflux,psffluxerr,ref_source_id,ref_gmag,ref_name,ref_distance,error_message',
    )
    const found = new Map<string, Set<string>>()
    for (const row of rows) {
      const cells = row.split(',')
      found.set(cells[0]!, (found.get(cells[0]!) ?? new Set()).add(cells.slice(5, 9).join()))
    }
    let near = 0
    objects.forEach(({ id }, i) => {
      const values = [...found.get(id)!]
      assert.equal(values.length, 1, 'the same in every row of an object')
      const [source, gmag, name, distance] = values[0]!.split(',')
      const [expected, arcsec] = matched[i]!
      if (arcsec > RADIUS) {
        assert.equal(values[0], ',,,')
        return
      }
      near++
      assert.equal(source, expected)
      assert.equal(name, `star ${expected}`)
      assert.equal(Number(gmag), Number(expected) / 7)
      assert.ok(Math.abs(Number(distance) - arcsec) < 1e-5)
    })
    assert.ok(near > 100 && near < 300)
    assert.match(rows.at(-1)!, /^5,,,,,,,,,NotFoundFault/)
  })

  it('comes by one look into its index for each object', async () => {
    const { pointsStatement } = await import('../../src/datalink/select.ts')
    const { openLightCurves } = await import('../../src/datalink/source.ts')
    const { readCatalog } = await import('../../src/tap/tap-schema.ts')
    const catalog = await readCatalog(service.db)
    const [demo] = parse(readFileSync(new URL('../../src/datalink/demo.yaml', import.meta.url), 'utf8'))
    const source = await openLightCurves(
      [{ ...demo, reference: { table: 'ref.gaia', radius: RADIUS, columns: ['gmag'] } }],
      async () => catalog,
    )
    const [curve] = (await source.current('operator')).all
    const filter = { bands: undefined, time: undefined, quality: 'all' } as const
    const selection = {
      curve: curve!,
      filter,
      ids: objects.slice(0, 50).map(o => o.id),
      badIds: [],
      many: true,
    }
    const { text, values } = pointsStatement(selection, 'minimal', undefined, true)
    const plan = await service.db.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values)
    assert.match(
      plan.map(row => row['QUERY PLAN']).join('\n'),
      /Index Scan using \w*spoint\w* on gaia|Bitmap Index Scan on \w*spoint\w*/,
    )
  })

  it('goes with folded points and in VOTable; not with other tables', { skip: withoutStilts() }, async () => {
    const query = new URLSearchParams({ ID: objects[2]!.id, REFERENCE: '1', FOLD: '0.7' })
    assert.equal(await stilts('votlint', `votable=${service.url}/datalink/timeseries?${query}`), '')
    for (const more of [{ BIN: '1d' }, { STATISTICS: 'true' }, { PERIODOGRAM: 'true' }] as Record<
      string,
      string
    >[]) {
      const { status, text } = await post({ ID: objects[0]!.id, REFERENCE: 'true', ...more })
      assert.equal(status, 400)
      assert.match(text, /REFERENCE/)
    }
    assert.equal((await post({ ID: objects[0]!.id, REFERENCE: 'maybe' })).status, 400)
  })
})
