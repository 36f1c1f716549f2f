import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cellsOf } from '../../src/adql/cells.ts'
import { compile } from '../../src/adql/index.ts'
import { type ColumnMeta, type TableMeta, tablesOf } from '../../src/adql/tables.ts'
import type { Datatype } from '../../src/votable/field.ts'
import { python, withoutPython } from '../support/python.ts'

const column = (name: string, datatype: Datatype): ColumnMeta => ({
  field: { name, datatype },
  sqlName: name,
  indexed: true,
  principal: true,
})
const POSITION = [column('ra', 'double'), column('dec', 'double')]
const CELLS = [column('hpx29', 'long'), column('hpx_shard', 'int')]
const sharded = { distribution: 'sharded', shardOrder: 7 } as const

const object: TableMeta = {
  schema: 's',
  name: 'object',
  sqlSchema: 's',
  sqlName: 'object',
  columns: [column('objectid', 'long'), ...POSITION, column('mag', 'float'), ...CELLS],
  position: { ra: 'ra', dec: 'dec' },
  cellIds: ['objectid'],
  neighbours: { sqlName: 'object~near', radiusDeg: 5 / 3600, cellOrder: 12 },
  ...sharded,
}
const detection: TableMeta = {
  schema: 's',
  name: 'detection',
  sqlSchema: 's',
  sqlName: 'detection',
  columns: [
    column('detid', 'long'),
    column('objectid', 'long'),
    column('flux', 'float'),
    column('hpx_shard', 'int'),
  ],
  cellIds: ['objectid'],
  ...sharded,
}
const visit: TableMeta = {
  schema: 's',
  name: 'visit',
  sqlSchema: 's',
  sqlName: 'visit',
  columns: [column('visitid', 'long'), ...POSITION, column('hpx29', 'long')],
  position: { ra: 'ra', dec: 'dec' },
  distribution: 'reference',
}
/** The same on one machine. */
const single: TableMeta = { ...object, name: 'single', sqlName: 'single', distribution: undefined }
const tables = tablesOf([object, detection, visit, single])
const sql = (adql: string) => compile(adql, tables, { maxrec: undefined }).text
const lists = (adql: string) =>
  [...sql(adql).matchAll(/(\w+)\."hpx_shard" IN \(([^)]*)\)/g)].map(m => `${m[1]}: ${m[2]}`)

/** HEALPix NESTED order 7. */
const CELL = 109033

describe('shards', () => {
  test('cells of a region are those that healpy finds', { skip: withoutPython('healpy') }, () => {
    const cones = [
      [150, 2, 1],
      [0.01, -0.3, 0.6],
      [123, 89.7, 0.8],
      [45, 41.81, 0.02],
      [315, -89.9, 2],
      [200.37, 33.1, 1 / 60],
    ] as const
    // Every cell with a point of the cone in it, by points 13" apart; and all that healpy's own search takes.
    const script = `
import sys, json, healpy as hp, numpy as np
out = []
for ra, dec, r in json.load(sys.stdin):
    v = hp.ang2vec(ra, dec, lonlat=True)
    near = hp.query_disc(128, v, np.radians(r), inclusive=True, nest=True, fact=32)
    inside = hp.query_disc(2**14, v, np.radians(r), nest=True)
    out.append([sorted(int(c) for c in near), sorted({int(c) >> 14 for c in inside})])
print(json.dumps(out))`
    const found = JSON.parse(python(script, JSON.stringify(cones)).toString()) as number[][][]
    for (const [i, [ra, dec, radius]] of cones.entries()) {
      const [near, inside] = found[i]!
      const cells = cellsOf({ kind: 'shape', shape: { kind: 'circle', center: [ra, dec], radius } }, 7, 1000)!
      for (const cell of inside!)
        assert.ok(cells.includes(cell), `${cell} has a part of the cone at ${ra} ${dec}`)
      assert.ok(
        cells.length <= 1.1 * near!.length + 1,
        `${cells.length} cells, healpy ${near!.length}, at ${ra} ${dec}`,
      )
    }
  })

  test('constant regions name their cells', () => {
    assert.deepEqual(lists('SELECT ra FROM s.object WHERE DISTANCE(ra, dec, 150.2, 2.2) < 0.01'), [
      `object: ${CELL}`,
    ])
    const both =
      'CONTAINS(POINT(ra, dec), CIRCLE(150.2, 2.2, 0.01)) = 1 OR DISTANCE(ra, dec, 150.25, 2.2) < 0.001'
    assert.match(lists(`SELECT ra FROM s.object WHERE ${both}`)[0]!, new RegExp(`^object: .*${CELL}`))
    assert.deepEqual(
      lists('SELECT ra FROM s.object WHERE DISTANCE(ra, dec, 150.2, 2.2) < 20'),
      [],
      'too many',
    )
    assert.deepEqual(lists('SELECT ra FROM s.object WHERE DISTANCE(ra, dec, 150.2, 2.2) > 0.01'), [])
    assert.deepEqual(
      lists('SELECT ra FROM s.visit WHERE DISTANCE(ra, dec, 150.2, 2.2) < 0.01'),
      [],
      'reference table',
    )
    assert.deepEqual(
      lists('SELECT ra FROM s.single WHERE DISTANCE(ra, dec, 150.2, 2.2) < 0.01'),
      [],
      'one machine',
    )
  })

  test('identifiers name the cell in their upper bits', () => {
    const id = (BigInt(CELL) << 45n) | 12345n
    assert.deepEqual(lists(`SELECT ra FROM s.object WHERE objectid = ${id}`), [`object: ${CELL}`])
    assert.deepEqual(lists(`SELECT ra FROM s.object WHERE ${id} = objectid OR objectid = 7`), [
      `object: 0, ${CELL}`,
    ])
    assert.deepEqual(lists(`SELECT flux FROM s.detection WHERE objectid IN (${id}, ${id + 1n}, 7)`), [
      `detection: 0, ${CELL}`,
    ])
    assert.deepEqual(lists(`SELECT ra FROM s.object WHERE objectid BETWEEN ${id} AND ${id + (1n << 45n)}`), [
      `object: ${CELL}, ${CELL + 1}`,
    ])
    assert.deepEqual(
      lists('SELECT flux FROM s.detection WHERE detid = 7'),
      [],
      'an identifier without a cell',
    )
    assert.deepEqual(lists('SELECT ra FROM s.object WHERE objectid NOT IN (7)'), [])
    assert.deepEqual(lists('SELECT ra FROM s.object WHERE objectid = 7 OR mag < 3'), [])
  })

  test('joins on identifiers are within a shard, and what is known of one side is said of the other', () => {
    const join = 'FROM s.object AS o JOIN s.detection AS d ON o.objectid = d.objectid'
    assert.match(sql(`SELECT o.ra ${join}`), /\(o\."hpx_shard" = d\."hpx_shard"\)/)
    const adql = `SELECT o.ra FROM s.object AS o, s.detection AS d
                   WHERE o.objectid = d.objectid AND DISTANCE(o.ra, o.dec, 150.2, 2.2) < 0.01`
    assert.deepEqual(lists(adql), [`o: ${CELL}`, `d: ${CELL}`])
    assert.match(
      sql('SELECT ra FROM s.object AS o LEFT JOIN s.detection AS d USING (objectid)'),
      /LEFT JOIN .* ON .*"hpx_shard" = d\."hpx_shard"/,
    )
    assert.doesNotMatch(
      sql('SELECT o.ra FROM s.object AS o JOIN s.visit AS v ON o.objectid = v.visitid'),
      /hpx_shard/,
    )
  })

  test('the compiler tells which cells of which tables are asked', () => {
    const asked = (adql: string) =>
      compile(adql, tables, { maxrec: undefined }).asked.map(({ table, cells }) => [
        table.name,
        cells && [...cells],
      ])
    const id = BigInt(CELL) << 45n
    assert.deepEqual(asked(`SELECT ra FROM s.object WHERE objectid = ${id}`), [['object', [CELL]]])
    assert.deepEqual(asked(`SELECT ra FROM s.object WHERE hpx_shard = ${CELL}`), [['object', [CELL]]])
    assert.deepEqual(
      asked(
        `SELECT o.ra FROM s.object AS o LEFT JOIN s.detection AS d USING (objectid) WHERE o.objectid = ${id}`,
      ),
      [
        ['object', [CELL]],
        ['detection', [CELL]],
      ],
    )
    assert.deepEqual(
      asked(`SELECT o.ra FROM s.object AS o RIGHT JOIN s.detection AS d USING (objectid) WHERE d.flux > 3`),
      [
        ['object', undefined],
        ['detection', undefined],
      ],
    )
    assert.deepEqual(asked('SELECT COUNT(*) AS n FROM s.visit'), [['visit', undefined]])
    assert.deepEqual(asked('SELECT COUNT(*) AS n FROM s.single'), [])
    assert.deepEqual(
      asked(
        `SELECT ra FROM s.object WHERE objectid IN (SELECT objectid FROM s.detection WHERE objectid = ${id})`,
      ),
      [
        ['object', undefined],
        ['detection', [CELL]],
      ],
    )
  })

  test('sub-queries in conditions are pruned, too', () => {
    assert.deepEqual(
      lists('SELECT ra FROM s.visit WHERE EXISTS (SELECT 1 FROM s.object WHERE objectid = 7)'),
      ['object: 0'],
    )
  })
})

describe('pairs within the radius of the neighbour table', () => {
  const pairs = (r: number, table = 'object') =>
    `SELECT a.objectid, b.objectid FROM s.${table} AS a JOIN s.${table} AS b
         ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < ${r} / 3600.0 WHERE a.objectid < b.objectid`

  test('are joined by the cell of one and the copies of the other', () => {
    const text = sql(pairs(2, 'single'))
    assert.match(
      text,
      /FROM \("s"\."single" AS a JOIN "s"\."object~near" AS b ON |FROM \("s"\."object~near" AS a JOIN "s"\."single" AS b ON /,
    )
    assert.match(text, /\(\(\w\."hpx29" >> 34\) = \w\."near_cell"\)/)
    assert.match(text, /<@ scircle/, 'and the distance still counts')
    assert.doesNotMatch(text, /near_shard/, 'one machine')
    assert.match(sql(pairs(2)), /\w\."hpx_shard" = \w\."near_shard"/)
  })

  test('are left to other plans beyond it', () => {
    assert.doesNotMatch(sql(pairs(6)), /near/)
    assert.match(sql(pairs(5)), /near/)
  })

  test('copy the side that an outer join need not keep', () => {
    const on = 'ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 0.001'
    assert.match(sql(`SELECT a.ra FROM s.object AS a LEFT JOIN s.object AS b ${on}`), /"object~near" AS b/)
    assert.match(sql(`SELECT a.ra FROM s.object AS a RIGHT JOIN s.object AS b ${on}`), /"object~near" AS a/)
  })

  test('copy the side that no index chooses, and say nothing of the shards of copies by their own cells', () => {
    const on = 'ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 2 / 3600.0'
    const id = BigInt(CELL) << 45n
    for (const [where, copied] of [
      [`a.objectid = ${id}`, 'b'],
      [`b.objectid = ${id}`, 'a'],
      ['DISTANCE(a.ra, a.dec, 150.2, 2.2) < 0.001', 'b'],
    ]) {
      const text = sql(`SELECT a.ra FROM s.object AS a JOIN s.object AS b ${on} WHERE ${where}`)
      assert.match(text, new RegExp(`"object~near" AS ${copied}`))
      assert.match(text, new RegExp(`${copied}\\."near_shard" IN \\(${CELL}\\)`))
    }
    // The neighbour may be beyond the border of the cell that is named: nothing follows for the other.
    assert.deepEqual(
      lists(`SELECT a.ra FROM s.object AS a LEFT JOIN s.object AS b ${on} WHERE b.objectid = ${id}`),
      [],
    )
    const detections = `SELECT d.flux FROM s.object AS a JOIN s.object AS b ${on} JOIN s.detection AS d ON d.objectid = a.objectid`
    assert.match(sql(detections), /"object~near" AS b/)
  })

  test('copy no table twice', () => {
    const text = sql(`SELECT a.ra FROM s.object AS a, s.object AS b, s.object AS c
       WHERE DISTANCE(a.ra, a.dec, b.ra, b.dec) < 0.001 AND DISTANCE(b.ra, b.dec, c.ra, c.dec) < 0.001`)
    assert.equal(text.match(/object~near/g)?.length, 1)
  })
})

describe('outer joins', () => {
  const upload: TableMeta = {
    schema: 'TAP_UPLOAD',
    name: 't',
    sqlSchema: 'pg_temp',
    sqlName: 't',
    columns: [column('id', 'long'), ...POSITION],
  }
  const withUpload = tablesOf([object, detection, visit, upload])
  const text = (adql: string) => compile(adql, withUpload, { maxrec: undefined }).text

  test('that keep the rows of an upload find the others by an inner join first', () => {
    const found = text(
      `SELECT t.id, o.objectid FROM TAP_UPLOAD.t AS t LEFT JOIN s.object AS o
           ON DISTANCE(o.ra, o.dec, t.ra, t.dec) < 0.001 WHERE t.id > 3`,
    )
    assert.match(found, /^WITH kept_rows_1 AS MATERIALIZED \(SELECT .*row_number\(\) OVER/)
    assert.match(
      found,
      /found_rows_\d AS MATERIALIZED \(SELECT .* FROM \(kept_rows_1 AS kept_rows_1 JOIN "s"\."object" AS o ON/,
    )
    assert.match(
      found,
      /LEFT JOIN found_rows_\d AS found_rows_\d ON \(kept_rows_1\."~row" = found_rows_\d\."~row"\)\) WHERE/,
    )
  })

  test('of sharded tables, and inner ones, stay as they are', () => {
    for (const join of [
      'FROM TAP_UPLOAD.t AS t JOIN s.object AS o ON DISTANCE(o.ra, o.dec, t.ra, t.dec) < 0.001',
      'FROM s.object AS o LEFT JOIN s.detection AS d ON d.objectid = o.objectid',
      'FROM s.object AS o LEFT JOIN TAP_UPLOAD.t AS t ON t.id = o.objectid',
    ])
      assert.doesNotMatch(text(`SELECT o.ra ${join}`), /kept_rows/)
  })

  test('of several WITH queries have names of their own', () => {
    const left =
      'FROM TAP_UPLOAD.t AS t LEFT JOIN s.object AS o ON DISTANCE(o.ra, o.dec, t.ra, t.dec) < 0.001'
    const found = text(`WITH a AS (SELECT t.id ${left}), b AS (SELECT t.id ${left}) SELECT a.id FROM a, b`)
    const names = [...found.matchAll(/(\w+) AS MATERIALIZED/g)].map(m => m[1])
    assert.equal(names.length, 4)
    assert.equal(new Set(names).size, 4)
  })

  test('sub-queries that look up an upload send its rows along', () => {
    const found = text(
      `SELECT o.ra FROM s.object AS o WHERE NOT EXISTS (SELECT 1 FROM TAP_UPLOAD.t AS t WHERE t.id = o.objectid)`,
    )
    assert.match(
      found,
      /^WITH (sent_rows_1) AS MATERIALIZED \(SELECT t\."id" AS "1 id" FROM "pg_temp"\."t" AS t\) SELECT .*NOT EXISTS \(SELECT 1 .*FROM sent_rows_1 AS sent_rows_1 WHERE/,
    )
    assert.doesNotMatch(
      text('SELECT o.ra FROM s.object AS o WHERE o.objectid IN (SELECT t.id FROM TAP_UPLOAD.t AS t)'),
      /WITH/,
      'which need not be done again for each row',
    )
  })

  test('sub-queries that look up shards for an upload are joins', () => {
    const exists = 'EXISTS (SELECT 1 FROM s.object AS o WHERE DISTANCE(o.ra, o.dec, t.ra, t.dec) < 0.001)'
    const found = text(`SELECT t.id FROM TAP_UPLOAD.t AS t WHERE t.id > 3 AND NOT ${exists}`)
    assert.match(
      found,
      /^WITH looked_up_1 AS MATERIALIZED \(SELECT row_number\(\) .* WHERE \(t\."id" > 3\)\)/,
    )
    assert.match(
      found,
      /matched_2 AS MATERIALIZED \(SELECT DISTINCT looked_up_1\."~row" FROM looked_up_1 AS looked_up_1, "s"\."object" AS o WHERE/,
    )
    assert.match(found, /NOT \(looked_up_1\."~row" IN \(SELECT matched_2\."~row" FROM matched_2/)
    for (const other of [
      'EXISTS (SELECT COUNT(*) FROM s.object AS o WHERE o.objectid = t.id)',
      'EXISTS (SELECT o.ra FROM s.object AS o WHERE o.objectid = t.id GROUP BY o.ra HAVING COUNT(*) > 1)',
      'EXISTS (SELECT 1 FROM s.object AS o)',
      't.id IN (SELECT objectid FROM s.object)',
    ])
      assert.doesNotMatch(text(`SELECT t.id FROM TAP_UPLOAD.t AS t WHERE ${other}`), /looked_up/, other)
  })
})
