/** Random well-typed queries on small tables: PostgreSQL's answer to our SQL against one worked out in JavaScript. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { compile } from '../../src/adql/index.ts'
import { type TableMeta, tablesOf } from '../../src/adql/tables.ts'
import { testDatabase } from '../support/database.ts'
import { connect } from './catalog.ts'
import { randomQuery } from './random-queries.ts'
import { type RandomTable, type Row, randomTables } from './random-tables.ts'

const QUERIES = 1500

const url = await testDatabase()
let client: pg.Client

before(async () => {
  client = await connect(url)
  await client.query('CREATE SCHEMA small')
})

after(() => client.end())

const SQL_TYPE = { int: 'int', double: 'float8', char: 'text' } as const

async function make(tables: readonly RandomTable[]): Promise<readonly TableMeta[]> {
  for (const { name, columns, rows } of tables) {
    const list = columns.map(c => `${c.name} ${SQL_TYPE[c.type]}`)
    await client.query(`DROP TABLE IF EXISTS small.${name}; CREATE TABLE small.${name} (${list.join(', ')})`)
    for (const row of rows) {
      const values = row.map(value => (value === null ? 'NULL' : pg.escapeLiteral(String(value))))
      await client.query(`INSERT INTO small.${name} VALUES (${values.join(', ')})`)
    }
  }
  return tables.map(({ name, columns }) => ({
    schema: 'small',
    name,
    sqlSchema: 'small',
    sqlName: name,
    columns: columns.map(c => ({
      field: { name: c.name, datatype: c.type, ...(c.type === 'char' && { arraysize: '*' }) },
      sqlName: c.name,
      indexed: false,
      principal: true,
    })),
    ...(columns.some(c => c.name === 'dec') && { position: { ra: 'ra', dec: 'dec' } }),
  }))
}

/** Numbers to twelve digits, as bigint and text come from PostgreSQL; rows without an order sorted. */
function comparable(
  rows: readonly (readonly unknown[])[],
  types: readonly string[],
  ordered: boolean,
): string[] {
  const texts = rows.map(row =>
    JSON.stringify(
      row.map((value, i) =>
        value === null || types[i] === 'char' ? value : Number(Number(value).toPrecision(12)) + 0,
      ),
    ),
  )
  return ordered ? texts : texts.sort()
}

test(`${QUERIES} random queries have the answers that SQL gives them`, async () => {
  const size = { empty: 0, full: 0 }
  for (let round = 0; round < 3; round++) {
    const tables = randomTables(100 + round)
    const metas = tablesOf(await make(tables))
    for (let i = 0; i < QUERIES / 3; i++) {
      const seed = 10_000 * round + i
      const { sql, rows, ordered } = randomQuery(seed, tables)
      const compiled = compile(sql, metas, { maxrec: undefined })
      const types = compiled.fields.map(f => f.datatype)
      const { rows: answered } = await client.query<unknown[]>({
        text: compiled.text,
        values: [...compiled.values],
        rowMode: 'array',
      })
      const expected = comparable(rows as readonly Row[], types, ordered)
      assert.deepEqual(
        comparable(answered, types, ordered),
        expected,
        `seed ${seed}: ${sql}\n${compiled.text}`,
      )
      if (rows.length === 0) size.empty++
      else size.full++
    }
  }
  assert.ok(size.full > size.empty, `${size.full} answers with rows, ${size.empty} without`)
})
