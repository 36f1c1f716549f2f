/** `npx almagest distribute`: published tables over the nodes of a Citus cluster. */
import { parseArgs } from 'node:util'
import { type Command, UsageError } from './command.ts'
import { distribute } from './ingest/distribute.ts'
import { progressBar } from './progress.ts'

export const distributeCommand: Command = {
  name: 'distribute',
  summary: 'lay tables over the nodes of a Citus cluster',
  help: `Usage: npx almagest distribute schema.table… [--neighbours ARCSEC] [--shard-id COLUMN] [--json]

Tables with cells (hpx_shard) are divided into shards of the sky, rows of one part of the sky of all of them on one
node; other tables are copied to every node. Queries see no difference but in speed. docs/operate-citus.md says more.

  --neighbours ARCSEC   also keep each row in the cells near it, so that pairs of rows up to this distance are found
                        quickly
  --shard-id COLUMN     in tables without positions that have this column: the identifier whose upper bits say in which
                        cell the object is, such as objectid of detections
  --json                print [{table, kind, rows, cellIds, neighbours}] as JSON`,
  async run(argv, setting) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        neighbours: { type: 'string' },
        'shard-id': { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    })
    if (positionals.length === 0) throw new UsageError('name the tables to distribute')
    const neighbours = radius(values.neighbours)
    const { db } = await setting.database()
    const done = []
    for (const table of positionals) {
      const bar = progressBar(setting.stderr, table)
      try {
        const result = await distribute(db, table, { neighbours, shardId: values['shard-id'] }, bar.report)
        bar.end()
        done.push(result)
        if (values.json) continue
        const near = result.neighbours === undefined ? '' : `, ${result.neighbours} near`
        const ids = result.cellIds.length > 0 ? `, cells in ${result.cellIds.join(', ')}` : ''
        setting.stdout.write(`${result.table}: ${result.kind}, ${result.rows} rows${ids}${near}\n`)
      } finally {
        bar.end()
      }
    }
    if (values.json) setting.stdout.write(`${JSON.stringify(done)}\n`)
    return 0
  },
}

function radius(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!(value > 0)) throw new UsageError(`--neighbours: '${text}' is no radius in arcseconds`)
  return value
}
