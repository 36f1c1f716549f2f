/**
 * The fuzz: mutated queries are compiled, and what compiles runs on PostgreSQL under the query role. A finding is
 * anything but an answer or an error that blames the query: a crash of the compiler, SQL that PostgreSQL does not
 * understand, columns that are not of the promised types, a relation touched that is not published.
 */
import pg from 'pg'
import { statementError } from '../src/adql/failure.ts'
import { type Compiled, compile } from '../src/adql/index.ts'
import { parse } from '../src/adql/parser.ts'
import { type WithoutPositions, withoutPositions } from '../src/adql/regions.ts'
import { resolve } from '../src/adql/resolve.ts'
import type { Tables } from '../src/adql/tables.ts'
import { openDatabase } from '../src/db/postgres.ts'
import { PUBLIC_ROLE } from '../src/db/roles.ts'
import { ServiceError } from '../src/error.ts'
import { openLog } from '../src/log.ts'
import { advise } from '../src/tap/advice.ts'
import { coverage } from '../src/tap/coverage.ts'
import { readCatalog } from '../src/tap/tap-schema.ts'
import { type WireType, wireType } from '../src/votable/field.ts'
import { adqlCorpus } from '../test/adql/corpus.ts'
import { createSql, stubTables } from '../test/adql/stubs.ts'
import { fillFuzz } from './fuzz-database.ts'
import { type Dice, dice, mutate, pieces, SEEDS } from './fuzz-queries.ts'

export interface FuzzOptions {
  /** A migrated database of the fuzz's own, as its owner. */
  readonly url: string
  readonly count: number
  readonly seed: number
  readonly progress?: (done: number) => void
}

export interface Finding {
  readonly kind: string
  count: number
  /** The shortest query that shows it. */
  query: string
  sql: string | undefined
  message: string
}

export interface FuzzReport {
  readonly queries: number
  /** Errors in the compiler's words. */
  readonly refused: number
  readonly answered: number
  /** Errors of PostgreSQL that the data are to blame for, and time-outs. */
  readonly failed: number
  readonly findings: readonly Finding[]
  /** Refusals that came from PostgreSQL and might have come from the compiler, by message. */
  readonly late: readonly Finding[]
}

const STATEMENT_MS = 400
/** Mutations of one query of the corpus, for which tables are made. */
const PER_CORPUS_QUERY = 40
const BATCH = 50

export async function fuzz({ url, count, seed, progress }: FuzzOptions): Promise<FuzzReport> {
  const log = openLog('silent')
  const db = await openDatabase({ url, log })
  const random = dice(seed)
  const run = newRun()
  const [client, watcher] = await Promise.all([connect(url), connect(url)])
  try {
    await fillFuzz(db)
    const { tables } = await readCatalog(db)
    const published = tables.all.map(t => `${t.sqlSchema}.${t.sqlName}`)
    const house = {
      tables,
      published,
      through: await readThrough(client, watcher, published),
      create: undefined,
    }
    const corpus = corpusQueries()
    const pool = [...new Set([...SEEDS, ...corpus].flatMap(pieces))].sort()
    let corpusQuery = 0
    while (run.queries < count) {
      const fromCorpus = corpus.length > 0 && random.below(2) === 0
      const base = fromCorpus ? corpus[corpusQuery++ % corpus.length]! : undefined
      const scene = base === undefined ? house : stubScene(base)
      if (!scene) continue
      const size = Math.min(count - run.queries, base === undefined ? BATCH : PER_CORPUS_QUERY)
      const batch = compileBatch(run, size, base, pool, scene.tables, random)
      if (batch.length > 0) await runBatch(run, client, watcher, batch, scene)
      progress?.(run.queries)
    }
  } finally {
    await Promise.all([client.end(), watcher.end(), db.close()])
  }
  const sorted = (all: Map<string, Finding>) => [...all.values()].sort((a, b) => b.count - a.count)
  return { ...run, findings: sorted(run.findings), late: sorted(run.late) }
}

// ---------------------------------------------------------------- what is counted

type Run = ReturnType<typeof newRun>

function newRun() {
  return {
    queries: 0,
    refused: 0,
    answered: 0,
    failed: 0,
    findings: new Map<string, Finding>(),
    late: new Map<string, Finding>(),
  }
}

function note(all: Map<string, Finding>, kind: string, message: string, query: string, sql?: string): void {
  const key = `${kind}: ${message.replace(/"[^"]*"|'[^']*'/g, '…').split('\n')[0]}`
  const known = all.get(key)
  if (!known) {
    all.set(key, { kind, count: 1, query, sql, message })
    return
  }
  known.count++
  if (query.length < known.query.length) Object.assign(known, { query, sql, message })
}

// ---------------------------------------------------------------- compiling

interface Scene {
  readonly tables: Tables
  readonly published: readonly string[]
  /** Relations that published views read. */
  readonly through: readonly string[]
  /** Statements that make the tables for the time of a transaction. */
  readonly create: string | undefined
}

interface Candidate {
  readonly query: string
  readonly compiled: Compiled
  /** What the query doctor explains beside it, where that is another statement. */
  readonly free: WithoutPositions | undefined
}

function corpusQueries(): string[] {
  if (adqlCorpus.skip.skip) return []
  return ['adql-valid', 'adql-dialect', 'adql-semantic-invalid']
    .flatMap(name => adqlCorpus.read(name).map(entry => entry.query))
    .filter(query => query.length < 2000)
}

const scenes = new Map<string, Scene | undefined>()

/** Tables that suit a query of the corpus; undefined when none do. */
function stubScene(query: string): Scene | undefined {
  if (scenes.has(query)) return scenes.get(query)
  let scene: Scene | undefined
  try {
    const { tables, all } = stubTables(query)
    const schemas = [...new Set(all.map(t => pg.escapeIdentifier(t.sqlSchema)))]
    const grants = schemas.map(
      s =>
        `GRANT USAGE ON SCHEMA ${s} TO ${PUBLIC_ROLE}; GRANT SELECT ON ALL TABLES IN SCHEMA ${s} TO ${PUBLIC_ROLE};`,
    )
    const published = all.map(t => `${t.sqlSchema}.${t.sqlName}`)
    scene = { tables, published, through: [], create: `${createSql(all)} ${grants.join(' ')}` }
  } catch {
    scene = undefined
  }
  scenes.set(query, scene)
  return scene
}

function compileBatch(
  run: Run,
  size: number,
  base: string | undefined,
  pool: readonly string[],
  tables: Tables,
  random: Dice,
): Candidate[] {
  const batch: Candidate[] = []
  for (let i = 0; i < size; i++) {
    const query = mutate(base ?? random.pick(SEEDS), pool, random)
    run.queries++
    const candidate = tryCompile(run, query, tables)
    if (candidate) batch.push(candidate)
    else run.refused++
  }
  return batch
}

function tryCompile(run: Run, query: string, tables: Tables): Candidate | undefined {
  const begun = performance.now()
  try {
    const compiled = compile(query, tables, { maxrec: 1 })
    checkOrigins(run, query, compiled)
    return { query, compiled, free: consultDoctor(run, query, tables) }
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== 'usage') {
      note(run.findings, 'the compiler crashes', String((error as Error).stack ?? error), query)
      return undefined
    }
    for (const p of error.problems) {
      const inside = p.start >= 0 && p.start <= p.end && p.end <= query.length && p.line >= 1 && p.column >= 1
      if (!inside) note(run.findings, 'a problem points outside the query', p.message, query)
    }
    if (error.problems.length === 0) note(run.findings, 'a refusal points nowhere', error.message, query)
    return undefined
  } finally {
    const ms = performance.now() - begun
    if (ms > 5000) note(run.findings, 'compiling is slow', `${Math.round(ms)} ms`, query)
  }
}

function checkOrigins(run: Run, query: string, { text, origins }: Compiled): void {
  const wrong = origins.find(
    o =>
      !(o.sqlStart <= o.sqlEnd && o.sqlEnd <= text.length && o.span.start >= 0 && o.span.end <= query.length),
  )
  if (wrong) note(run.findings, 'an origin is outside the texts', JSON.stringify(wrong), query, text)
}

/** The query doctor's advice: it must not fail, and what it would write must compile. */
function consultDoctor(run: Run, query: string, tables: Tables): WithoutPositions | undefined {
  const parsed = parse(query).query
  const resolution = resolve(parsed, tables)
  const free = withoutPositions(resolution)
  for (const { region } of free.regions) coverage(region)
  const { suggestions } = advise({
    text: query,
    query: resolution.query,
    isSet: parsed.body.kind === 'set',
    estimate: { rows: 1e7, bytes: 1e9, seconds: 1e4 },
    facts: { class: 'nested scan', index: null, scanned: [] },
    maxrec: 1000,
    syncSeconds: 60,
    uncounted: [],
  })
  for (const { start, end, replacement, message } of suggestions) {
    if (replacement === undefined) continue
    const rewritten = query.slice(0, start) + replacement + query.slice(end)
    try {
      compile(rewritten, tables, { maxrec: 1 })
    } catch (error) {
      note(run.findings, 'a suggestion does not compile', message, query, `${rewritten}\n${error}`)
    }
  }
  return free.regions.length + free.pairs.length > 0 ? free : undefined
}

// ---------------------------------------------------------------- running

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  await client.query(`SELECT set_config('search_path', 'pg_catalog,' || n.nspname, false)
    FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace WHERE typname = 'spoint'`)
  return client
}

/** One transaction for all of them, as `db/` begins it; then, from outside, what it has touched. */
async function runBatch(
  run: Run,
  client: pg.Client,
  watcher: pg.Client,
  batch: readonly Candidate[],
  scene: Scene,
): Promise<void> {
  await client.query('BEGIN')
  if (scene.create) await client.query(scene.create)
  await client.query(
    `SET TRANSACTION READ ONLY; SET LOCAL ROLE ${PUBLIC_ROLE}; SET LOCAL statement_timeout = ${STATEMENT_MS}`,
  )
  for (const candidate of batch) await runOne(run, client, candidate)
  const [state] = (
    await client.query(`SELECT current_user AS role, current_setting('transaction_read_only') AS r`)
  ).rows
  const last = batch.at(-1)!
  if (state.role !== PUBLIC_ROLE || state.r !== 'on')
    note(run.findings, 'a query changed role or transaction', JSON.stringify(state), last.query)
  if (!scene.create) {
    const pid = (client as unknown as { processID: number }).processID
    const foreign = (await touched(watcher, pid)).filter(
      name => !scene.published.includes(name) && !scene.through.includes(name),
    )
    for (const name of foreign) {
      const suspect = batch.find(c => c.compiled.text.includes(name.split('.')[1]!)) ?? last
      note(
        run.findings,
        'a relation is read that is not published',
        name,
        suspect.query,
        suspect.compiled.text,
      )
    }
  }
  await client.query('ROLLBACK')
}

/** Tables and views that a session's transaction has locked; what TAP_SCHEMA's views stand on belongs to them. */
async function touched(watcher: pg.Client, pid: number): Promise<string[]> {
  const { rows } = await watcher.query<{ name: string }>(
    `SELECT DISTINCT n.nspname || '.' || c.relname AS name
       FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE l.pid = $1 AND l.locktype = 'relation' AND c.relkind IN ('r', 'v', 'm', 'f', 'p')`,
    [pid],
  )
  return rows.map(row => row.name)
}

/** What the published views themselves read, TAP_SCHEMA's above all: found by reading each as anybody does. */
async function readThrough(
  client: pg.Client,
  watcher: pg.Client,
  published: readonly string[],
): Promise<string[]> {
  await client.query(`BEGIN; SET TRANSACTION READ ONLY; SET LOCAL ROLE ${PUBLIC_ROLE}`)
  for (const name of published) await client.query(`SELECT * FROM ${name} LIMIT 1`)
  const names = await touched(watcher, (client as unknown as { processID: number }).processID)
  await client.query('ROLLBACK')
  return names.filter(name => !published.includes(name))
}

async function runOne(run: Run, client: pg.Client, { query, compiled, free }: Candidate): Promise<void> {
  await client.query('SAVEPOINT before')
  if (free) {
    try {
      const explain = { text: `EXPLAIN ${free.text}`, values: [...free.values], queryMode: 'extended' }
      await client.query(explain as pg.QueryConfig)
    } catch (error) {
      await client.query('ROLLBACK TO SAVEPOINT before')
      const { code, message } = error as pg.DatabaseError
      // A polygon whose numbers are computed is made while PostgreSQL plans.
      if (!BY_DATA.test(code ?? '') && !message.startsWith('spherepoly'))
        note(run.findings, 'the doctor cannot explain', message, query, free.text)
    }
  }
  try {
    const { fields } = await client.query({
      text: compiled.text,
      values: [...compiled.values],
      queryMode: 'extended',
      rowMode: 'array',
    } as pg.QueryArrayConfig)
    run.answered++
    const differing = compiled.fields.flatMap((field, i) => {
      const oid = fields[i]?.dataTypeID ?? 0
      const described = WIRE[oid] ?? `oid ${oid}`
      return described === wireType(field) ? [] : [`${described} for ${wireType(field)}`]
    })
    if (fields.length !== compiled.fields.length) differing.push('another number of columns')
    if (differing.length > 0) {
      const message = [...new Set(differing)].join()
      note(run.findings, 'other columns than promised', message, query, compiled.text)
    }
  } catch (error) {
    await client.query('ROLLBACK TO SAVEPOINT before')
    judge(run, error as pg.DatabaseError, query, compiled)
  }
  await client.query('RELEASE SAVEPOINT before')
}

const WIRE: Record<number, WireType> = {
  16: 'bool',
  17: 'bytea',
  20: 'int8',
  21: 'int2',
  23: 'int4',
  25: 'text',
  700: 'float4',
  701: 'float8',
  1000: 'bool[]',
  1005: 'int2[]',
  1007: 'int4[]',
  1009: 'text[]',
  1016: 'int8[]',
  1021: 'float4[]',
  1022: 'float8[]',
}

/** Classes of errors that only data can cause: data exceptions, time-outs, lack of memory or nesting. */
const BY_DATA = /^(22|57014|21000|54|53)/

function judge(run: Run, error: pg.DatabaseError, query: string, compiled: Compiled): void {
  const position = error.position === undefined ? undefined : Number(error.position) - 1
  const sqlState = error.code ?? 'XX000'
  const answer = statementError({ sqlState, message: error.message, position }, compiled, query, STATEMENT_MS)
  const message = `${sqlState} ${error.message}`
  if (answer.code === 'usage' || answer.code === 'timeout') {
    run.failed++
    if (!BY_DATA.test(sqlState)) note(run.late, 'refused by PostgreSQL', message, query, compiled.text)
  } else note(run.findings, `answered with ${answer.code}`, message, query, compiled.text)
}
