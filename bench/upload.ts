/**
 * An upload of 100,000 rows (TABLEDATA) against psql's \copy of the same rows, and its cross-match within 2" against
 * bench.wide (1,000,000 rows) against the bare SQL on a table that is there, in turn.
 *
 *   node --import tsx bench/upload.ts [rounds]      default: 3
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '../src/db/postgres.ts'
import { openLog } from '../src/log.ts'
import { inTurn, memory, report, startService, timeCommand } from './support.ts'

const rounds = Number(process.argv[2] ?? 3)
const ROWS = 100_000
const service = await startService()
const db = await openDatabase({ url: service.database, log: openLog('warn') })
const folder = mkdtempSync(join(tmpdir(), 'almagest-bench-'))

/** Every tenth row of bench.wide, a little displaced. */
const rows = await db.query<{ id: string; ra: number; dec: number }>(
  `SELECT id, ra + 0.0001 AS ra, dec FROM bench.wide WHERE id % 10 = 0 ORDER BY id LIMIT ${ROWS}`,
)
const values = rows.map(({ id, ra, dec }, i) => [id, ra, dec, (i % 1000) / 40, `name ${i}`])
const fields = `<FIELD name="id" datatype="long"/><FIELD name="ra" datatype="double" unit="deg" ucd="pos.eq.ra;meta.main"/><FIELD name="dec" datatype="double" unit="deg" ucd="pos.eq.dec;meta.main"/><FIELD name="mag" datatype="float"/><FIELD name="name" datatype="char" arraysize="*"/>`
const trs = values.map(row => `<TR><TD>${row.join('</TD><TD>')}</TD></TR>`).join('\n')
const votable = join(folder, 'rows.vot')
writeFileSync(
  votable,
  `<VOTABLE version="1.4"><RESOURCE><TABLE>${fields}<DATA><TABLEDATA>${trs}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>`,
)
const csv = join(folder, 'rows.csv')
writeFileSync(csv, values.map(row => row.join(',')).join('\n'))
const columns = 'id bigint, ra float8, dec float8, mag real, name text'
await db.query('DROP TABLE IF EXISTS public.bench_upload')
await db.query(`CREATE TABLE public.bench_upload (${columns})`)
await timeCommand(`psql '${service.database}' -qc "\\copy public.bench_upload FROM '${csv}' CSV"`)
await db.query('ANALYZE public.bench_upload')

const upload = (query: string) => () =>
  timeCommand(
    `curl -sf ${service.url}/tap/sync -F LANG=ADQL -F FORMAT=csv -F MAXREC=10000000 -F "QUERY=${query}" -F UPLOAD=u,param:t -F t=@${votable}`,
  )
const match = `SELECT u.id, w.id AS wide FROM TAP_UPLOAD.u AS u JOIN bench.wide AS w ON DISTANCE(POINT(u.ra, u.dec), POINT(w.ra, w.dec)) < 2/3600.`
const bare = `SELECT u.id, w.id FROM public.bench_upload u JOIN bench.wide w ON spoint(radians(w.ra), radians(w.dec)) <@ scircle(spoint(radians(u.ra), radians(u.dec)), radians(2/3600.0))`

report(
  await inTurn(
    {
      'upload and count': upload('SELECT COUNT(*) AS n FROM TAP_UPLOAD.u'),
      'psql copy': () =>
        timeCommand(
          `psql '${service.database}' -qc 'CREATE TEMP TABLE u (${columns})' -c "\\copy u FROM '${csv}' CSV"`,
        ),
      'upload and match': upload(match),
      'bare SQL match': async () => {
        const begun = performance.now()
        await db.query(bare)
        return performance.now() - begun
      },
    },
    rounds,
  ),
  { 'upload and count': 'psql copy', 'upload and match': 'bare SQL match' },
)
const ours = await fetchCount()
const [theirs] = await db.query<{ n: string }>(`SELECT count(*) AS n FROM (${bare}) AS m`)
console.log(`pairs: ${ours} by upload, ${theirs!.n} by bare SQL`)
console.log(`peak memory of the service: ${memory(service.pid).peak.toFixed(0)} MB`)
await db.query('DROP TABLE public.bench_upload')
await db.close()
await service.stop()
rmSync(folder, { recursive: true })

async function fetchCount(): Promise<string> {
  const form = new FormData()
  const { readFileSync } = await import('node:fs')
  form.set('LANG', 'ADQL')
  form.set('FORMAT', 'csv')
  form.set('QUERY', match.replace('u.id, w.id AS wide', 'COUNT(*) AS n'))
  form.set('UPLOAD', 'u,param:t')
  form.set('t', new Blob([readFileSync(votable)]))
  const response = await fetch(`${service.url}/tap/sync`, { method: 'POST', body: form })
  return (await response.text()).trim().split(/\r?\n/).at(-1)!
}
