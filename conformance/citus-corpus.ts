/**
 * The corpus of test/citus over two databases that have the same survey already, of whatever size: one machine and a
 * coordinator. Every query must have the same rows (as sets; doubles to 12 digits) and the class of plan that it should.
 *
 *   npx tsx conformance/citus-corpus.ts PLAIN_URL COORDINATOR_URL
 *
 * Exit status 1 when anything differs.
 */
import { openDatabase } from '../src/db/postgres.ts'
import { openLog } from '../src/log.ts'
import { readCatalog } from '../src/tap/tap-schema.ts'
import { answer, corpusOf, lines, planOf, type Side } from '../test/citus/sides.ts'

const [plainUrl, clusterUrl] = process.argv.slice(2)
if (!plainUrl || !clusterUrl) throw new Error('say the URLs of both databases')

async function open(url: string): Promise<Side> {
  const db = await openDatabase({ url, log: openLog('silent') })
  return { db, tables: (await readCatalog(db)).tables }
}

const [plain, cluster] = [await open(plainUrl), await open(clusterUrl)]
const queries = await corpusOf(plain)
const classes: Record<string, number> = {}
const seconds = { plain: 0, cluster: 0 }
let rows = 0
let faults = 0
const fault = (text: string) => {
  faults++
  console.log(text)
}
for (const [i, { adql, plan, ordered }] of queries.entries()) {
  try {
    const found = await planOf(cluster, adql)
    classes[found] = (classes[found] ?? 0) + 1
    if (![plan].flat().includes(found)) fault(`${found} and not ${plan}: ${adql}`)
    if (found === 'refused') continue
    const begun = performance.now()
    const expected = await answer(plain, adql)
    const between = performance.now()
    const got = await answer(cluster, adql)
    seconds.plain += (between - begun) / 1000
    seconds.cluster += (performance.now() - between) / 1000
    rows += expected.length
    if (lines(expected, ordered).join('\n') !== lines(got, ordered).join('\n'))
      fault(`other rows (${expected.length}, ${got.length}): ${adql}`)
  } catch (error) {
    fault(`${(error as Error).message}: ${adql}`)
  }
  if (i % 20 === 19) console.log(`${i + 1} of ${queries.length} queries, ${faults} faults`)
}
console.log(
  `${queries.length} queries, ${rows} rows, ${JSON.stringify(classes)}, ${seconds.plain.toFixed(0)} s plain, ${seconds.cluster.toFixed(0)} s on the cluster, ${faults} faults`,
)
await plain.db.close()
await cluster.db.close()
process.exitCode = faults > 0 ? 1 : 0
