/**
 * A published catalogue whose density differs from place to place, counted by cells as ingest does: an even patch of
 * two degrees across RA 0, a dense cluster in it, a patch around the south pole, and rows without a position.
 */
import type { Database } from '../../src/db/database.ts'
import { hash29 } from '../../src/healpix/nested.ts'
import { countCells } from '../../src/tap/cell-counts.ts'
import { type PublishedColumn, publishSchema, publishTable } from '../../src/tap/publish.ts'

export const CROWD_ROWS = 70_000

const RAD = Math.PI / 180

/** Numbers from 0 to 1 without the pattern of a lattice, the same in every run. */
function even(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32
  }
}

function positions(): { ra: Float64Array; dec: Float64Array } {
  const random = even(7)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const ra = new Float64Array(CROWD_ROWS)
  const dec = new Float64Array(CROWD_ROWS)
  for (let i = 0; i < CROWD_ROWS; i++) {
    if (i < 40_000) {
      ra[i] = (359 + 2 * random()) % 360
      dec[i] = 2 * random() - 1
    } else if (i < 60_000) {
      ra[i] = (360.3 + 0.15 * normal()) % 360
      dec[i] = 0.2 + 0.15 * normal()
    } else {
      ra[i] = 360 * random()
      dec[i] = -90 + 3 * Math.sqrt(random())
    }
  }
  return { ra, dec }
}

const column = (name: string, datatype: 'long' | 'double' | 'int', indexed = false): PublishedColumn => ({
  field: { name, datatype },
  sqlName: name,
  indexed,
  principal: true,
})

export async function fillCrowd(db: Database): Promise<void> {
  const { ra, dec } = positions()
  const cells = hash29(
    ra.map(a => a * RAD),
    dec.map(d => d * RAD),
  )
  await db.transaction(async client => {
    await client.query('CREATE SCHEMA crowd')
    await client.query(
      `CREATE TABLE crowd.object AS
       SELECT row_number() OVER (ORDER BY hpx29) AS id, ra, dec, (id % 100)::float8 AS mag, (id % 10)::int AS kind, hpx29
         FROM unnest($1::float8[], $2::float8[], $3::int8[]) WITH ORDINALITY AS u (ra, dec, hpx29, id)`,
      [Array.from(ra), Array.from(dec), Array.from(cells, String)],
    )
    await client.query(
      'INSERT INTO crowd.object (id, mag, kind) SELECT 100000 + i, 1, 1 FROM generate_series(1, 1000) AS i',
    )
    await client.query(
      `CREATE TABLE crowd.epoch AS
       SELECT 5 * o.id + e AS epochid, o.id, e::float8 AS mjd FROM crowd.object AS o, generate_series(1, 5) AS e`,
    )
    await client.query('CREATE INDEX ON crowd.object USING gist (spoint(radians(ra), radians(dec)))')
    await client.query('CREATE INDEX ON crowd.object (id); CREATE INDEX ON crowd.epoch (id)')
    await client.query('ANALYZE crowd.object; ANALYZE crowd.epoch')
    await publishSchema(client, { name: 'crowd' })
    await publishTable(client, {
      schema: 'crowd',
      name: 'Object',
      sqlSchema: 'crowd',
      sqlTable: 'object',
      position: { ra: 'ra', dec: 'dec' },
      shardOrder: 7,
      rows: CROWD_ROWS + 1000,
      columns: [
        column('id', 'long', true),
        column('ra', 'double', true),
        column('dec', 'double', true),
        column('mag', 'double'),
        column('kind', 'int'),
      ],
    })
    await publishTable(client, {
      schema: 'crowd',
      name: 'epoch',
      sqlSchema: 'crowd',
      sqlTable: 'epoch',
      rows: 5 * (CROWD_ROWS + 1000),
      columns: [column('epochid', 'long'), column('id', 'long', true), column('mjd', 'double')],
    })
    await countCells(client, { schema: 'crowd', table: 'Object' }, 'crowd.object')
  })
}
