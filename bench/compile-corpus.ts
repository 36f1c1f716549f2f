/**
 * Compile time over the shared corpus of ADQL queries, each against tables made for its names, and of the deepest and
 * longest queries that are accepted: `npx tsx bench/compile-corpus.ts`. Goal: median under 100 µs, deepest under 5 ms.
 */
import { compile } from '../src/adql/index.ts'
import type { tablesOf } from '../src/adql/tables.ts'
import { ServiceError } from '../src/error.ts'
import { adqlCorpus } from '../test/adql/corpus.ts'
import { stubTables } from '../test/adql/stubs.ts'
import { median } from './support.ts'

const ROUNDS = 40

/** Median microseconds of one compilation. */
function time(query: string, tables: ReturnType<typeof tablesOf>): number {
  const times: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    const begun = performance.now()
    compile(query, tables, { maxrec: 1000 })
    times.push((performance.now() - begun) * 1000)
  }
  return median(times)
}

if (adqlCorpus.skip.skip) console.log(adqlCorpus.skip.skip)
else corpus()
deepest()

function corpus(): void {
  const compiled: { query: string; microseconds: number }[] = []
  let without = 0
  const queries = adqlCorpus.read('adql-valid').map(entry => entry.query)
  for (const query of queries) {
    try {
      const { tables } = stubTables(query)
      compiled.push({ query, microseconds: time(query, tables) })
    } catch (error) {
      if (!(error instanceof ServiceError) && !/no tables suit/.test(String(error))) throw error
      without++
    }
  }
  // Once more, warm: the first queries paid for the others.
  const warm = compiled.map(({ query }) => ({ query, microseconds: time(query, stubTables(query).tables) }))
  const sorted = warm.toSorted((a, b) => a.microseconds - b.microseconds)
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!
  console.log(`${warm.length} queries of the corpus compile, ${without} have no tables that suit`)
  for (const [name, part] of [
    ['median', 0.5],
    ['95 %', 0.95],
    ['99 %', 0.99],
    ['slowest', 1],
  ] as const) {
    const { query, microseconds } = at(part)
    console.log(`${name.padEnd(10)} ${microseconds.toFixed(0).padStart(7)} µs  of ${query.length} characters`)
  }
}

function deepest(): void {
  const { tables } = stubTables('SELECT x FROM t')
  const nested = (build: (depth: number) => string) => {
    let [accepted, refused] = [1, 100_000]
    while (refused - accepted > 1) {
      const depth = Math.floor((accepted + refused) / 2)
      if (compiles(build(depth), tables)) accepted = depth
      else refused = depth
    }
    return [accepted, build(accepted)] as const
  }
  const shapes: Record<string, (n: number) => string> = {
    parentheses: n => `SELECT ${'('.repeat(n)}x${')'.repeat(n)} FROM t`,
    'sub-queries': n => `${'SELECT x FROM ('.repeat(n)}SELECT x FROM t${') AS q'.repeat(n)}`,
    'NOT (…)': n => `SELECT x FROM t WHERE ${'NOT ('.repeat(n)}x = 1${')'.repeat(n)}`,
    calls: n => `SELECT ${'ABS('.repeat(n)}x${')'.repeat(n)} FROM t`,
  }
  for (const [name, build] of Object.entries(shapes)) {
    const [depth, query] = nested(build)
    console.log(
      `${name.padEnd(14)} ${String(depth).padStart(6)} deep   ${(time(query, tables) / 1000).toFixed(2)} ms`,
    )
  }
  const long: Record<string, string> = {
    '1,000 terms of AND': `SELECT x FROM t WHERE ${Array.from({ length: 1000 }, (_, i) => `x <> ${i}`).join(' AND ')}`,
    '1,000 terms of +': `SELECT ${Array.from({ length: 1000 }, () => 'x').join(' + ')} AS s FROM t`,
    '10,000 numbers in IN': `SELECT x FROM t WHERE x IN (${Array.from({ length: 10_000 }, (_, i) => i).join()})`,
    '1,000 UNIONs': Array.from({ length: 1000 }, () => 'SELECT x FROM t').join(' UNION ALL '),
  }
  for (const [name, query] of Object.entries(long)) {
    const shown = compiles(query, tables) ? `${(time(query, tables) / 1000).toFixed(2)} ms` : 'refused'
    console.log(`${name.padEnd(28)} ${shown}`)
  }
}

function compiles(query: string, tables: ReturnType<typeof tablesOf>): boolean {
  try {
    compile(query, tables, { maxrec: 1000 })
    return true
  } catch (error) {
    if (error instanceof ServiceError) return false
    throw error
  }
}
