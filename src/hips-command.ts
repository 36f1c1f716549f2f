/** `npx almagest hips build`: images become a HiPS that the running service shows. */
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Command, type CommandSetting, UsageError } from './command.ts'
import { skyFraction } from './healpix/moc.ts'
import { buildTree } from './hips/build.ts'
import { buildColor } from './hips/build-color.ts'
import { COLOR_FORMATS } from './hips/color.ts'
import { finishTree } from './hips/finish.ts'
import { FLOAT32, IMAGE_FORMATS, type ImageFormat, type Storage } from './hips/image-tile.ts'
import type { HipsFrame } from './hips/plan.ts'
import { publishedTrees } from './hips/published.ts'
import { collectionSources, fileSources, type Sources } from './hips/sources.ts'
import { MAX_TILE_ORDER } from './hips/tile.ts'
import { requireSources, walk } from './ingest/images/walk.ts'
import { progressBar } from './progress.ts'

const HELP = `Usage: npx almagest hips build --collection NAME [--filter F] [options]
       npx almagest hips build --images DIR|FILE… --name NAME [options]
       npx almagest hips build --color r=HIPS,g=HIPS,b=HIPS --name NAME [options]

Resamples images into a HiPS (hierarchical progressive survey), which the service shows at /hips/<name>. Overlapping
images are averaged, by their weight maps where a collection has them. Given again, the command makes only the tiles
whose images have changed, are new or are gone, and goes on where a build was broken off.

  --collection NAME     images that \`ingest images\` knows
  --filter F            of these only the ones in this filter
  --images DIR|FILE     a folder or file; may be repeated
  --name NAME           name of the HiPS (default: collection, or collection_filter)
  --color r=A,g=B,b=C   colour from the FITS tiles of three HiPS that are there; formats are png, jpg, webp (default
                        png); --stretch asinh (default, after Lupton et al. 2004) or linear
  --order K             order of the finest tiles (default: pixels no larger than those of the images)
  --frame F             equatorial (default) or galactic
  --formats LIST        of fits, png, jpg, webp (default: fits,png)
  --bitpix N            how FITS tiles keep values: -32 (default), -64, 32, 16, 8
  --scale S --zero Z    for integers: value = Z + S × what is kept (default: 1 and 0)
  --cuts LOW,HIGH       values shown as black and white (default: from a sample of the pixels)
  --stretch S           linear (default) or asinh, for pictures
  --level               take the median of each image from its values, for images with different sky
  --title, --description TEXT
  --resume              only go on with what is there
  --force               begin anew, whatever is there
  --memory MB           for pixels of images (default: 512)
  --threads N           (default: one a core)
  --json                print {name, order, tiles, leaves, skyFraction, skipped, seconds} as JSON

Exit code 0: done, also where single images had to be left out; 1: nothing was made; 2: wrong options.`

export const hipsBuildCommand: Command = {
  name: 'hips build',
  summary: 'make a HiPS of a collection or of files',
  help: HELP,
  async run(argv, setting) {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        collection: { type: 'string' },
        filter: { type: 'string' },
        images: { type: 'string', multiple: true },
        color: { type: 'string' },
        name: { type: 'string' },
        order: { type: 'string' },
        frame: { type: 'string', default: 'equatorial' },
        formats: { type: 'string' },
        bitpix: { type: 'string', default: '-32' },
        scale: { type: 'string', default: '1' },
        zero: { type: 'string', default: '0' },
        cuts: { type: 'string' },
        stretch: { type: 'string' },
        level: { type: 'boolean', default: false },
        title: { type: 'string' },
        description: { type: 'string' },
        resume: { type: 'boolean', default: false },
        force: { type: 'boolean', default: false },
        memory: { type: 'string', default: '512' },
        threads: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    })
    const { collection, images, resume, force } = values
    if (values.color !== undefined) return colorHips(values.color, values, setting)
    if ((collection === undefined) === (images === undefined))
      throw new UsageError('say either --collection NAME or --images DIR with --name NAME')
    if (resume && force) throw new UsageError('--resume goes on, --force begins anew: choose one')
    const name = nameOf(values)
    const { config, stderr } = setting
    const spool = path.join(config.dir, 'spool')
    const begun = performance.now()
    const unreadable = (location: string, reason: string) => stderr.write(`${location}: ${reason}\n`)
    let sources: Sources
    if (collection !== undefined) {
      const { db } = await setting.database()
      sources = await collectionSources(db, collection, values.filter)
    } else {
      requireSources(images!)
      const files = walk(
        images!,
        ({ location, reason }) => unreadable(location, reason),
        () => {},
      )
      sources = await fileSources(files, spool, unreadable)
    }
    const bar = progressBar(stderr, name)
    const built = await buildTree({
      root: path.join(config.dir, 'hips', name),
      images: sources.images,
      order: values.order === undefined ? undefined : integer('order', values.order, 3, MAX_TILE_ORDER),
      frame: oneOf<HipsFrame>('frame', values.frame, ['equatorial', 'galactic']),
      formats: formatsOf(values.formats ?? 'fits,png'),
      storage: storageOf(values),
      look: {
        stretch: oneOf('stretch', values.stretch ?? 'linear', ['linear', 'asinh'] as const),
        cuts: cutsOf(values.cuts),
      },
      levelled: values.level,
      force,
      spool,
      memoryBytes: integer('memory', values.memory, 16, 1e6) * 1e6,
      ...(values.threads !== undefined && { threads: integer('threads', values.threads, 1, 256) }),
      here: true,
      report: bar.report,
    })
    bar.end()
    for (const { name: image, reason } of built.skipped) unreadable(image, reason)
    const title =
      values.title ?? [sources.title ?? collection ?? name, values.filter].filter(Boolean).join(' ')
    await finishTree(
      built,
      {
        did: `ivo://${config.authority}/hips/${name}`,
        title,
        description: values.description ?? sources.description ?? `${title}, as images of ${config.title}`,
        collection: collection ?? name,
        progenitor: config.publisher,
        regime: regimeOf(sources),
        tMin: sources.tMin,
        tMax: sources.tMax,
        emMin: sources.emMin,
        emMax: sources.emMax,
      },
      values.level,
    )
    const seconds = Math.round(performance.now() - begun) / 1000
    const { tiles, leaves, skipped, settings, moc } = built
    const { order } = settings
    const result = { name, order, tiles, leaves, skyFraction: skyFraction(moc), skipped, seconds }
    setting.stdout.write(
      values.json
        ? `${JSON.stringify(result)}\n`
        : `${name}: order ${order}, ${tiles} tiles made of ${sources.images.length - skipped.length} images in ${seconds} s\n`,
    )
    return 0
  },
}

/** `--color`: three trees become one. */
async function colorHips(
  color: string,
  values: {
    name?: string
    formats?: string
    stretch?: string
    title?: string
    description?: string
    force: boolean
    json: boolean
  },
  { config, stdout, stderr }: CommandSetting,
): Promise<number> {
  const name = nameOf(values)
  const begun = performance.now()
  const folder = path.join(config.dir, 'hips')
  const published = publishedTrees(folder)
  const names = new Map(color.split(',').map(part => part.split('=') as [string, string]))
  const treeOf = async (channel: string) => {
    const given = names.get(channel)
    if (!given) throw new UsageError('--color: say r=HIPS,g=HIPS,b=HIPS')
    const tree = await published.tree(given)
    if (!tree) throw new UsageError(`--color: there is no finished HiPS ${given}`)
    return tree
  }
  const trees = [await treeOf('r'), await treeOf('g'), await treeOf('b')] as const
  const [red, green, blue] = trees
  const title = values.title ?? `${name} in colour`
  const bar = progressBar(stderr, name)
  const tiles = await buildColor({
    root: path.join(folder, name),
    trees,
    formats: (values.formats ?? 'png').split(',').map(one => oneOf('formats', one.trim(), COLOR_FORMATS)),
    kind: oneOf('stretch', values.stretch ?? 'asinh', ['linear', 'asinh'] as const),
    force: values.force,
    about: {
      did: `ivo://${config.authority}/hips/${name}`,
      title,
      description: values.description ?? `${title}: red ${red.name}, green ${green.name}, blue ${blue.name}`,
      collection: red.properties.get('obs_collection') ?? name,
      progenitor: config.publisher,
    },
    report: bar.report,
  })
  bar.end()
  if (tiles === undefined) throw new UsageError('--color: the three HiPS have no part of the sky in common')
  const seconds = Math.round(performance.now() - begun) / 1000
  stdout.write(
    values.json
      ? `${JSON.stringify({ name, tiles, seconds })}\n`
      : `${name}: ${tiles} tiles made in ${seconds} s\n`,
  )
  return 0
}

function nameOf(values: { name?: string; collection?: string; filter?: string }): string {
  const name =
    values.name ??
    (values.collection === undefined
      ? undefined
      : [values.collection, values.filter].filter(Boolean).join('_'))
  if (name === undefined) throw new UsageError('--name NAME says what the HiPS is called')
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name))
    throw new UsageError(`--name: '${name}' may only have letters, digits, and _ . - after the first`)
  return name
}

function formatsOf(text: string): ImageFormat[] {
  const formats = text.split(',').map(format => oneOf('formats', format.trim(), IMAGE_FORMATS))
  return IMAGE_FORMATS.filter(format => formats.includes(format))
}

function storageOf({ bitpix, scale, zero }: { bitpix: string; scale: string; zero: string }): Storage {
  const bits = Number(oneOf('bitpix', bitpix, ['-32', '-64', '32', '16', '8'] as const)) as Storage['bitpix']
  if (bits < 0) return { ...FLOAT32, bitpix: bits }
  const [by, plus] = [Number(scale), Number(zero)]
  if (!(by > 0) || !Number.isFinite(plus)) throw new UsageError('--scale must be positive, --zero a number')
  return { bitpix: bits, scale: by, zero: plus, blank: bits === 8 ? 255 : -(2 ** (bits - 1)) }
}

function cutsOf(text: string | undefined): readonly [number, number] | undefined {
  if (text === undefined) return undefined
  const [low, high, ...more] = text.split(',').map(Number)
  if (low === undefined || high === undefined || more.length > 0 || !(low < high))
    throw new UsageError(`--cuts: '${text}' is not two numbers, the lower one first`)
  return [low, high]
}

/** HiPS 1.0 §4.4.1, obs_regime, by the middle of the wavelengths in metres. */
function regimeOf({ emMin, emMax }: Sources): string | undefined {
  if (emMin === undefined || emMax === undefined) return undefined
  const middle = Math.sqrt(emMin * emMax)
  const regimes = [
    [1e-11, 'Gamma-ray'],
    [1e-8, 'X-ray'],
    [1e-7, 'EUV'],
    [3e-7, 'UV'],
    [1e-6, 'Optical'],
    [3e-4, 'Infrared'],
    [1e-2, 'Millimeter'],
  ] as const
  return regimes.find(([below]) => middle < below)?.[1] ?? 'Radio'
}

function integer(option: string, text: string, low: number, high: number): number {
  const n = Number(text)
  if (!Number.isInteger(n) || n < low || n > high)
    throw new UsageError(`--${option}: must be an integer from ${low} to ${high}, not '${text}'`)
  return n
}

function oneOf<T extends string>(option: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find(one => one === text)
  if (found === undefined) throw new UsageError(`--${option}: must be ${allowed.join(', ')}, not '${text}'`)
  return found
}
