/** What PostgreSQL really sends, in both wire forms, through every serialization of VOTable. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Database } from '../../src/db/database.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { PUBLIC_ROLE } from '../../src/db/roles.ts'
import { chooseFormat } from '../../src/formats/index.ts'
import { openLog } from '../../src/log.ts'
import type { Field } from '../../src/votable/field.ts'
import { testDatabase } from '../support/database.ts'
import { withoutPython } from '../support/python.ts'
import { collect } from '../support/rows.ts'
import { readAstropy, spelled } from './every-type.ts'

const FIELDS: readonly Field[] = [
  { name: 'b', datatype: 'boolean' },
  { name: 'id', datatype: 'long' },
  { name: 'f', datatype: 'float' },
  { name: 'd', datatype: 'double' },
  { name: 's', datatype: 'unicodeChar', arraysize: '*' },
  { name: 'bytes', datatype: 'unsignedByte', arraysize: '*' },
  { name: 'shifted', datatype: 'int', arraysize: '*' },
  { name: 'grid', datatype: 'double', arraysize: '2x2' },
  { name: 'flags', datatype: 'boolean', arraysize: '*' },
  { name: 'floats', datatype: 'float', arraysize: '*' },
]

const SQL = `
  SELECT i % 2 = 0,
         i::int8 << 44,
         (CASE i WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity'
                 ELSE (exp(i / 20.0) * sin(i))::text END)::float4,
         (CASE i WHEN 1 THEN '-0' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' WHEN 4 THEN '5e-324'
                 ELSE sqrt(i::float8)::text END)::float8,
         CASE i WHEN 5 THEN NULL ELSE chr(100 + i * 7) || '<&"\\' END,
         decode(lpad(to_hex(i), 4, '0'), 'hex'),
         CASE i WHEN 6 THEN '{}' WHEN 7 THEN NULL ELSE ('[-1:1]={1,' || i || ',-3}')::int4[] END,
         ARRAY[[i, 0.1], ['Infinity'::float8, 1e-7]],
         ARRAY[i % 3 = 0, i % 2 = 0],
         ARRAY[i::float4 / 7, 'NaN', NULL]::float4[]
  FROM generate_series(1, 1000) i`

const url = await testDatabase()

describe('rows from PostgreSQL', { skip: withoutPython('astropy') }, () => {
  let db: Database
  before(async () => {
    db = await openDatabase({ url, log: openLog('silent') })
  })
  after(() => db.close())

  async function written(name: string): Promise<Buffer> {
    const { writer } = chooseFormat(name)
    const batches = await db.stream({
      text: SQL,
      values: [],
      fields: FIELDS,
      wire: writer.wire,
      role: PUBLIC_ROLE,
      timeoutMs: 20_000,
      stallMs: 5000,
      signal: new AbortController().signal,
    })
    const outcome = { rows: 0, overflow: false, error: undefined }
    return collect(writer.write({ fields: FIELDS, batches, outcome }, { infos: [] }))
  }

  it('are the same in binary and in text', async () => {
    const rows = async (name: string) =>
      readAstropy(await written(name)).map(row => row.map((value, c) => spelled(FIELDS[c]!, value)))
    const binary2 = await rows('votable')
    assert.equal(binary2.length, 1000)
    assert.deepEqual(binary2[6], [
      false,
      String(7n << 44n),
      String(Math.fround(Math.exp(0.35) * Math.sin(7))),
      String(Math.sqrt(7)),
      String.fromCharCode(149) + '<&"\\',
      ['0', '7'],
      [],
      ['7', '0.1', 'Infinity', '1e-7'],
      [false, false],
      ['1', null, null],
    ])
    assert.deepEqual(await rows('votable/td'), binary2)
    assert.deepEqual(await rows('votable/b'), binary2)
  })

  it('are the same in JSON', async () => {
    const { data } = JSON.parse((await written('json')).toString())
    assert.deepEqual(data[0].slice(1, 4), [String(1n << 44n), 'NaN', -0])
    assert.deepEqual(data[6].slice(5), [
      [0, 7],
      null,
      [7, 0.1, 'Infinity', 1e-7],
      [false, false],
      [1, 'NaN', null],
    ])
    assert.deepEqual(data[5][6], [])
  })
})
