/** `npx almagest ingest table`: files become a published table. */
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { type Command, UsageError } from '../command.ts'
import { progressBar } from '../progress.ts'
import { ingestTable } from './table.ts'

const HELP = `Usage: npx almagest ingest table FILE… --table schema.name [options]

Loads tables as one table, with the units, UCDs, descriptions and systems of the file, and publishes it: a running
service shows it at once. Read are FITS, VOTable, CSV, TSV, ECSV, IPAC tables, Parquet and Arrow, each also gzipped.
Several files must have the same columns. A table with a position is sorted and indexed for cone searches and
cross-matches. A load that is broken off goes on where it was when the same command is given again.

  --table schema.name   the table to make; a part that is no plain name goes in double quotes
  --append              add the rows to a table that exists (new nights): the same columns are needed
  --replace             build the table anew; running queries finish on the old one
  --select TABLE        the table in each file: number or name of a FITS HDU, number, ID or name of a VOTable's
                        TABLE (default: the first)
  --ra NAME --dec NAME  the position columns, where UCDs or names do not tell; radians and hours become degrees
  --id NAME             the identifier, where UCD or name do not tell
  --index NAME          one more column to index; may be repeated
  --foreign-key NAME=schema.table.COLUMN
                        tells clients that the column points there; may be repeated
  --neighbours ARCSEC   also keep each row in the cells near it, so that pairs of rows up to this distance are found
                        quickly (about 1.7 times the rows more)
  --distribute          lay the table over the nodes of a Citus cluster, in shards of the sky (with --neighbours 5,
                        where it has positions)
  --shard-id NAME       the identifier of the objects that rows without a position belong to, which has the object's
                        cell in its upper bits: ((hpx29 >> 34) << 35) + n, as Gaia's source_id
  --description TEXT    what the table is
  --rejects FILE        where rows that cannot be taken are written (default: <schema.name>.rejects.csv)
  --threads N           files read at a time (default: one per processor, at most 4, where files are many and large);
                        files of a table without positions are loaded one after the other, in their order
  --json                print {table, rows, rejected, rejectFile, seconds, notices} as JSON

Exit code 0: done, also with rejected rows; 1: nothing was changed; 2: wrong options.`

export const ingestTableCommand: Command = {
  name: 'ingest table',
  summary: 'load files as a table and publish it',
  help: HELP,
  async run(argv, setting) {
    const { values, positionals: files } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        table: { type: 'string' },
        append: { type: 'boolean', default: false },
        replace: { type: 'boolean', default: false },
        select: { type: 'string' },
        ra: { type: 'string' },
        dec: { type: 'string' },
        id: { type: 'string' },
        index: { type: 'string', multiple: true },
        'foreign-key': { type: 'string', multiple: true },
        neighbours: { type: 'string' },
        distribute: { type: 'boolean', default: false },
        'shard-id': { type: 'string' },
        description: { type: 'string' },
        rejects: { type: 'string' },
        threads: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    })
    const { append, replace, json, rejects, table, index, 'foreign-key': foreignKeys, ...rest } = values
    const { neighbours, threads, 'shard-id': shardId, ...options } = rest
    if (table === undefined) throw new UsageError('--table schema.name says which table to make')
    if (files.length === 0) throw new UsageError('name at least one file to load')
    if (append && replace)
      throw new UsageError('--append adds to the table, --replace makes it anew: choose one')
    if (threads !== undefined && !/^[1-9]\d?$/.test(threads))
      throw new UsageError(`--threads ${threads}: say a number from 1 to 99`)
    const mode = append ? 'append' : replace ? 'replace' : 'create'
    // Room for young objects does not grow, which takes 16 MB: a load makes many of them and keeps few.
    setFlagsFromString('--semi-space-growth-factor=1')
    const { db } = await setting.database()
    const bar = progressBar(setting.stderr, table)
    const stop = new AbortController()
    const interrupt = () =>
      stop.abort(
        new Error('interrupted; the same command goes on from here, `almagest drop` forgets the rows'),
      )
    process.once('SIGINT', interrupt)
    try {
      const result = await ingestTable(
        db,
        {
          ...options,
          files,
          table,
          mode,
          rejectFile: rejects,
          indexes: index,
          foreignKeys,
          shardId,
          threads: threads === undefined ? undefined : Number(threads),
          neighbours: neighbours === undefined ? undefined : Number(neighbours),
        },
        bar.report,
        stop.signal,
      )
      bar.end()
      for (const notice of result.notices) setting.stderr.write(`${notice}\n`)
      if (json) {
        setting.stdout.write(`${JSON.stringify(result)}\n`)
        return 0
      }
      const rejected = result.rejected > 0 ? `, ${result.rejected} rejected (see ${result.rejectFile})` : ''
      setting.stdout.write(`${result.table}: ${result.rows} rows in ${result.seconds} s${rejected}\n`)
      return 0
    } finally {
      bar.end()
      process.off('SIGINT', interrupt)
    }
  },
}
