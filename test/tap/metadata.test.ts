/** The documents about the service: valid by the IVOA's XSDs, and of one mind with what queries return. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { testDatabase } from '../support/database.ts'
import { shared, withoutShared } from '../support/python.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, sync, type TestService } from '../support/service.ts'

const database = await testDatabase()

function withoutXmllint(): string | false {
  if (spawnSync('xmllint', ['--version']).status !== 0) return 'xmllint is not installed'
  return withoutShared('standards/xsd/catalog.xml')
}

/** Validates by the XSDs, offline. */
function validate(xml: string): void {
  const run = spawnSync(
    'xmllint',
    ['--nonet', '--noout', '--schema', shared('standards/xsd/vo-all-driver.xsd'), '-'],
    {
      input: xml,
      env: { ...process.env, XML_CATALOG_FILES: shared('standards/xsd/catalog.xml') },
      encoding: 'utf8',
    },
  )
  assert.equal(run.status, 0, run.stderr.slice(0, 2000))
}

describe('metadata', () => {
  let service: TestService

  before(async () => {
    service = await startTestService({ database, fill: fillSample })
  })
  after(() => service.close())

  const read = async (path: string) => {
    const response = await fetch(service.url + path)
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      text: await response.text(),
    }
  }

  for (const path of [
    '/tap/capabilities',
    '/tap/availability',
    '/tap/tables',
    '/tap/tables?detail=min',
    '/tap/tables/sample.stars',
    '/tap/sync?LANG=ADQL&QUERY=SELECT+*+FROM+sample.stars',
    '/tap/sync?LANG=ADQL&FORMAT=votable/td&MAXREC=3&QUERY=SELECT+*+FROM+sample.stars',
    '/tap/sync?LANG=ADQL&QUERY=nonsense',
  ]) {
    it(`${path} validates`, { skip: withoutXmllint() }, async () => validate((await read(path)).text))
  }

  it('/tap/tables: detail, names, unknown ones', async () => {
    assert.doesNotMatch((await read('/tap/tables?detail=min')).text, /<column/)
    assert.match((await read('/tap/tables')).text, /<name>"2mass id"<\/name>/)
    assert.equal((await read('/tap/tables?detail=some')).status, 400)
    const lost = await read('/tap/tables/sample.nothing')
    assert.equal(lost.status, 404)
    assert.match(lost.text, /there is no table sample.nothing/)
    assert.equal((await read('/tap/nothing')).status, 404)
    assert.equal((await fetch(`${service.url}/tap/tables`, { method: 'DELETE' })).status, 405)
  })

  it('/tap/availability tells the truth', async () => {
    const up = await read('/tap/availability')
    assert.match(up.text, /<vosi:available>true</)
    assert.match(up.text, /<vosi:upSince>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ</)
    await service.db.query('ALTER TABLE almagest.published_table RENAME TO hidden')
    const down = await read('/tap/availability')
    await service.db.query('ALTER TABLE almagest.hidden RENAME TO published_table')
    assert.equal(down.status, 200)
    assert.match(down.text, /<vosi:available>false</)
  })

  it('a table that is published is seen without a restart', async () => {
    await service.db.query(`CREATE TABLE sample.fresh AS SELECT 1 AS one`)
    await service.db.query(`GRANT SELECT ON sample.fresh TO almagest_public`)
    await service.db.query(
      `INSERT INTO almagest.published_table (table_name, schema_name, table_type, sql_schema, sql_table)
       VALUES ('sample.fresh', 'sample', 'table', 'sample', 'fresh')`,
    )
    await service.db.query(
      `INSERT INTO almagest.published_column (table_name, column_name, datatype, column_index, sql_name)
       VALUES ('sample.fresh', 'one', 'int', 1, 'one')`,
    )
    await service.db.query('NOTIFY tap_schema')
    for (let i = 0; i < 50; i++) {
      if ((await read('/tap/tables/sample.fresh')).status === 200) break
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    const response = await sync(service, { QUERY: 'SELECT one FROM sample.fresh', FORMAT: 'csv' })
    assert.equal(await response.text(), 'one\r\n1\r\n')
  })

  it('TAP_SCHEMA has exactly the columns of TAP 1.1 §4, and describes itself', async () => {
    const columns: Record<string, string> = {
      schemas: 'schema_name,utype,description,schema_index',
      tables: 'schema_name,table_name,table_type,utype,description,table_index',
      columns:
        'table_name,column_name,datatype,arraysize,xtype,size,description,utype,unit,ucd,indexed,principal,std,column_index',
      keys: 'key_id,from_table,target_table,description,utype',
      key_columns: 'key_id,from_column,target_column',
    }
    for (const [table, names] of Object.entries(columns)) {
      const response = await sync(service, {
        QUERY: `SELECT TOP 1 * FROM TAP_SCHEMA.${table}`,
        FORMAT: 'csv',
      })
      const header = (await response.text()).split('\r\n')[0]!
      assert.deepEqual(header.split(',').sort(), names.split(',').sort())
      const self = await sync(service, {
        QUERY: `SELECT column_name FROM TAP_SCHEMA.columns WHERE table_name = 'tap_schema.${table}'`,
        FORMAT: 'csv',
      })
      const described = (await self.text()).trim().split('\r\n').slice(1)
      assert.deepEqual(described.map(name => name.replaceAll('"', '')).sort(), names.split(',').sort())
    }
  })

  it('TAP_SCHEMA: sizes, flags and quoted names as TAP 1.1 §4.3 has them', async () => {
    const response = await sync(service, {
      QUERY: `SELECT column_name, datatype, arraysize, "size", xtype, indexed, principal, std
                FROM tap_schema.columns WHERE table_name = 'sample.stars' ORDER BY column_index`,
      FORMAT: 'tsv',
    })
    const rows = (await response.text()).split('\n').map(line => line.replace('\r', ''))
    assert.equal(rows[1], 'ID\tlong\t\t\t\t0\t1\t0')
    assert.equal(rows[2], 'ra\tdouble\t\t\t\t1\t1\t0')
    assert.ok(rows.some(row => row.includes('2mass id') && row.startsWith('"')))
    assert.ok(rows.includes('observed\tchar\t*\t\ttimestamp\t0\t0\t0'))
    assert.ok(rows.includes('profile\tfloat\t3\t3\t\t0\t0\t0'))
  })

  it('FIELDs of a result are what TAP_SCHEMA says, for every published table', async () => {
    const all = await sync(service, {
      QUERY:
        'SELECT table_name, column_name, datatype, arraysize, xtype, unit, ucd FROM tap_schema.columns ORDER BY table_name, column_index',
      FORMAT: 'tsv',
    })
    const rows = (await all.text())
      .split(/\r?\n/)
      .slice(1, -1)
      .map(line => line.split('\t'))
    for (const table of new Set(rows.map(row => row[0]!))) {
      const response = await sync(service, {
        QUERY: `SELECT * FROM ${table}`,
        MAXREC: '0',
        FORMAT: 'votable/td',
      })
      const text = await response.text()
      const attribute = (field: string, name: string) =>
        new RegExp(` ${name}="([^"]*)"`).exec(field)?.[1] ?? ''
      const fields = [...text.matchAll(/<FIELD [^>]*>/g)].map(([field]) => [
        table,
        attribute(field!, 'name'),
        ...['datatype', 'arraysize', 'xtype', 'unit', 'ucd'].map(name => attribute(field!, name)),
      ])
      const expected = rows
        .filter(row => row[0] === table)
        .map(row => row.map(cell => cell.replace(/^"+(.*?)"+$/, '$1')))
      assert.deepEqual(fields, expected)
    }
  })

  it('the first page lists tables, rows and lines to paste', async () => {
    const { text, type } = await read('/')
    assert.match(type ?? '', /^text\/html/)
    assert.match(text, /sample\.stars/)
    assert.match(text, /1,000/)
    assert.match(text, /stilts tapquery/)
  })
})
