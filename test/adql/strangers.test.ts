/**
 * Queries as they stand in the documentation of other archives, and as people mistype them: each runs, perhaps with
 * notes, or explains itself. What it says is recorded below it; `BLESS=1` records anew, and the review is the diff.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type pg from 'pg'
import { parse as parseYaml } from 'yaml'
import { type Compiled, compile } from '../../src/adql/index.ts'
import { type ColumnMeta, type TableMeta, tablesOf } from '../../src/adql/tables.ts'
import { ServiceError } from '../../src/error.ts'
import { testDatabase } from '../support/database.ts'
import { shared, withoutShared } from '../support/python.ts'
import { connect } from './catalog.ts'
import { createSql, stubTables } from './stubs.ts'

const folder = path.join(import.meta.dirname, 'strangers')
/** Their tables are those of the surveys; the others' are made of the queries. */
const SURVEYS: Record<string, readonly string[]> = {
  'rubin.txt': ['dp02_dc2', 'dp1', 'dp03_10yr', 'ivoa_obscore'],
  'slips.txt': ['dp1'],
}

let client: pg.Client
after(() => client.end())
const url = await testDatabase()
before(async () => {
  client = await connect(url)
})

for (const file of readdirSync(folder)) {
  const schemas = SURVEYS[file]
  const skip = schemas ? withoutShared(...schemas.map(s => `data/schemas/${s}.yaml`)) : false
  test(`strangers' queries: ${file}`, { skip }, async () => {
    const at = path.join(folder, file)
    const [title, ...entries] = readFileSync(at, 'utf8').trim().split(/\n\n+/)
    const survey = schemas?.flatMap(s => surveyTables(s))
    if (survey) await client.query(createSql(survey))
    const made: string[] = []
    for (const entry of entries) {
      const query = entry.replace(/^=> .*$\n?/gm, '').trim()
      made.push(`${query}\n${(await said(query, survey)).map(line => `=> ${line}`).join('\n')}`)
    }
    if (process.env.BLESS) writeFileSync(at, `${[title, ...made].join('\n\n')}\n`)
    for (const [i, entry] of entries.entries()) assert.equal(made[i], entry)
  })
}

/** What the service answers: `runs` and notes, or problems with the place that each points at. */
async function said(query: string, survey: readonly TableMeta[] | undefined): Promise<string[]> {
  let compiled: Compiled
  try {
    const tables = survey ?? stubTables(query).all
    compiled = compile(query, tablesOf(tables), { maxrec: 10 })
    if (!survey) await client.query(createSql(tables))
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    return error.problems.flatMap(p => {
      const where = query.slice(p.start, p.end).replace(/\s+/g, ' ')
      return [
        `${where || 'the end'}: ${p.message}`,
        ...(p.hint ? p.hint.split('\n').map(h => `    ${h}`) : []),
      ]
    })
  }
  await client.query(`EXPLAIN ${compiled.text}`, [...compiled.values])
  return ['runs', ...compiled.infos]
}

interface Felis {
  readonly name: string
  readonly tables: readonly {
    readonly name: string
    readonly columns: readonly {
      readonly name: string
      readonly datatype: string
      readonly 'ivoa:unit'?: string
      readonly 'ivoa:ucd'?: string
    }[]
  }[]
}

const DATATYPES: Record<string, string> = {
  double: 'double',
  float: 'float',
  int: 'int',
  long: 'long',
  short: 'short',
  boolean: 'boolean',
}

function surveyTables(name: string): TableMeta[] {
  const schema = parseYaml(readFileSync(shared(`data/schemas/${name}.yaml`), 'utf8')) as Felis
  const column = (c: Felis['tables'][0]['columns'][0]): ColumnMeta => {
    const isTime = c.datatype === 'timestamp'
    const datatype = (DATATYPES[c.datatype] ?? 'char') as ColumnMeta['field']['datatype']
    const field = {
      name: c.name,
      datatype,
      ...(datatype === 'char' ? { arraysize: '*' } : {}),
      ...(isTime ? { xtype: 'timestamp' } : {}),
      ...(c['ivoa:unit'] ? { unit: c['ivoa:unit'] } : {}),
      ...(c['ivoa:ucd'] ? { ucd: c['ivoa:ucd'] } : {}),
    }
    const sqlType = isTime ? 'timestamp' : c.name === 's_region' ? 'spoly' : undefined
    const sqlName = c.name.toLowerCase()
    return { field, sqlName, indexed: false, principal: true, ...(sqlType ? { sqlType } : {}) }
  }
  return schema.tables.map(t => ({
    schema: schema.name,
    name: t.name,
    sqlSchema: schema.name,
    sqlName: t.name.toLowerCase(),
    columns: t.columns.map(column),
  }))
}
