/** The strict grammar check against the verdicts of two reference parsers (vollt's ADQLLib 1.6, DaCHS 2.7). */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { checkGrammar } from '../../src/adql/grammar.ts'
import { compile } from '../../src/adql/index.ts'
import { ServiceError } from '../../src/error.ts'
import { adqlCorpus, type CorpusEntry } from './corpus.ts'
import { stubTables } from './stubs.ts'

const oneLine = (query: string) => query.trim().replaceAll(/\s+/g, ' ')
const volltSays = (entry: CorpusEntry) => entry.vollt16['2.1'] !== 'reject'
const dachsSays = (entry: CorpusEntry) => entry.dachs27 === 'ok'

/** How the queries begin that a section of the page gives a reason for. */
function explanations(name: string): string[] {
  const page = readFileSync(resolve(import.meta.dirname, '../../docs/adql-corpus.md'), 'utf8')
  const section = page.slice(page.indexOf(`## ${name}`)).split('\n## ')[0]!
  return [...section.matchAll(/^- `(.*?)…?`/gm)].map(match => match[1]!)
}

for (const [name, label] of [
  ['adql-valid', true],
  ['adql-invalid', false],
] as const) {
  test(
    `${name}: at least 99 % are judged as both reference parsers and the label do`,
    adqlCorpus.skip,
    () => {
      const agreed = adqlCorpus
        .read(name)
        .filter(entry => volltSays(entry) === label && dachsSays(entry) === label)
      const wrong = agreed.filter(entry => checkGrammar(entry.query).ok !== label)
      assert.ok(agreed.length > (label ? 800 : 75))
      assert.ok(wrong.length <= agreed.length * 0.01, wrong.map(entry => oneLine(entry.query)).join('\n'))
    },
  )

  test(`${name}: every verdict unlike the label is explained in docs/adql-corpus.md`, adqlCorpus.skip, () => {
    const explained = explanations(name)
    const unlike = adqlCorpus.read(name).filter(entry => checkGrammar(entry.query).ok !== label)
    for (const { query } of unlike) {
      assert.ok(
        explained.some(begin => oneLine(query).startsWith(begin)),
        `not explained: ${oneLine(query)}`,
      )
    }
    for (const begin of explained) {
      assert.ok(
        unlike.some(({ query }) => oneLine(query).startsWith(begin)),
        `no longer an exception: ${begin}`,
      )
    }
  })
}

test(
  'adql-semantic-invalid: all are grammatical; tables and types tell what is wrong',
  adqlCorpus.skip,
  () => {
    for (const { query } of adqlCorpus.read('adql-semantic-invalid'))
      assert.deepEqual(checkGrammar(query), { ok: true }, query)
  },
)

test(
  'adql-dialect: what has a meaning in ADQL runs, the rest is refused with advice and listed in docs/adql-corpus.md',
  adqlCorpus.skip,
  () => {
    const explained = explanations('adql-dialect')
    const withoutAdvice: string[] = []
    const refused: string[] = []
    for (const { query } of adqlCorpus.read('adql-dialect')) {
      try {
        compile(query, stubTables(query).tables, { maxrec: 10 })
      } catch (error) {
        assert.ok(error instanceof ServiceError)
        refused.push(oneLine(query))
        if (!error.problems[0]!.hint) withoutAdvice.push(oneLine(query))
      }
    }
    assert.equal(refused.length, 24)
    for (const query of refused)
      assert.ok(
        explained.some(begin => query.startsWith(begin)),
        `not explained: ${query}`,
      )
    for (const begin of explained)
      assert.ok(
        refused.some(query => query.startsWith(begin)),
        `no exception: ${begin}`,
      )
    // What is wrong with these is said without it: a query that ends after WHERE, nothing before `.*`, no STC-S, prose.
    assert.ok(withoutAdvice.length <= 4, withoutAdvice.join('\n'))
  },
)
