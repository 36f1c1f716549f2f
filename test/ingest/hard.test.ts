/** Loads under hard conditions: killed, out of room, night after night. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openDatabase } from '../../src/db/postgres.ts'
import { ServiceError } from '../../src/error.ts'
import { type IngestOptions, ingestTable } from '../../src/ingest/table.ts'
import { openLog } from '../../src/log.ts'
import { testDatabase } from '../support/database.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const url = await testDatabase()
const db = await openDatabase({ url, log: openLog('silent') })
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
after(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

/** Positions on the whole sky, numbered from `first`; every one of `bad` has none that is possible. */
function csv(name: string, first: number, rows: number, bad: readonly number[] = []): string {
  const lines = ['id,ra,dec,name']
  for (let id = first; id < first + rows; id++) {
    const dec = bad.includes(id) ? 95 : ((id * 7919) % 17_900) / 100 - 89.5
    lines.push(`${id},${((id * 104_729) % 360_000) / 1000},${dec},star ${id}`)
  }
  writeFileSync(path.join(folder, name), `${lines.join('\n')}\n`)
  return path.join(folder, name)
}

function ingest(files: readonly string[], table: string, options: Partial<IngestOptions> = {}) {
  const rejectFile = path.join(folder, 'rejects.csv')
  const all: IngestOptions = { files, table, mode: 'create', rejectFile, ...options }
  return ingestTable(db, all, () => {}, new AbortController().signal)
}

const scalar = async (sql: string) => Object.values((await db.query(sql))[0] ?? {})[0]

async function nothingOf(schema: string): Promise<void> {
  for (const sql of [
    `SELECT count(*)::int FROM almagest.published_table WHERE table_name LIKE '${schema}.%'`,
    `SELECT count(*)::int FROM pg_namespace WHERE nspname = '${schema}'`,
    'SELECT count(*)::int FROM almagest.load_run',
  ])
    assert.equal(await scalar(sql), 0, sql)
}

test('a process that is killed leaves nothing published, and its load goes on', {
  timeout: 120_000,
}, async () => {
  const files = [csv('k1.csv', 0, 2000, [7]), csv('k2.csv', 2000, 400_000)]
  const rejects = path.join(folder, 'killed.csv')
  const args = ['ingest', 'table', ...files, '--table', 'killed.t', '--rejects', rejects]
  const child = spawn(process.execPath, [`${root}bin/almagest.mjs`, ...args], {
    env: { ...process.env, DATABASE_URL: url },
    stdio: 'ignore',
  })
  const ended = new Promise(resolve => child.once('close', (_code, signal) => resolve(signal)))
  const firstIsIn = `SELECT count(*)::int FROM almagest.load_run WHERE (state->'0'->>'ended')::boolean`
  while (child.exitCode === null && (await scalar(firstIsIn)) === 0) {
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  child.kill('SIGKILL')
  assert.equal(await ended, 'SIGKILL', 'killed before its end')
  assert.equal(await scalar(`SELECT count(*)::int FROM tap_schema.tables WHERE table_name LIKE 'killed%'`), 0)
  // The database notices within a second or so that nobody is there any more.
  let result: Awaited<ReturnType<typeof ingest>> | undefined
  while (!result) {
    result = await ingest(files, 'killed.t', { rejectFile: rejects }).catch(error => {
      assert.match((error as Error).message, /Somebody else is loading/)
      return undefined
    })
    if (!result) await new Promise(resolve => setTimeout(resolve, 100))
  }
  assert.ok(result.notices.includes('An earlier run was broken off: this one went on after 2000 rows.'))
  assert.deepEqual([result.rows, result.rejected], [401_999, 1])
  assert.equal(await scalar('SELECT count(DISTINCT id)::int FROM killed.t'), 401_999)
  assert.equal(await scalar(`SELECT count(*)::int FROM pg_class WHERE relname LIKE 't~%'`), 0)
})

test('a table that grew night by night is that of one load', async () => {
  const nights = [
    csv('n1.csv', 0, 5000, [3]),
    csv('n2.csv', 5000, 3000),
    csv('n3.csv', 8000, 4000, [9000, 9001]),
  ]
  await ingest(nights, 'grown.whole')
  await ingest([nights[0]!], 'grown.nightly')
  await ingest([nights[1]!], 'grown.nightly', { mode: 'append' })
  await ingest([nights[2]!], 'grown.nightly', { mode: 'append' })
  const both = (one: string, other: string) =>
    scalar(`SELECT count(*)::int FROM ((${one} EXCEPT ${other}) UNION ALL (${other} EXCEPT ${one})) AS q`)
  assert.equal(await scalar('SELECT count(*)::int FROM grown.nightly'), 11_997)
  assert.equal(await both('SELECT * FROM grown.whole', 'SELECT * FROM grown.nightly'), 0)
  const cells = (table: string) =>
    `SELECT cell_order, cell, row_count FROM almagest.cell_count WHERE table_name = 'grown.${table}'`
  assert.equal(await both(cells('whole'), cells('nightly')), 0)
  const described = (table: string) =>
    `SELECT column_name, datatype, arraysize, unit, ucd, indexed, principal FROM tap_schema.columns WHERE table_name = 'grown.${table}'`
  assert.equal(await both(described('whole'), described('nightly')), 0)
  assert.equal(
    await scalar(
      `SELECT string_agg(row_count::text, ' ') FROM almagest.published_table WHERE table_name LIKE 'grown.%'`,
    ),
    '11997 11997',
  )
  const cone = (table: string) =>
    `SELECT id FROM grown.${table} WHERE spoint(radians(ra), radians(dec)) <@ scircle(spoint(1, 0.5), 0.2)`
  assert.ok(Number(await scalar(`SELECT count(*) FROM (${cone('whole')}) AS q`)) > 50)
  assert.equal(await both(cone('whole'), cone('nightly')), 0)
})

test('files read by threads make the table and the reject file that they make one after the other', async () => {
  const parts = [
    csv('t1.csv', 0, 9000, [5, 8000]),
    csv('t2.csv', 9000, 300),
    csv('t3.csv', 9300, 7000, [9301]),
    csv('t4.csv', 16_300, 5000, [20_000]),
  ]
  const rejects = (name: string) => path.join(folder, `${name}.rejects.csv`)
  for (const [name, threads] of [
    ['serial', 1],
    ['threads', 2],
  ] as const) {
    const options = { threads, rejectFile: rejects(name) }
    const { rows, rejected } = await ingest(parts, `lanes.${name}`, options)
    assert.deepEqual([rows, rejected], [21_296, 4])
  }
  const different =
    '((TABLE lanes.serial EXCEPT TABLE lanes.threads) UNION ALL (TABLE lanes.threads EXCEPT TABLE lanes.serial))'
  assert.equal(await scalar(`SELECT count(*)::int FROM ${different} AS q`), 0)
  assert.equal(readFileSync(rejects('threads'), 'utf8'), readFileSync(rejects('serial'), 'utf8'))
  assert.deepEqual(
    readdirSync(folder).filter(name => name.includes('part-')),
    [],
  )

  const stop = new AbortController()
  const options = {
    files: parts,
    table: 'lanes.broken',
    mode: 'create',
    threads: 2,
    rejectFile: rejects('broken'),
  } as const
  const load = (report: Parameters<typeof ingestTable>[2], signal: AbortSignal) =>
    ingestTable(db, options, report, signal)
  const halfway: Parameters<typeof ingestTable>[2] = ({ phase, done }) => {
    if (phase === 'reading' && done >= 12_000) stop.abort(new Error('stopped'))
  }
  await assert.rejects(load(halfway, stop.signal), /stopped/)
  const went = await load(() => {}, new AbortController().signal)
  assert.deepEqual([went.rows, went.rejected], [21_296, 4])
  assert.match(went.notices.join(), /An earlier run was broken off/)
  assert.equal(await scalar('SELECT count(DISTINCT id)::int FROM lanes.broken'), 21_296)
  assert.equal(readFileSync(rejects('broken'), 'utf8'), readFileSync(rejects('serial'), 'utf8'))

  writeFileSync(path.join(folder, 'bad.csv'), `${readFileSync(parts[1]!, 'utf8')}"1,2,3,never closed\n`)
  const damaged = [parts[0]!, path.join(folder, 'bad.csv'), parts[3]!]
  await assert.rejects(ingest(damaged, 'torn.t', { threads: 2 }), /bad\.csv: .*a quote is opened/)
  await nothingOf('torn')
})

test('files of a table without positions stay in their order', async () => {
  const plain = (name: string, first: number) => {
    const file = path.join(folder, name)
    writeFileSync(file, `n,name\n${Array.from({ length: 3000 }, (_, i) => `${first + i},x`).join('\n')}\n`)
    return file
  }
  await ingest([plain('o1.csv', 0), plain('o2.csv', 3000)], 'ordered.t', { threads: 2 })
  const unordered = 'SELECT n - lag(n) OVER (ORDER BY ctid) AS step FROM ordered.t'
  assert.equal(await scalar(`SELECT count(*)::int FROM (${unordered}) AS q WHERE step <> 1`), 0)
})

test('no room for the reject file ends the load, and leaves nothing', async () => {
  await assert.rejects(
    ingest([csv('full.csv', 0, 2000, [1, 2, 3])], 'full.t', { rejectFile: '/dev/full' }),
    (error: unknown) =>
      error instanceof ServiceError &&
      /Rows must be rejected, but \/dev\/full cannot be written/.test(error.message),
  )
  await nothingOf('full')
})

/** A file system of 8 MB that PostgreSQL can write to; undefined with the reason where none can be made. */
async function smallDisk(): Promise<{ place: string } | { reason: string }> {
  if (process.getuid?.() !== 0) return { reason: 'a small file system can be mounted by root only' }
  const data = String(await scalar('SHOW data_directory'))
  const place = mkdtempSync(path.join(path.dirname(data), 'small-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', place], { encoding: 'utf8' })
  if (mounted.status !== 0) {
    rmSync(place, { recursive: true })
    return { reason: `no file system can be mounted: ${mounted.stderr?.trim() || mounted.error?.message}` }
  }
  mkdirSync(path.join(place, 'space'))
  const { uid, gid } = statSync(data)
  for (const one of [place, path.join(place, 'space')]) spawnSync('chown', [`${uid}:${gid}`, one])
  return { place }
}

test('a disk that is full in mid-load is told, and nothing is left', async t => {
  const disk = await smallDisk()
  if ('reason' in disk) return t.skip(disk.reason)
  const { place } = disk
  const space = `small_${process.pid}`
  try {
    await db.query(`CREATE TABLESPACE ${space} LOCATION '${place}/space'`)
    const full = await openDatabase({
      url: `${url}${url.includes('?') ? '&' : '?'}options=${encodeURIComponent(`-c default_tablespace=${space}`)}`,
      log: openLog('silent'),
    })
    try {
      const files = [csv('d1.csv', 0, 20_000), csv('d2.csv', 20_000, 300_000)]
      const options = {
        files,
        table: 'crammed.t',
        mode: 'create',
        rejectFile: path.join(folder, 'd.csv'),
      } as const
      await assert.rejects(
        ingestTable(full, options, () => {}, new AbortController().signal),
        /The disk of the database is full; nothing was changed/,
      )
      await nothingOf('crammed')
      // With less there is room.
      const { rows } = await ingestTable(
        full,
        { ...options, files: [files[0]!] },
        () => {},
        new AbortController().signal,
      )
      assert.equal(rows, 20_000)
      await db.query('DROP TABLE crammed.t')
    } finally {
      await full.close()
    }
  } finally {
    await db.query(`DROP TABLESPACE IF EXISTS ${space}`).catch(() => {})
    spawnSync('umount', [place])
    rmSync(place, { recursive: true, force: true })
  }
})
