/** `npx almagest ingest light-curves`: files of light curves become objects and detections. */
import { parseArgs } from 'node:util'
import { stringify } from 'yaml'
import { type Command, UsageError } from '../command.ts'
import { progressBar } from '../progress.ts'
import { ingestLightCurves } from './light-curves.ts'

const HELP = `Usage: npx almagest ingest light-curves FILE… --table schema.name [options]

Loads light curves as two tables, the objects and their detections (schema.name_detection), and prints the block for
the key lightCurves of the site file, by which they are served. The kind of the files is told by their bytes:

  SNANA text            one file an object: SURVEY, SNID, RA, VARLIST, OBS
  SNANA FITS            a HEAD file, with its PHOT file beside it
  Kepler, TESS          FITS with a table LIGHTCURVE
  Stripe 82 RR Lyrae    lines of RA, Dec and five times time, magnitude, error; the file's name is the object
  any table             CSV, FITS, VOTable, Parquet …; the file's name is the object

  --table schema.name   the table of objects to make
  --replace             build both tables anew
  --objects FILE        a table of the objects, where the files have the detections alone
  --id NAME             the column of it with the identifiers that name the files
  --scale SCALE         time scale, where the files do not tell: UTC, TAI, TT, TDB …
  --refposition NAME    where times are measured: TOPOCENTER, BARYCENTER, HELIOCENTER …
  --json                print {objects, detections, block, notices} as JSON

Exit code 0: done, also with rejected rows; 1: nothing was changed; 2: wrong options.`

export const ingestLightCurvesCommand: Command = {
  name: 'ingest light-curves',
  summary: 'load files of light curves as objects and detections',
  help: HELP,
  async run(argv, setting) {
    const { values, positionals: files } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        table: { type: 'string' },
        replace: { type: 'boolean', default: false },
        objects: { type: 'string' },
        id: { type: 'string' },
        scale: { type: 'string' },
        refposition: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    })
    const { table, replace, json, ...options } = values
    if (table === undefined) throw new UsageError('--table schema.name says which table of objects to make')
    if (files.length === 0) throw new UsageError('name at least one file to load')
    const { db } = await setting.database()
    const bar = progressBar(setting.stderr, table)
    const stop = new AbortController()
    const interrupt = () => stop.abort(new Error('interrupted; nothing was published'))
    process.once('SIGINT', interrupt)
    try {
      const result = await ingestLightCurves(
        db,
        { ...options, files, table, mode: replace ? 'replace' : 'create' },
        bar.report,
        stop.signal,
      )
      bar.end()
      const { objects, detections, block, notices } = result
      for (const notice of [...notices, ...objects.notices, ...detections.notices])
        setting.stderr.write(`${notice}\n`)
      if (json) {
        setting.stdout.write(`${JSON.stringify(result)}\n`)
        return 0
      }
      for (const { table: name, rows, rejected, rejectFile } of [objects, detections])
        setting.stderr.write(
          `${name}: ${rows} rows${rejected > 0 ? `, ${rejected} rejected (see ${rejectFile})` : ''}\n`,
        )
      setting.stderr.write('For the site file that ALMAGEST_CONFIG names:\n')
      setting.stdout.write(stringify({ lightCurves: [block] }))
      return 0
    } finally {
      bar.end()
      process.off('SIGINT', interrupt)
    }
  },
}
