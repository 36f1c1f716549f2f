/** `npx almagest export hats`: a published table as a HATS catalogue. */
import { parseArgs } from 'node:util'
import { type Command, UsageError } from './command.ts'
import { ServiceError } from './error.ts'
import { exportHats } from './hats/export.ts'
import { progressBar } from './progress.ts'
import { readCatalog } from './tap/tap-schema.ts'

export const exportHatsCommand: Command = {
  name: 'export hats',
  summary: 'write a table as Parquet partitions of the sky (HATS)',
  help: `Usage: npx almagest export hats schema.table --out DIR [--rows N] [--margin ARCSEC]

Writes a HATS collection (IVOA Note HATS 1.0), which LSDB, Dask and whatever reads Parquet can map over: files by
HEALPix cell, divided until none has too many rows, and the rows around each partition as a margin catalogue.

  --out DIR          the folder to make; it must not be there
  --rows N           rows of a partition at most (default 1e6)
  --margin ARCSEC    width of the margins (default 10; 0: none)
  --json             print {folder, partitions, rows, marginRows} as JSON`,
  async run(argv, setting) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        out: { type: 'string' },
        rows: { type: 'string', default: '1e6' },
        margin: { type: 'string', default: '10' },
        json: { type: 'boolean', default: false },
      },
    })
    const [name, ...more] = positionals
    if (name === undefined || more.length > 0) throw new UsageError('name one table')
    if (values.out === undefined) throw new UsageError('--out says where the catalogue goes')
    const [mostRows, margin] = [Number(values.rows), Number(values.margin)]
    if (!(mostRows >= 1)) throw new UsageError(`--rows: '${values.rows}' is no number of rows`)
    if (!(margin >= 0 && margin <= 3600))
      throw new UsageError(`--margin: '${values.margin}' is not within 0 and 3600`)
    const { db } = await setting.database()
    const { tables } = await readCatalog(db)
    const table = tables.all.find(t => `${t.schema}.${t.name}`.toLowerCase() === name.toLowerCase())
    if (!table) throw new ServiceError('usage', `There is no published table ${name}.`)
    const bar = progressBar(setting.stderr, name)
    const stop = new AbortController()
    const interrupt = () => stop.abort(new Error('interrupted; nothing was kept'))
    process.once('SIGINT', interrupt)
    try {
      const options = { table, tables, out: values.out, mostRows, margin }
      const result = await exportHats(db, options, bar.report, stop.signal)
      bar.end()
      setting.stdout.write(
        values.json
          ? `${JSON.stringify(result)}\n`
          : `${result.folder}: ${result.rows} rows in ${result.partitions} partitions, ${result.marginRows} in margins\n`,
      )
      return 0
    } finally {
      bar.end()
      process.off('SIGINT', interrupt)
    }
  },
}
