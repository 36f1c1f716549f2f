/** Felis files: those of Rubin Observatory's sdm_schemas and our own. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { after, test } from 'node:test'
import { parse } from 'yaml'
import type { Command, CommandSetting } from '../../src/command.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { PUBLIC_ROLE } from '../../src/db/roles.ts'
import { doctorCommand } from '../../src/doctor.ts'
import { ingestTable } from '../../src/ingest/table.ts'
import { openLog } from '../../src/log.ts'
import { schemaApplyCommand, schemaExportCommand } from '../../src/schema-command.ts'
import { describeCommand, dropCommand, listCommand } from '../../src/tables-command.ts'
import { testDatabase } from '../support/database.ts'
import { shared, withoutShared } from '../support/python.ts'

const db = await openDatabase({ url: await testDatabase(), log: openLog('silent') })
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
after(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

function file(name: string, content: string): string {
  writeFileSync(path.join(folder, name), content)
  return path.join(folder, name)
}

async function run(command: Command, ...argv: string[]): Promise<{ code: number; out: string }> {
  const stdout = new PassThrough({ highWaterMark: 2 ** 26 })
  const setting = {
    stdout,
    stderr: new PassThrough(),
    database: async () => ({ db }),
  } as unknown as CommandSetting
  const code = await command.run(argv, setting)
  return { code, out: String(stdout.read() ?? '') }
}

const rows = async (sql: string) => (await db.query(sql)).map(row => Object.values(row))

interface Yaml {
  name: string
  tables: { name: string; columns?: Record<string, unknown>[]; columnRefs?: unknown }[]
}

const FILES = [
  'dp02_dc2',
  'dp1',
  'ivoa_obscore',
  'dp02_obscore',
  'sdss_stripe82_01',
  'dp03_10yr',
  'hsc',
  'apdb',
]
for (const name of FILES) {
  test(`${name} is applied, twice, exported and applied again`, {
    skip: withoutShared('data/schemas'),
  }, async () => {
    const source = shared(`data/schemas/${name}.${name.startsWith('sdss') ? 'yml' : 'yaml'}`)
    const yaml = parse(readFileSync(source, 'utf8')) as Yaml
    const schema = yaml.name.toLowerCase()
    // Both ObsCore files describe the same table of the schema ivoa.
    if (schema === 'ivoa') {
      await db.query('DROP SCHEMA IF EXISTS ivoa CASCADE')
      await db.query(`DELETE FROM almagest.published_table WHERE schema_name = 'ivoa'`)
    }
    const first = await run(schemaApplyCommand, source)
    assert.equal(first.code, 0)
    assert.match(first.out, /\+ table /)
    assert.equal((await run(schemaApplyCommand, source)).out, `${schema}: nothing to change.\n`)

    for (const table of yaml.tables.filter(t => t.columnRefs === undefined)) {
      const published = await db.query<Record<string, unknown>>(
        `SELECT btrim(column_name, '"') AS name, unit, ucd, utype, principal, std FROM tap_schema.columns
          WHERE lower(replace(table_name, '"', '')) = lower($1)`,
        [`${yaml.name}.${table.name}`],
      )
      for (const column of table.columns!) {
        const found = published.find(c => c.name === column.name)
        assert.ok(found, `${table.name}.${column.name}`)
        assert.deepEqual(
          [found.unit, found.ucd, found.utype, found.principal, found.std],
          [
            column['ivoa:unit'] ?? column['fits:tunit'] ?? null,
            column['ivoa:ucd'] ?? null,
            column['votable:utype'] ?? null,
            column['tap:principal'] ?? 0,
            column['tap:std'] ?? 0,
          ].map(value => (value === '' ? null : value)),
          `${table.name}.${column.name}`,
        )
      }
    }
    const exported = file(`${name}.yaml`, (await run(schemaExportCommand, schema)).out)
    assert.equal((await run(schemaApplyCommand, exported)).out, `${schema}: nothing to change.\n`)
  })
}

const SKY = `
name: sky
description: A survey
tables:
- name: Object
  description: Things in the sky
  primaryKey: "#Object.objectId"
  columns:
  - {name: objectId, datatype: long, nullable: false, "ivoa:ucd": "meta.id;meta.main", "tap:principal": 1}
  - {name: ra, datatype: double, "ivoa:unit": deg, "ivoa:ucd": "pos.eq.ra;meta.main"}
  - {name: dec, datatype: double, "ivoa:unit": deg, "ivoa:ucd": "pos.eq.dec;meta.main"}
  - {name: mag, datatype: float, "ivoa:unit": mag, description: "Magnitude"}
- name: Source
  columns:
  - {name: sourceId, datatype: long}
  - {name: objectId, datatype: long}
  - {name: at, datatype: timestamp, precision: 6}
  - {name: band, datatype: char, length: 1}
  constraints:
  - {name: fk, "@type": ForeignKey, columns: ["#Source.objectId"], referencedColumns: ["#Object.objectId"]}
  - {name: u, "@type": Unique, columns: ["#Source.sourceId"]}
  indexes:
  - {name: i, columns: ["#Source.band", "#Source.at"]}
`

test('tables are made with keys, indexes and cells; changes are shown before they are made', async () => {
  const sky = file('sky.yaml', SKY)
  const dry = await run(schemaApplyCommand, sky, '--dry-run')
  assert.equal(dry.code, 1)
  assert.match(dry.out, /\+ schema sky\n\+ table sky\.Object: 4 columns/)
  assert.deepEqual(await rows(`SELECT count(*)::int FROM pg_namespace WHERE nspname = 'sky'`), [[0]])
  await run(schemaApplyCommand, sky)
  const indexes = (await rows(`SELECT indexdef FROM pg_indexes WHERE schemaname = 'sky'`)).flat().join('\n')
  assert.match(indexes, /UNIQUE INDEX .* USING btree \(objectid\)/)
  assert.match(
    indexes,
    /USING gist \(spoint\(radians\(ra\), radians\("dec"\)\)\)|USING gist \(spoint\(radians\(ra\), radians\(dec\)\)\)/,
  )
  assert.match(indexes, /UNIQUE INDEX .*\(sourceid\)/)
  assert.match(indexes, /btree \(band, at\)/)
  assert.deepEqual(
    await rows(
      `SELECT from_table, target_table, from_column, target_column FROM tap_schema.keys JOIN tap_schema.key_columns USING (key_id) WHERE from_table LIKE 'sky%'`,
    ),
    [['sky.Source', 'sky.Object', 'objectId', 'objectId']],
  )
  assert.deepEqual(
    await rows(
      `SELECT ra_column, dec_column, shard_order FROM almagest.published_table WHERE table_name = 'sky.Object'`,
    ),
    [['ra', 'dec', 7]],
  )
  await db.transaction(async client => {
    await client.query(`SET LOCAL ROLE ${PUBLIC_ROLE}`)
    await client.query('SELECT * FROM sky.object, sky.source')
  })

  const changed = file(
    'changed.yaml',
    SKY.replace(
      '"ivoa:unit": mag, description: "Magnitude"',
      '"ivoa:unit": "mag(AB)", description: "AB"',
    ).replace('  - {name: band', '  - {name: flag, datatype: boolean}\n  - {name: band'),
  )
  const { out } = await run(schemaApplyCommand, changed)
  assert.match(out, /~ sky\.Object\.mag: unit "mag" → "mag\(AB\)", description "Magnitude" → "AB"/)
  assert.match(out, /\+ column sky\.Source\.flag: boolean/)
  assert.equal((await run(schemaApplyCommand, changed)).out, 'sky: nothing to change.\n')

  const wrong = file('wrong.yaml', SKY.replace('mag, datatype: float', 'mag, datatype: long'))
  await assert.rejects(run(schemaApplyCommand, wrong), error => {
    assert.match(
      (error as { detail: string }).detail,
      /sky\.Object\.mag is real in the database, bigint in the file/,
    )
    return true
  })
})

test('doctor tells what has drifted from the file', async () => {
  const drift = async () => {
    const stdout = new PassThrough({ highWaterMark: 2 ** 26 })
    const setting = {
      stdout,
      config: { dir: folder },
      database: async () => ({ db, url: 'postgres://x/y', embedded: true }),
    }
    await doctorCommand.run(['--json'], setting as unknown as CommandSetting)
    const { checks } = JSON.parse(String(stdout.read())) as { checks: { name: string; message: string }[] }
    return checks.filter(check => check.name === 'felis' && check.message.includes('schema sky'))
  }
  assert.deepEqual(await drift(), [])
  await db.query(
    `UPDATE almagest.published_column SET unit = 'Jy' WHERE table_name = 'sky.Object' AND column_name = 'mag'`,
  )
  await db.query('ALTER TABLE sky.source DROP COLUMN flag')
  const [check] = await drift()
  assert.match(check!.message, /sky\.Object\.mag: unit "Jy" → "mag\(AB\)"/)
  assert.match(check!.message, /\+ column sky\.Source\.flag/)
  await run(schemaApplyCommand, path.join(folder, 'changed.yaml'))
  assert.deepEqual(await drift(), [])
})

test('what was made is filled by ingest, listed, described and dropped', async () => {
  const csv = file('object.csv', 'objectId,ra,dec,mag\n1,10,20,15.5\n2,11,21,\n')
  const result = await ingestTable(
    db,
    { files: [csv], table: 'sky.Object', mode: 'append' },
    () => {},
    new AbortController().signal,
  )
  assert.equal(result.rows, 2)
  assert.deepEqual(
    await rows(
      `SELECT count(*)::int FROM sky.object WHERE spoint(radians(ra), radians("dec")) <@ scircle(spoint(radians(10), radians(20)), radians(0.1)) AND hpx29 IS NOT NULL`,
    ),
    [[1]],
  )
  const list = JSON.parse((await run(listCommand, 'sky', '--json')).out)
  assert.deepEqual(
    list.map((t: { table: string; rows: number }) => [t.table, t.rows]),
    [
      ['sky.Object', 2],
      ['sky.Source', 0],
    ],
  )
  assert.match((await run(listCommand)).out, /sky\.Object +2 rows, 6 columns +Things in the sky/)
  assert.match(
    (await run(describeCommand, 'SKY.object')).out,
    /sky\.Object, 2 rows\n.*\n {2}objectId +long +meta\.id;meta\.main {2}indexed/,
  )
  assert.match((await run(dropCommand, 'sky.Source')).out, /sky\.Source: dropped/)
  assert.match((await run(dropCommand, 'sky.Object', '--keep-rows')).out, /no longer published/)
  assert.deepEqual(await rows('SELECT count(*)::int FROM sky.object'), [[2]])
  assert.deepEqual(await rows(`SELECT count(*)::int FROM tap_schema.schemas WHERE schema_name = 'sky'`), [
    [0],
  ])
  await assert.rejects(run(dropCommand, 'sky.Source'), /no published table sky\.Source/)
  await assert.rejects(run(dropCommand, 'tap_schema.tables'), /the service's own/)
})

test('files that are wrong say where', async () => {
  const refuse = (yaml: string, message: RegExp) =>
    assert.rejects(run(schemaApplyCommand, file('bad.yaml', yaml)), message)
  await refuse('- a', /bad\.yaml: the file must be a mapping/)
  await refuse('name: [x', /bad\.yaml: /)
  await refuse(
    'name: x\ntables:\n- name: t\n  columns: [{name: c}]',
    /table t, column c: datatype is missing/,
  )
  await refuse(
    'name: x\ntables:\n- name: t\n  columns: [{name: c, datatype: complex}]',
    /datatype complex is not one of boolean/,
  )
  await refuse(
    'name: x\ntables:\n- name: t\n  columns: [{name: c, datatype: int}, {name: C, datatype: int}]',
    /two columns are named C, but for case/,
  )
  await refuse(
    'name: x\ntables:\n- name: t\n  primaryKey: "#t.d"\n  columns: [{name: c, datatype: int}]',
    /primaryKey: #t\.d is none of its columns/,
  )
  await refuse(
    'name: x\nresources: {b: {uri: "http://127.0.0.1/b.yaml"}}\ntables: []',
    /not a file beside this one/,
  )
  await refuse('name: tap_schema\ntables: []', /the service's own/)
  await assert.rejects(run(schemaApplyCommand, path.join(folder, 'none.yaml')), /Cannot read/)
  if (!withoutShared('data/schemas')) {
    await assert.rejects(
      run(schemaApplyCommand, shared('data/schemas/obscore_nominal.yaml')),
      /datatype is missing/,
    )
  }
})
