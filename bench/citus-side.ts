/** What the measurements of clusters share: a survey on one machine or on a cluster, and how it is asked. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile } from '../src/adql/index.ts'
import type { Tables } from '../src/adql/tables.ts'
import type { Database } from '../src/db/database.ts'
import { openDatabase } from '../src/db/postgres.ts'
import { openLog } from '../src/log.ts'
import { EXPLAIN, everyNode, readPlan } from '../src/tap/plan-tree.ts'
import { readCatalog } from '../src/tap/tap-schema.ts'
import { almagestIn, ROOT, startService } from './support.ts'

const CLIENTS = 4
const SECONDS = 5

export interface Side {
  readonly url: string
  readonly http: string
  readonly db: Database
  readonly tables: Tables
  stop(): Promise<void>
}

interface Survey {
  readonly objects: string
  /** Square degrees. */
  readonly area: string
}

/** Fills it unless it is there, in the folder of that size below var, or in the database of a coordinator. */
export async function openSide({ objects, area }: Survey, cluster?: string): Promise<Side> {
  const env: Record<string, string> = cluster
    ? { DATABASE_URL: cluster, ALMAGEST_DIR: `${ROOT}var/bench-cluster` }
    : { ALMAGEST_DIR: `${ROOT}var/bench-sky-${area}` }
  almagestIn(env, 'demo', '--no-images', '--objects', objects, '--area', area)
  if (cluster) almagestIn(env, 'distribute', 'demo.forcedsource', 'demo.visit', 'demo.variable')
  const service = await startService({ wide: false, env })
  const db = await openDatabase({ url: service.database, log: openLog('silent') })
  const find = async () => (await readCatalog(db)).tables
  const hasPairs = (await find()).all.some(table => table.name === 'object' && table.neighbours)
  if (!hasPairs && cluster) almagestIn(env, 'distribute', 'demo.object', '--neighbours', '5')
  else if (!hasPairs) almagestIn(env, 'neighbours', 'demo.object')
  const stop = async () => {
    await db.close()
    await service.stop()
  }
  return { url: cluster ?? service.database, http: service.url, db, tables: await find(), stop }
}

/** Of one statement in psql's own session: plans and connections of the cluster are warm. */
export async function milliseconds(side: Side, adql: string, tables = side.tables): Promise<number> {
  const { text, values } = compile(adql, tables, { maxrec: undefined })
  const begun = performance.now()
  await side.db.query(text, values)
  return performance.now() - begun
}

export async function shards({ db, tables }: Side, adql: string): Promise<number> {
  const { text, values } = compile(adql, tables, { maxrec: undefined })
  const rows = await db.query<{ 'QUERY PLAN': string }>(EXPLAIN + text, values)
  const plan = readPlan(rows.map(row => row['QUERY PLAN']).join('\n'))
  return Math.max(...everyNode(plan).map(node => node.tasks ?? 0))
}

/** Transactions a second of statements in turn. */
export function pgbench(url: string, statements: readonly string[], seconds = SECONDS): number {
  const dir = mkdtempSync(join(tmpdir(), 'almagest-citus-'))
  try {
    const files = statements.flatMap((sql, i) => {
      const file = join(dir, `${i}.sql`)
      writeFileSync(file, `${sql};\n`)
      return ['-f', file]
    })
    const options = ['-n', '-c', `${CLIENTS}`, '-j', '1', '-T', `${seconds}`, ...files, url]
    const output = execFileSync('/usr/lib/postgresql/15/bin/pgbench', options, {
      encoding: 'utf8',
      env: { ...process.env, PGOPTIONS: '-c search_path=pg_catalog,pgsphere -c jit=off' },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return Number(/tps = ([\d.]+)/.exec(output)?.[1])
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** Requests a second of TAP queries in turn, by as many keep-alive clients. */
export function wrk(url: string, queries: readonly string[]): number {
  const dir = mkdtempSync(join(tmpdir(), 'almagest-citus-'))
  try {
    const bodies = queries.map(q => `"LANG=ADQL&QUERY=${encodeURIComponent(q).replaceAll('%20', '+')}"`)
    writeFileSync(
      join(dir, 'q.lua'),
      `local bodies = {${bodies.join(',\n')}}
local n = 0
function request()
  n = n % #bodies + 1
  return wrk.format("POST", "/tap/sync", {["Content-Type"] = "application/x-www-form-urlencoded"}, bodies[n])
end`,
    )
    const options = ['-t', '1', '-c', `${CLIENTS}`, '-d', `${SECONDS}s`, '-s', join(dir, 'q.lua'), url]
    const { stdout } = spawnSync('wrk', options, { encoding: 'utf8' })
    if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout)
    return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
  } finally {
    rmSync(dir, { recursive: true })
  }
}

export async function each(side: Side, queries: readonly string[]): Promise<number[]> {
  const times: number[] = []
  for (const query of queries) times.push(await milliseconds(side, query))
  return times
}

export const inSql = (tables: Tables, adql: string): string =>
  compile(adql, tables, { maxrec: undefined }).text

export interface Asked {
  /** Of 1′. */
  readonly cones: readonly string[]
  readonly curves: readonly string[]
}

/** About a hundred objects of the survey, spread over it; the same ones wherever it is. */
export async function askedOf({ db }: Side): Promise<Asked> {
  const picked = await db.query<{ objectid: string; ra: number; dec: number }>(
    'SELECT objectid, ra, dec FROM demo.object ORDER BY hashint8(objectid), objectid LIMIT 100',
  )
  return {
    cones: picked.map(
      ({ ra, dec }) =>
        `SELECT objectid, ra, dec FROM demo.object WHERE CONTAINS(POINT(ra, dec), CIRCLE(${ra}, ${dec}, ${1 / 60})) = 1`,
    ),
    curves: picked.map(
      ({ objectid }) => `SELECT visitid, band, psfflux FROM demo.forcedsource WHERE objectid = ${objectid}`,
    ),
  }
}
