/** `adql check`: verdicts on queries, one JSON document a line in and out. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { checkGrammar } from './adql/grammar.ts'
import { compile } from './adql/index.ts'
import { type Command, UsageError } from './command.ts'
import { errorText, ServiceError } from './error.ts'
import { readCatalog } from './tap/tap-schema.ts'

export const adqlCheckCommand: Command = {
  name: 'adql check',
  summary: 'judge ADQL queries',
  help: `Usage: npx almagest adql check [--grammar-only] FILE.jsonl

Reads lines of {"query": "…"} and writes a line {"ok": true|false, "error": "…"|null} for each.
--grammar-only judges by the grammar of ADQL 2.1 and 2.0 alone: no tables, no extensions, no repairs.
Without it, the query is compiled against what this installation publishes.
Exit code 0 when every line could be judged, whatever the verdicts.`,
  async run(argv, setting) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { 'grammar-only': { type: 'boolean' }, json: { type: 'boolean' } },
      allowPositionals: true,
    })
    const [file, ...more] = positionals
    if (!file || more.length > 0) throw new UsageError('name one FILE.jsonl (- for standard input)')
    const judge = values['grammar-only'] ? checkGrammar : await compilerFor(setting)
    const input = file === '-' ? process.stdin : createReadStream(file)
    let line = 0
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      line++
      if (text.trim() === '') continue
      const verdict = judge(queryOf(text, `${file}:${line}`))
      setting.stdout.write(
        `${JSON.stringify({ ok: verdict.ok, error: verdict.ok ? null : verdict.error })}\n`,
      )
    }
    return 0
  },
}

type Verdict = { readonly ok: true } | { readonly ok: false; readonly error: string }

async function compilerFor(setting: Parameters<Command['run']>[1]): Promise<(query: string) => Verdict> {
  const { db } = await setting.database()
  const { tables } = await readCatalog(db)
  return query => {
    try {
      compile(query, tables, { maxrec: undefined })
      return { ok: true }
    } catch (error) {
      if (error instanceof ServiceError) return { ok: false, error: errorText(error) }
      throw error
    }
  }
}

function queryOf(line: string, where: string): string {
  try {
    const { query } = JSON.parse(line)
    if (typeof query === 'string') return query
  } catch {}
  throw new UsageError(`${where}: expected a line like {"query": "SELECT …"}`)
}
