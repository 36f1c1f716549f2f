/**
 * The query doctor's seconds against the clock: `npx tsx bench/estimate.ts`. Queries of the demo survey of every
 * kind; what is taken is the best of three from the request to the last byte of a VOTable. The constants of
 * src/tap/estimate.ts come from here.
 */
import { almagest, startService } from './support.ts'

const QUERIES: readonly string[] = [
  'SELECT * FROM demo.object WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(150, 2, 1/60.))',
  'SELECT * FROM demo.object WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(150, 2, 0.1))',
  'SELECT * FROM demo.object WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(150, 2, 0.5))',
  'SELECT objectid FROM demo.object WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(150, 2, 5))',
  'SELECT COUNT(*) AS n FROM demo.object WHERE 1 = CONTAINS(POINT(ra, dec), BOX(150, 2, 1, 1))',
  'SELECT COUNT(*) AS n FROM demo.object WHERE 0 = CONTAINS(POINT(ra, dec), CIRCLE(150, 2, 0.5))',
  'SELECT * FROM demo.object',
  'SELECT TOP 10 * FROM demo.object ORDER BY i_psfflux DESC',
  'SELECT objectid FROM demo.object WHERE g_psfflux > 36308 AND refextendedness = 0',
  'SELECT COUNT(*) AS n, AVG(psfflux) AS m FROM demo.forcedsource',
  'SELECT band, COUNT(*) AS n, AVG(psfflux) AS m FROM demo.forcedsource GROUP BY band',
  'SELECT objectid, COUNT(*) AS n, MAX(psfflux) AS m FROM demo.forcedsource GROUP BY objectid',
  'SELECT f.* FROM demo.forcedsource AS f WHERE f.objectid IN (SELECT TOP 1 objectid FROM demo.variable ORDER BY objectid)',
  'SELECT f.* FROM demo.forcedsource AS f JOIN demo.object AS o ON f.objectid = o.objectid WHERE 1 = CONTAINS(POINT(o.ra, o.dec), CIRCLE(150, 2, 0.1))',
  'SELECT v.expmidptmjd, f.psfflux FROM demo.forcedsource AS f JOIN demo.visit AS v ON f.visitid = v.visitid WHERE f.psfflux > 50000',
  'SELECT a.objectid AS x, b.objectid AS y FROM demo.object AS a JOIN demo.object AS b ON DISTANCE(POINT(a.ra, a.dec), POINT(b.ra, b.dec)) < 2/3600. WHERE a.objectid < b.objectid',
  'SELECT a.objectid AS x, b.objectid AS y FROM demo.object AS a JOIN demo.object AS b ON DISTANCE(POINT(a.ra, a.dec), POINT(b.ra, b.dec)) < 2/3600. WHERE a.objectid < b.objectid AND 1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(150, 2, 0.1))',
  'SELECT TOP 1000000 * FROM bench.wide',
  'SELECT table_name, column_name FROM tap_schema.columns',
]

almagest('demo', '--no-images')
const service = await startService()
console.log('estimated s   taken s   ratio   rows estimated   rows')
for (const query of QUERIES) {
  const parameters = { LANG: 'ADQL', QUERY: query, MAXREC: '10000000' }
  const checked = await fetch(`${service.url}/tap/check?${new URLSearchParams(parameters)}`)
  const { estimate } = (await checked.json()) as { estimate: { rows: number; seconds: number } }
  let taken = Infinity
  for (let i = 0; i < 3; i++) taken = Math.min(taken, await run(parameters))
  const rows = Number(await (await sync({ ...parameters, RESPONSEFORMAT: 'csv' })).text().then(lines))
  const ratio = (estimate.seconds / taken).toFixed(2)
  const figures = [estimate.seconds.toPrecision(2), taken.toPrecision(2), ratio, estimate.rows, rows]
  console.log(figures.map(f => String(f).padStart(10)).join(''), ` ${query.slice(0, 90)}`)
}
await service.stop()

function lines(text: string): number {
  return text.trimEnd().split('\n').length - 1
}

function sync(parameters: Record<string, string>): Promise<Response> {
  return fetch(`${service.url}/tap/sync`, { method: 'POST', body: new URLSearchParams(parameters) })
}

async function run(parameters: Record<string, string>): Promise<number> {
  const begun = performance.now()
  const response = await sync(parameters)
  for await (const _ of response.body!) {
  }
  return (performance.now() - begun) / 1000
}
