/** `npx almagest neighbours`: the neighbour table of a published table. */
import { parseArgs } from 'node:util'
import { type Command, UsageError } from './command.ts'
import { keepNeighbours } from './ingest/keep-neighbours.ts'
import { DEFAULT_RADIUS } from './ingest/neighbours.ts'
import { progressBar } from './progress.ts'

export const neighboursCommand: Command = {
  name: 'neighbours',
  summary: 'find pairs of rows of a table quickly',
  help: `Usage: npx almagest neighbours schema.table [--radius ARCSEC]

Keeps each row of a table with positions in the HEALPix cells near it, too, so that pairs of rows up to this distance
(default ${DEFAULT_RADIUS}") are found by comparing cells: some ten times faster than by the index on positions, for about 1.7
times the rows more. \`ingest table --append\` and --replace keep it up.`,
  async run(argv, setting) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { radius: { type: 'string' } },
    })
    const [table, ...more] = positionals
    if (table === undefined || more.length > 0) throw new UsageError('name one table')
    const radius = values.radius === undefined ? DEFAULT_RADIUS : Number(values.radius)
    if (!(radius > 0)) throw new UsageError(`--radius: '${values.radius}' is no radius in arcseconds`)
    const { db } = await setting.database()
    const bar = progressBar(setting.stderr, table)
    try {
      const rows = await keepNeighbours(db, table, radius, bar.report)
      bar.end()
      setting.stdout.write(`${table}: ${rows} rows near others within ${radius}"\n`)
      return 0
    } finally {
      bar.end()
    }
  },
}
