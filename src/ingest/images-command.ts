/** `npx almagest ingest images`: folders of FITS files become rows of ObsCore. */
import { parseArgs } from 'node:util'
import { type Command, type CommandSetting, UsageError } from '../command.ts'
import { ServiceError } from '../error.ts'
import { progressBar } from '../progress.ts'
import { ingestImages } from './images/index.ts'
import { removeCollection } from './images/store.ts'
import type { Unreadable } from './images/walk.ts'

const HELP = `Usage: npx almagest ingest images FOLDER|FILE… --collection NAME [options]
       npx almagest ingest images --remove --collection NAME

Publishes every image of the sky in FITS files (also .fz, .gz, .bz2; every HDU with a celestial WCS) as a row of
ivoa.ObsCore, which SIA, DataLink and cutouts work from. Only headers are read, and the files stay where they are.
Given again, the command reads only files that are new or have changed. A file that cannot be read is reported and
skipped. Weight maps, masks and variances are known by EXTNAME or by names such as x_weight.fits, and go with the image
that they belong to.

  --collection NAME     the collection, as in obs_collection: letters, digits, _ . -
  --title TEXT          what the collection is called
  --description TEXT    what it is
  --calib-level N       0 raw, 1 standard format, 2 calibrated (default), 3 combined, 4 analysed, where the header
                        does not say
  --facility NAME --instrument NAME --filter NAME
                        where the headers do not say
  --filters FILE.yaml   wavelengths of more filters, kept for later: a list of
                        { instrument: 'pattern', filters: { name: [nm, nm] } }
  --id-prefix TEXT      what the keys of these files begin with (a key is the path below FOLDER)
  --prune               forget files that are not there any more below the folders
  --again               read files again that have not changed
  --remove              forget the whole collection; its files stay where they are
  --json                print {collection, images, files, unchanged, without, broken, removed, others, problems,
                        seconds} as JSON; problems are the first 1000 files that could not be read, and why

Exit code 0: done, also with files that could not be read; 1: nothing could be taken; 2: wrong options.`

/** Complaints that are kept for --json. */
const MOST_PROBLEMS = 1000

export const ingestImagesCommand: Command = {
  name: 'ingest images',
  summary: 'publish FITS images as ObsCore',
  help: HELP,
  async run(argv, setting) {
    const { values, positionals: sources } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        collection: { type: 'string' },
        title: { type: 'string' },
        description: { type: 'string' },
        'calib-level': { type: 'string' },
        facility: { type: 'string' },
        instrument: { type: 'string' },
        filter: { type: 'string' },
        filters: { type: 'string' },
        'id-prefix': { type: 'string' },
        prune: { type: 'boolean', default: false },
        again: { type: 'boolean', default: false },
        remove: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    })
    const { collection, json, remove, 'calib-level': level, 'id-prefix': idPrefix, ...options } = values
    if (collection === undefined)
      throw new UsageError('--collection NAME says which collection they belong to')
    if (remove) {
      if (sources.length > 0)
        throw new UsageError('--remove forgets the whole collection: name no files with it')
      return removed(setting, collection)
    }
    if (sources.length === 0) throw new UsageError('name at least one folder or file')
    if (level !== undefined && !/^[0-4]$/.test(level))
      throw new UsageError(`--calib-level is 0, 1, 2, 3 or 4, not '${level}'`)
    const { db } = await setting.database()
    const bar = progressBar(setting.stderr, collection)
    const stop = new AbortController()
    const interrupt = () => stop.abort(new Error('interrupted; the same command goes on from here'))
    process.once('SIGINT', interrupt)
    const problems: { file: string; reason: string }[] = []
    const complain = ({ location, reason }: Unreadable) => {
      const file = printable(location)
      if (problems.length < MOST_PROBLEMS) problems.push({ file, reason })
      bar.end()
      setting.stderr.write(`${file}: ${reason}\n`)
    }
    try {
      const result = await ingestImages(
        db,
        {
          ...options,
          sources,
          collection,
          idPrefix,
          calibLevel: level === undefined ? undefined : Number(level),
          authority: setting.config.authority,
          complain,
        },
        bar.report,
        stop.signal,
      )
      bar.end()
      if (json) setting.stdout.write(`${JSON.stringify({ ...result, problems })}\n`)
      else setting.stdout.write(`${sentence(result)}\n`)
      return result.broken > 0 && result.files + result.unchanged === 0 ? 1 : 0
    } finally {
      bar.end()
      process.off('SIGINT', interrupt)
    }
  },
}

async function removed(setting: CommandSetting, collection: string): Promise<number> {
  const { db } = await setting.database()
  const gone = await db.transaction(client => removeCollection(client, collection))
  if (!gone) throw new ServiceError('usage', `there is no collection ${collection}`)
  setting.stdout.write(`${collection} is forgotten; its files stay where they are\n`)
  return 0
}

/** Names of files come from anywhere; a terminal obeys control characters. */
function printable(name: string): string {
  return name.replace(/\p{Cc}/gu, c => `\\x${c.codePointAt(0)!.toString(16).padStart(2, '0')}`)
}

function sentence(result: Awaited<ReturnType<typeof ingestImages>>): string {
  const { collection, images, files, unchanged, without, broken, removed, others, seconds } = result
  const more = [
    unchanged > 0 && `${unchanged} files unchanged`,
    without > 0 && `${without} without an image of the sky`,
    broken > 0 && `${broken} could not be read`,
    removed > 0 && `${removed} removed`,
    others > 0 && `${others} not named as FITS`,
  ].filter(Boolean)
  return [`${collection}: ${images} images of ${files} files in ${seconds} s`, ...more].join('; ')
}
