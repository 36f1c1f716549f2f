/** Parquet and Arrow: files of DuckDB and of our own writers, and the shared ones as DuckDB reads them. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { tableFromArrays, tableToIPC } from 'apache-arrow'
import type { SchemaElement } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { ServiceError } from '../../../src/error.ts'
import { openTable } from '../../../src/formats/read/open.ts'
import { shared, withoutShared } from '../../support/python.ts'
import { readBySource } from './astropy.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
const duck = await (await DuckDBInstance.create(':memory:')).connect()
after(() => {
  duck.closeSync()
  rmSync(folder, { recursive: true })
})

async function read(file: string) {
  const source = await openTable(file)
  const { columns, bad } = await readBySource(source).finally(source.close)
  return { fields: source.fields, columns, bad, notices: source.notices, rows: source.rows }
}

/** Bits of a double or float as in `Value`. */
const float = (size: 4 | 8) => (value: unknown) => {
  if (value === null || Number.isNaN(value)) return null
  const bytes = Buffer.alloc(size)
  if (size === 4) bytes.writeFloatBE(Number(value))
  else bytes.writeDoubleBE(Number(value))
  return bytes.toString('hex')
}
const text = (value: unknown) => (value === null ? null : String(value))

describe('Parquet', () => {
  const SELECT = `SELECT (i % 2 = 0) AS b, (i - 100)::TINYINT AS i1, (i % 256)::UTINYINT AS u1, i::SMALLINT AS i2, (i * 7)::USMALLINT AS u2,
      (i * 100000)::INTEGER AS i4, (i * 1000000)::UINTEGER AS u4, (i * 1000000000000 + 9007199254740993)::BIGINT AS i8,
      (i / 3)::FLOAT AS f4, CASE WHEN i % 7 = 0 THEN NULL ELSE i / 7.0 END::DOUBLE AS f8, (i / 100.0)::DECIMAL(9,2) AS d,
      'Größe ' || i AS s, TIMESTAMP '2020-01-01 00:00:00.123456' + to_seconds(i) AS t, DATE '2020-01-01' + i::INTEGER AS day,
      [i, i + 1]::INTEGER[] AS l, CASE WHEN i % 2 = 0 THEN 'a' END AS n FROM range(200) AS r(i)`

  for (const codec of ['uncompressed', 'snappy', 'gzip', 'zstd', 'lz4', 'brotli']) {
    it(`of DuckDB, ${codec}`, async () => {
      const file = path.join(folder, `${codec}.parquet`)
      await duck.run(`COPY (${SELECT}) TO '${file}' (FORMAT parquet, COMPRESSION ${codec})`)
      const { fields, columns, bad } = await read(file)
      assert.deepEqual(bad, [])
      assert.deepEqual(
        fields.map(f => `${f.name} ${f.datatype}${f.arraysize ?? ''}${f.xtype ? ` ${f.xtype}` : ''}`),
        [
          'b boolean',
          'i1 short',
          'u1 unsignedByte',
          'i2 short',
          'u2 int',
          'i4 int',
          'u4 long',
          'i8 long',
          'f4 float',
          'f8 double',
          'd double',
          's char*',
          't char* timestamp',
          'day char* timestamp',
          'l int*',
          'n char*',
        ],
      )
      const theirs = (await duck.runAndReadAll(SELECT)).getColumnsJS() as unknown[][]
      const by: Record<string, (value: unknown) => unknown> = {
        f4: float(4),
        f8: float(8),
        d: float(8),
        t: value => `${(value as Date).toISOString().slice(0, 19)}.123456`,
        day: value => (value as Date).toISOString().slice(0, 10),
        l: value => (value as unknown[]).map(String),
      }
      for (const [c, { name, values }] of columns.entries()) {
        assert.deepEqual(values, theirs[c]!.map(by[name] ?? text), name)
      }
    })
  }

  it('in several row groups, gzipped as a whole', async () => {
    const file = path.join(folder, 'groups.parquet')
    await duck.run(
      `COPY (SELECT i AS id, i * 0.5 AS x FROM range(30000) AS r(i)) TO '${file}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`,
    )
    writeFileSync(`${file}.gz`, gzipSync(readFileSync(file)))
    for (const name of [file, `${file}.gz`]) {
      const { columns, rows } = await read(name)
      assert.equal(rows, 30000)
      assert.deepEqual(
        columns[0]!.values,
        Array.from({ length: 30000 }, (_, i) => String(i)),
      )
    }
  })

  it('in many pages, with NULLs and lists over several of them', async () => {
    const n = 20_000
    const count = (i: number) => i % 4
    const data = {
      id: Array.from({ length: n }, (_, i) => i),
      x: Array.from({ length: n }, (_, i) => (i % 3 === 0 ? null : i / 3)),
      name: Array.from({ length: n }, (_, i) => (i % 5 === 0 ? null : `star ${i % 700}`)),
      times: Array.from({ length: n }, (_, i) => Array.from({ length: count(i) }, (_, k) => i + k / 4)),
    }
    const file = path.join(folder, 'pages.parquet')
    const schema: SchemaElement[] = [
      { name: 'root', num_children: 4 },
      { name: 'id', type: 'INT32', repetition_type: 'REQUIRED' },
      { name: 'x', type: 'DOUBLE', repetition_type: 'OPTIONAL' },
      { name: 'name', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
      { name: 'times', repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', type: 'DOUBLE', repetition_type: 'REQUIRED' },
    ]
    const columnData = Object.entries(data).map(([name, values]) => ({ name, data: values }))
    const bytes = parquetWriteBuffer({ columnData, schema, pageSize: 2000, rowGroupSize: 9000 })
    writeFileSync(file, Buffer.from(bytes))
    const { columns, bad } = await read(file)
    assert.deepEqual(bad, [])
    assert.deepEqual(columns[0]!.values, data.id.map(text))
    assert.deepEqual(columns[1]!.values, data.x.map(float(8)))
    assert.deepEqual(columns[2]!.values, data.name)
    assert.deepEqual(
      columns[3]!.values,
      data.times.map(list => list.map(float(8))),
    )
  })

  it('the shared catalogue, as DuckDB reads it', { skip: withoutShared('data/catalogs') }, async () => {
    const file = shared('data/catalogs/spicy_yso.parquet')
    const { columns } = await read(file)
    const theirs = (await duck.runAndReadAll(`SELECT * FROM '${file}'`)).getColumnsJS()
    for (const [c, as] of [float(8), float(8), text].entries())
      assert.deepEqual(columns[c]!.values, theirs[c]!.map(as))
  })

  it('nested columns are JSON, bytes are bytes', { skip: withoutShared('data/lightcurves') }, async () => {
    const { fields, bad, notices } = await read(shared('data/lightcurves/rubin_alerts_sample_v10.parquet'))
    assert.deepEqual(bad, [])
    assert.ok(notices.includes('Column diaSource is nested: it is kept as JSON text.'))
    assert.equal(fields.find(f => f.name === 'cutoutScience')!.datatype, 'unsignedByte')
  })

  it('that is damaged is refused', async () => {
    const file = path.join(folder, 'snappy.parquet')
    const bytes = readFileSync(file)
    const damaged = (name: string, content: Uint8Array) => {
      writeFileSync(path.join(folder, name), content)
      return read(path.join(folder, name))
    }
    await assert.rejects(
      damaged('cut.parquet', bytes.subarray(0, bytes.length - 100)),
      /Parquet file cannot be read/,
    )
    await assert.rejects(damaged('head.parquet', bytes.subarray(0, 10)), /Parquet file cannot be read/)
    const broken = Buffer.from(bytes)
    broken.fill(0xff, 4, 400)
    await assert.rejects(damaged('broken.parquet', broken), /Parquet file cannot be read/)
  })
})

describe('Arrow', () => {
  const table = tableFromArrays({
    i: Int32Array.from([1, 2, -3]),
    big: BigInt64Array.from([1n, 2n ** 62n, -1n]),
    f: Float32Array.from([1.5, Number.NaN, -0.25]),
    s: ['a', 'Größe', 'c'],
    t: [new Date('2020-01-01T00:00:00.5Z'), new Date(0), new Date('1969-12-31T23:59:59Z')],
  })

  for (const format of ['stream', 'file'] as const) {
    it(`as ${format}, plain and gzipped`, async () => {
      const file = path.join(folder, `a.${format}`)
      writeFileSync(file, tableToIPC(table, format))
      writeFileSync(`${file}.gz`, gzipSync(readFileSync(file)))
      for (const name of [file, `${file}.gz`]) {
        const { fields, columns, bad } = await read(name)
        assert.deepEqual(bad, [])
        assert.deepEqual(
          fields.map(f => f.datatype),
          ['int', 'long', 'float', 'char', 'char'],
        )
        assert.deepEqual(
          columns.map(c => c.values),
          [
            ['1', '2', '-3'],
            ['1', String(2n ** 62n), '-1'],
            [float(4)(1.5), null, float(4)(-0.25)],
            ['a', 'Größe', 'c'],
            ['2020-01-01T00:00:00.500', '1970-01-01T00:00:00', '1969-12-31T23:59:59'],
          ],
        )
      }
    })
  }

  it('that is cut is refused', async () => {
    const bytes = tableToIPC(table, 'stream')
    const file = path.join(folder, 'cut.arrow')
    for (const cut of [20, 200, bytes.length - 120]) {
      writeFileSync(file, bytes.subarray(0, cut))
      await assert.rejects(read(file), /cut\.arrow/, String(cut))
    }
  })
})

describe('lengths that lie', () => {
  const lists = tableFromArrays({
    i: Int32Array.from({ length: 50 }, (_, i) => i),
    s: Array.from({ length: 50 }, (_, i) => `text ${i % 7}`),
    l: Array.from({ length: 50 }, (_, i) => [i, i + 1]) as unknown as number[],
  })
  const files: Record<string, () => Promise<Buffer>> = {
    'of Arrow, a file': async () => Buffer.from(tableToIPC(lists, 'file')),
    'of Arrow, a stream': async () => Buffer.from(tableToIPC(lists, 'stream')),
  }
  for (const version of ['V1', 'V2']) {
    files[`of Parquet, pages of ${version}`] = async () => {
      const file = path.join(folder, `${version}.parquet`)
      await duck.run(
        `COPY (SELECT i AS id, CASE WHEN i % 3 = 0 THEN 's' || i % 5 END AS s, [i, i] AS l FROM range(50) AS r(i))
           TO '${file}' (FORMAT parquet, COMPRESSION uncompressed, PARQUET_VERSION ${version})`,
      )
      return readFileSync(file)
    }
  }
  for (const [name, make] of Object.entries(files)) {
    it(`${name}: a sentence or the rows, whatever four bytes are`, async () => {
      const bytes = await make()
      const file = path.join(folder, 'lies')
      for (let at = 8; at < bytes.length - 4; at += 28) {
        const damaged = Buffer.from(bytes)
        damaged.writeUInt32LE(at % 8 === 0 ? 0x7fffffff : 0xffffff80, at)
        writeFileSync(file, damaged)
        await read(file).catch(error => {
          assert.ok(error instanceof ServiceError, `byte ${at}: ${(error as Error).stack}`)
        })
      }
    })
  }
})
