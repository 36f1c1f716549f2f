/** Arrow read by apache-arrow, Parquet by DuckDB and hyparquet. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { tableFromIPC } from 'apache-arrow'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { ServiceError } from '../../src/error.ts'
import { chooseFormat } from '../../src/formats/index.ts'
import type { Field } from '../../src/votable/field.ts'
import { withoutPython } from '../support/python.ts'
import { collect, rowSource, type SourceOptions, type Value } from '../support/rows.ts'
import { canonical, FIELDS, type Read, ROWS, readAstropy, spelled } from './every-type.ts'

type Rows = readonly (readonly Value[])[]

async function written(name: string, options: SourceOptions = {}, fields = FIELDS, rows: Rows = ROWS) {
  const head = { infos: [{ name: 'QUERY', value: 'SELECT "ü"' }] }
  return collect(chooseFormat(name).writer.write(rowSource(fields, rows, options), head))
}

/** A reader's value in the form of `canonical`. */
function digits(field: Field, value: unknown): Read {
  if (value === null || value === undefined) return null
  if (typeof value === 'boolean') return value
  if (typeof value === 'object') return Array.from(value as Iterable<unknown>, item => digits(field, item))
  return spelled(field, String(value))
}

function assertRows(found: unknown[][], fields = FIELDS, rows: Rows = ROWS): void {
  assert.equal(found.length, rows.length)
  rows.forEach((row, i) => {
    fields.forEach((field, c) => {
      const expected = canonical(row[c] ?? null)
      assert.deepEqual(digits(field, found[i]![c]), expected, `row ${i}, column ${field.name}`)
    })
  })
}

const arrowRows = (bytes: Buffer) => {
  const table = tableFromIPC(bytes)
  return Array.from({ length: table.numRows }, (_, i) =>
    table.schema.fields.map((_field, c) => table.getChildAt(c)!.get(i)),
  )
}

test('Arrow is read back equal by apache-arrow, NULL and NaN apart', async () => {
  for (const batch of [1, 4, 100]) assertRows(arrowRows(await written('arrow', { batch })))
})

test('Arrow carries the metadata of fields', async () => {
  const { schema } = tableFromIPC(await written('arrow'))
  assert.deepEqual(
    schema.fields.map(field => field.name),
    FIELDS.map(field => field.name),
  )
  const { name: _name, ...metadata } = FIELDS[3]!
  assert.deepEqual(Object.fromEntries(schema.fields[3]!.metadata), metadata)
  assert.deepEqual(Object.fromEntries(schema.metadata), { QUERY: 'SELECT "ü"' })
})

test('Arrow of many rows, of none, and of arrays of strings', async () => {
  const fields: Field[] = [
    { name: 'n', datatype: 'int' },
    { name: 's', datatype: 'char', arraysize: '*' },
    { name: 'b', datatype: 'boolean' },
    { name: 'list', datatype: 'char', arraysize: '9x*' },
  ]
  const rows = Array.from({ length: 70_001 }, (_, i): Value[] => [
    i % 3 === 0 ? null : i,
    i % 5 === 0 ? null : 'é'.repeat(i % 11),
    i % 7 === 0 ? null : i % 2 === 0,
    i % 100 === 0 ? ['a', null, ''] : i % 2 ? [] : null,
  ])
  assertRows(arrowRows(await written('arrow', { batch: 999 }, fields, rows)), fields, rows)
  const empty = tableFromIPC(await written('arrow', {}, fields, []))
  assert.deepEqual([empty.numRows, empty.numCols], [0, 4])
})

test('an error cuts an Arrow stream off', async () => {
  const failure = new ServiceError('timeout', 'too long')
  await assert.rejects(written('arrow', { failure }), failure)
})

async function duckdb(bytes: Buffer, query: string): Promise<unknown[][]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-'))
  const file = path.join(folder, 'table.parquet')
  try {
    writeFileSync(file, bytes)
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    const found = await connection.runAndReadAll(query.replace('FILE', `'${file}'`))
    connection.closeSync()
    return found.getRowsJson() as unknown[][]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('Parquet is read back equal by DuckDB, NULL and NaN apart', async () => {
  assertRows(await duckdb(await written('parquet', { batch: 2 }), 'SELECT * FROM read_parquet(FILE)'))
})

test('Parquet holds a VOTable of its columns, and an overflow and an error', {
  skip: withoutPython('astropy'),
}, async () => {
  const read = async (options: SourceOptions) => {
    const bytes = await written('parquet', options)
    const { key_value_metadata: pairs = [] } = parquetMetadata(new Uint8Array(bytes).buffer)
    return Object.fromEntries(pairs.map(({ key, value }) => [key, value ?? '']))
  }
  const metadata = await read({})
  assert.equal(metadata['IVOA.VOTable-Parquet.version'], '1.0')
  const votable = metadata['IVOA.VOTable-Parquet.content']!
  assert.equal(votable.match(/<FIELD /g)?.length, FIELDS.length)
  assert.deepEqual(readAstropy(Buffer.from(votable)), [])
  assert.match(
    (await read({ overflow: true }))['IVOA.VOTable-Parquet.content']!,
    /<\/TABLE>\n<INFO.*OVERFLOW/,
  )
  const failure = new ServiceError('timeout', 'too long')
  assert.match((await read({ failure }))['IVOA.VOTable-Parquet.content']!, /ERROR">too long</)
})

test('Parquet of several row groups, and of no rows', async () => {
  const fields: Field[] = [
    { name: 'n', datatype: 'long' },
    { name: 's', datatype: 'unicodeChar', arraysize: '*' },
    { name: 'list', datatype: 'char', arraysize: '9x*' },
  ]
  const rows = Array.from({ length: 70_001 }, (_, i): Value[] => [
    BigInt(i) << 40n,
    i % 5 === 0 ? null : `é${i % 100}`,
    i % 100 === 0 ? ['a', null, ''] : i % 2 ? [] : null,
  ])
  const bytes = await written('parquet', { batch: 999 }, fields, rows)
  const found = await parquetReadObjects({ file: new Uint8Array(bytes).buffer })
  assertRows(
    found.map(row => fields.map(field => row[field.name])),
    fields,
    rows,
  )
  const [counts] = await duckdb(
    bytes,
    'SELECT count(*), sum(n >> 40), count(DISTINCT s) FROM read_parquet(FILE)',
  )
  assert.deepEqual(counts!.map(String), ['70001', String((70_000 * 70_001) / 2), '80'])
  assert.deepEqual(
    await duckdb(await written('parquet', {}, fields, []), 'SELECT * FROM read_parquet(FILE)'),
    [],
  )
})

test('columns of one name have names of their own where a name finds a column', async () => {
  const fields: Field[] = [
    { name: 'id', datatype: 'long' },
    { name: 'id', datatype: 'char', arraysize: '*' },
    { name: 'ID_2', datatype: 'int' },
    { name: 'ID', datatype: 'double' },
  ]
  const rows: Rows = [[7n, 'seven', 70, 0.7]]
  const names = ['id', 'id_3', 'ID_2', 'ID_4']
  const parquet = await duckdb(
    await written('parquet', {}, fields, rows),
    'SELECT name FROM parquet_schema(FILE) WHERE num_children IS NULL',
  )
  assert.deepEqual(parquet.flat(), names)
  assertRows(
    await duckdb(await written('parquet', {}, fields, rows), 'SELECT * FROM read_parquet(FILE)'),
    fields,
    rows,
  )
  assert.equal(
    String(await written('ndjson', { wire: 'text' }, fields, rows)),
    '{"id":"7","id_3":"seven","ID_2":70,"ID_4":0.7}\n',
  )
  const fits = String(await written('fits', {}, fields, rows))
  assert.deepEqual(
    [...fits.matchAll(/TTYPE\d += '(\w+)/g)].map(match => match[1]),
    names,
  )
})

test('statistics of Parquet let a reader skip row groups, and are true', async () => {
  const fields: Field[] = [
    { name: 'f', datatype: 'float' },
    { name: 'd', datatype: 'double' },
    { name: 'k', datatype: 'long' },
    { name: 'none', datatype: 'double' },
  ]
  const count = 70_000
  const d = (i: number) => (i % 5 === 0 ? null : i % 7 === 0 ? Number.NaN : Math.sin(i) * i)
  const rows = Array.from({ length: count }, (_, i): Value[] => [
    i % 3 === 0 ? null : i - 35_000,
    d(i),
    i % 4 === 0 ? null : (i % 2 ? 1n : -1n) * (2n ** 62n + BigInt(i)),
    null,
  ])
  const bytes = await written('parquet', { batch: 999 }, fields, rows)
  const [found] = await duckdb(
    bytes,
    `SELECT count(f), min(f), max(f), count(*) FILTER (f > 30000), count(d), min(d),
            count(*) FILTER (isnan(d)), min(k), max(k), count(none) FROM read_parquet(FILE)`,
  )
  const known = rows.map(row => row[1]).filter((v): v is number => v !== null)
  const ks = rows.map(row => row[2]).filter((v): v is bigint => v !== null)
  ks.sort((a, b) => (a < b ? -1 : 1))
  const fs = rows.map(row => row[0]).filter((v): v is number => v !== null)
  assert.deepEqual(found!.map(String), [
    String(fs.length),
    String(fs[0]),
    String(fs.at(-1)),
    String(fs.filter(v => v > 30_000).length),
    String(known.length),
    String(Math.min(...known.filter(v => !Number.isNaN(v)))),
    String(known.filter(Number.isNaN).length),
    String(ks[0]),
    String(ks.at(-1)),
    '0',
  ])
  const groups = await duckdb(
    bytes,
    `SELECT row_group_num_rows, CAST(stats_min_value AS FLOAT), CAST(stats_max_value AS FLOAT), stats_null_count
       FROM parquet_metadata(FILE) WHERE path_in_schema = 'f' ORDER BY row_group_id`,
  )
  assert.ok(groups.length > 2)
  let from = 0
  for (const [size, min, max, nulls] of groups) {
    const part = rows.slice(from, from + Number(size)).map(row => row[0])
    const values = part.filter((v): v is number => v !== null)
    assert.deepEqual(
      [min, max, Number(nulls)],
      [values[0], values.at(-1), part.length - values.length],
      `the group from row ${from}`,
    )
    from += Number(size)
  }
  assert.equal(from, count)
})
