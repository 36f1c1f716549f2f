/** ADQL to SQL: compile time of queries of every kind, in process. */
import { compile } from '../src/adql/index.ts'
import { type TableMeta, tablesOf } from '../src/adql/tables.ts'
import { EXAMPLES } from '../src/tap/examples.ts'
import { median } from './support.ts'

const ROUNDS = 2000

const column = (name: string, datatype: 'long' | 'double' | 'char') => ({
  field: { name, datatype, ...(datatype === 'char' ? { arraysize: '*' } : {}) },
  sqlName: name,
  indexed: false,
  principal: true,
})

function table(
  schema: string,
  name: string,
  columns: readonly (readonly [string, 'long' | 'double' | 'char'])[],
): TableMeta {
  const position = columns.some(([c]) => c === 'ra') ? { ra: 'ra', dec: 'dec' } : undefined
  return {
    schema,
    name,
    sqlSchema: schema,
    sqlName: name,
    columns: columns.map(([c, t]) => column(c, t)),
    position,
  }
}

const tables = tablesOf([
  table('demo', 'object', [
    ['objectid', 'long'],
    ['ra', 'double'],
    ['dec', 'double'],
    ['refextendedness', 'double'],
    ...['g', 'r', 'i', 'z', 'y'].map(band => [`${band}_psfflux`, 'double'] as const),
  ]),
  table('demo', 'forcedsource', [
    ['objectid', 'long'],
    ['visitid', 'long'],
    ['band', 'char'],
    ['psfflux', 'double'],
    ['psffluxerr', 'double'],
  ]),
  table('demo', 'visit', [
    ['visitid', 'long'],
    ['expmidptmjd', 'double'],
  ]),
  table('demo', 'variable', [
    ['objectid', 'long'],
    ['class', 'char'],
    ['period', 'double'],
  ]),
  table('tap_schema', 'columns', [
    ['table_name', 'char'],
    ['column_name', 'char'],
    ['unit', 'char'],
    ['ucd', 'char'],
    ['description', 'char'],
    ['column_index', 'long'],
  ]),
])

for (const { name, query } of EXAMPLES) {
  const times: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    const begun = performance.now()
    compile(query, tables, { maxrec: 1000 })
    times.push((performance.now() - begun) * 1000)
  }
  console.log(`${name.padEnd(32)} median ${median(times).toFixed(1)} µs`)
}
