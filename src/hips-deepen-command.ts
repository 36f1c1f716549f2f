/** `npx almagest hips deepen`: orders that are made when somebody asks for their tiles. */
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Command, UsageError } from './command.ts'
import { planDeeper } from './hips/on-demand-plan.ts'
import { collectionSources, fileSources } from './hips/sources.ts'
import { MAX_TILE_ORDER } from './hips/tile.ts'
import { integerOption, treeName } from './hips-options.ts'
import { requireSources, walk } from './ingest/images/walk.ts'

const HELP = `Usage: npx almagest hips deepen NAME --collection C [--filter F] [--order K]
       npx almagest hips deepen NAME --images DIR|FILE… [--order K]

Lets a HiPS of images be asked for tiles of finer orders than it was built to: the service makes each when it is first
asked for, and keeps it in the tree. Name the images that the HiPS was built from. A build of the same HiPS ends this;
give the command again after it.

  --collection C, --filter F, --images DIR|FILE   as for hips build
  --order K   of the finest tiles (default: pixels no larger than those of the images)
  --json      print {name, order} as JSON

Exit code 0: done; 1: it could not be; 2: wrong options.`

export const hipsDeepenCommand: Command = {
  name: 'hips deepen',
  summary: 'let tiles of finer orders be made when they are asked for',
  help: HELP,
  async run(argv, setting) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        collection: { type: 'string' },
        filter: { type: 'string' },
        images: { type: 'string', multiple: true },
        order: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    })
    const [name, ...more] = positionals
    if (name === undefined || more.length > 0) throw new UsageError('name one HiPS')
    const { collection, filter, images } = values
    if ((collection === undefined) === (images === undefined))
      throw new UsageError('say either --collection NAME or --images DIR')
    const { config, stdout, stderr } = setting
    const spool = path.join(config.dir, 'spool')
    const unreadable = (location: string, reason: string) => stderr.write(`${location}: ${reason}\n`)
    const sources =
      collection !== undefined
        ? await collectionSources((await setting.database()).db, collection, filter)
        : await fileSources(filesIn(images!, unreadable), spool, unreadable)
    const order = await planDeeper({
      root: path.join(config.dir, 'hips', treeName(name)),
      images: sources.images,
      order: values.order === undefined ? undefined : integerOption('order', values.order, 3, MAX_TILE_ORDER),
      spool,
    })
    stdout.write(
      values.json
        ? `${JSON.stringify({ name, order })}\n`
        : `${name}: tiles to order ${order} are made on demand\n`,
    )
    return 0
  },
}

function filesIn(images: readonly string[], unreadable: (location: string, reason: string) => void) {
  requireSources(images)
  return walk(
    images,
    ({ location, reason }) => unreadable(location, reason),
    () => {},
  )
}
