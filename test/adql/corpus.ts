/** The shared corpus of ADQL queries with the verdicts of two reference parsers; tests are skipped without it. */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'

export interface CorpusEntry {
  readonly query: string
  readonly note: string
  readonly source: string
  readonly disputed?: boolean
  /** Verdicts of vollt's ADQLLib as ADQL 2.0 and 2.1: ok, reject, udf or sem (parsed, then refused for its names). */
  readonly vollt16: { readonly '2.1': 'ok' | 'reject' | 'udf' | 'sem' }
  readonly dachs27: 'ok' | 'reject'
}

const folder = resolve(
  process.env.ALMAGEST_SHARED ?? resolve(import.meta.dirname, '../../../shared'),
  'corpora/adql',
)

export const adqlCorpus = {
  skip: existsSync(folder) ? {} : { skip: `no corpus at ${folder} (ALMAGEST_SHARED)` },
  read(name: string): CorpusEntry[] {
    const lines = readFileSync(resolve(folder, `${name}.jsonl`), 'utf8')
      .trim()
      .split('\n')
    return lines.map(line => JSON.parse(line))
  },
}
