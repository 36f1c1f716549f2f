/** `npx almagest hips map`: a table becomes a map of the sky. */
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { TableMeta } from './adql/tables.ts'
import { type Command, UsageError } from './command.ts'
import type { Client } from './db/database.ts'
import { densityTiles } from './hips/density.ts'
import { exposureTiles, STATISTICS, type Statistic } from './hips/exposure-map.ts'
import { selectExposures } from './hips/exposures.ts'
import { buildMap } from './hips/map.ts'
import type { MapTile, MapValue } from './hips/map-tree.ts'
import { positionOf } from './hips/position.ts'
import { MAX_TILE_ORDER, orderFor, PIXEL_DEPTH } from './hips/tile.ts'
import { integerOption, propertiesOption, publishedTable, treeName } from './hips-options.ts'
import { progressBar } from './progress.ts'
import { meanDensity } from './tap/cell-counts.ts'
import { readCatalog } from './tap/tap-schema.ts'

const HELP = `Usage: npx almagest hips map schema.table [--mean EXPRESSION] [options]
       npx almagest hips map schema.table --radius DEG|--region COLUMN [--value STATISTIC[:EXPRESSION]] [options]

Makes a map of a published table as HiPS, with FITS tiles and PNG in colour, which the service shows at /hips/<name>.
The first form needs positions and counts rows: per square degree, or the mean of an ADQL expression over the rows in
each pixel. The second form takes rows for exposures and maps what they make together wherever their footprints are:
circles of a radius around the position, or the regions of a column (s_region of ivoa.ObsCore).

  --value V             count (default), sum:E, mean:E, min:E, max:E, or depth:E for limiting magnitudes E of single
                        exposures, 1.25 log10 Σ 10^(0.8 E); E is ADQL
  --weight E            ADQL of the weights of a mean
  --radius R            of footprints: degrees, or ADQL
  --region COLUMN       polygons or circles
  --ra E --dec E        centres of footprints (default: the columns with those UCDs)
  --where CONDITION     ADQL that rows must meet
  --order K             of the finest tiles (default: about four rows a pixel, or a hundred pixels a footprint)
  --name NAME           name of the HiPS (default: schema_table_density, _mean, or _STATISTIC)
  --cuts LOW,HIGH       values at the ends of the colours (default: from the values)
  --stretch S           linear (default) or asinh
  --title, --description TEXT
  --property KEY=VALUE  of the file \`properties\`; may be repeated
  --json                print {name, tiles, order, exposures, leftOut, seconds} as JSON

Exit code 0: done; 1: nothing was made; 2: wrong options.`

export const hipsMapCommand: Command = {
  name: 'hips map',
  summary: 'make a HiPS of the density of a table, or of the depth of a survey',
  help: HELP,
  async run(argv, setting) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        mean: { type: 'string' },
        value: { type: 'string' },
        weight: { type: 'string' },
        radius: { type: 'string' },
        region: { type: 'string' },
        ra: { type: 'string' },
        dec: { type: 'string' },
        where: { type: 'string' },
        order: { type: 'string' },
        name: { type: 'string' },
        cuts: { type: 'string' },
        stretch: { type: 'string', default: 'linear' },
        title: { type: 'string' },
        description: { type: 'string' },
        property: { type: 'string', multiple: true },
        json: { type: 'boolean', default: false },
      },
    })
    const { radius, region, where, mean, stretch } = values
    if (radius !== undefined && region !== undefined) throw new UsageError('--radius or --region: choose one')
    const ofExposures = radius !== undefined || region !== undefined
    if (ofExposures && mean !== undefined) throw new UsageError('--mean is --value mean:… of exposures')
    if (!ofExposures && (values.value ?? values.weight) !== undefined)
      throw new UsageError('--value and --weight are for exposures: say their --radius or --region')
    if (stretch !== 'linear' && stretch !== 'asinh') throw new UsageError('--stretch must be linear or asinh')
    const [, statistic = 'count', , expression] = /^([^:]*)(:(.*))?$/s.exec(values.value ?? 'count') ?? []
    if (!isStatistic(statistic)) throw new UsageError(`--value: must be ${STATISTICS.join(', ')}`)
    if ((statistic === 'count') !== (expression === undefined))
      throw new UsageError(
        `--value: ${statistic === 'count' ? 'count takes no' : `${statistic} needs an`} expression`,
      )

    const begun = performance.now()
    const { db } = await setting.database()
    const catalog = await readCatalog(db)
    const { table, tableName } = publishedTable(catalog, positionals)
    const { tables } = catalog
    const what = ofExposures ? statistic : mean ? 'mean' : 'density'
    const name = treeName(values.name ?? `${table.schema}_${table.name}_${what}`)
    const bar = progressBar(setting.stderr, name)
    const signal = new AbortController().signal
    const of = `${table.schema}.${table.name}`
    const order =
      values.order === undefined ? undefined : integerOption('order', values.order, 3, MAX_TILE_ORDER)

    interface Plan {
      readonly order: number
      readonly value: MapValue
      readonly leaves: AsyncIterable<MapTile> | Iterable<MapTile>
      readonly title: string
      readonly counts: { readonly exposures?: number; readonly leftOut?: number }
    }

    async function ofRows(): Promise<Plan> {
      const fineness = await finenessOf(db, table, order)
      const leaves = densityTiles(db, { table, tables, mean, where, ...fineness, report: bar.report, signal })
      const title = mean ? `Mean of ${mean} in ${of}` : `Rows of ${of} per square degree`
      return { ...fineness, value: mean ? 'mean' : 'density', leaves, title, counts: {} }
    }

    async function ofFootprints(): Promise<Plan> {
      const { all, leftOut } = await selectExposures(db, {
        table,
        tables,
        footprint: region
          ? { region }
          : { ra: values.ra ?? named(table, 'ra'), dec: values.dec ?? named(table, 'dec'), radius: radius! },
        value: expression,
        weight: values.weight,
        where,
        signal,
      })
      const degrees = Number(radius)
      const chosen = order ?? Math.max(3, orderFor(((degrees > 0 ? degrees : 0.1) / 50 / 180) * Math.PI))
      const report = (cell: number) => bar.report({ phase: 'tiles', done: cell + 1, total: 12 * 4 ** chosen })
      const words = statistic === 'count' ? 'Number' : `${statistic[0]!.toUpperCase()}${statistic.slice(1)}`
      const title = `${words} of ${expression ?? 'exposures'} in ${of}`
      const leaves = exposureTiles(all, statistic as Statistic, chosen, report)
      return { order: chosen, value: 'mean', leaves, title, counts: { exposures: all.length, leftOut } }
    }

    const plan = await (ofExposures ? ofFootprints() : ofRows())
    const { config } = setting
    const title = values.title ?? plan.title
    const tiles = await buildMap({
      root: path.join(config.dir, 'hips', name),
      order: plan.order,
      value: plan.value,
      leaves: plan.leaves,
      cuts: cutsOption(values.cuts),
      stretch,
      properties: propertiesOption(tableName, values.property),
      about: {
        did: `ivo://${config.authority}/hips/${name}`,
        title,
        description: values.description ?? [title, where && `where ${where}`].filter(Boolean).join(', '),
        collection: table.schema,
        progenitor: config.publisher,
        regime: undefined,
        tMin: undefined,
        tMax: undefined,
        emMin: undefined,
        emMax: undefined,
      },
      report: bar.report,
    })
    bar.end()
    if (tiles === 0) throw new UsageError(`${of}: there is nothing to map`)
    const seconds = Math.round(performance.now() - begun) / 1000
    const left = plan.counts.leftOut ? `, ${plan.counts.leftOut} rows left out` : ''
    setting.stdout.write(
      values.json
        ? `${JSON.stringify({ name, tiles, order: plan.order, ...plan.counts, seconds })}\n`
        : `${name}: ${tiles} tiles to order ${plan.order} in ${seconds} s${left}\n`,
    )
    return 0
  },
}

const isStatistic = (text: string): text is Statistic => STATISTICS.some(one => one === text)

/** Rows that a pixel, and a cell that is taken for filled, should have on average. */
const [PER_PIXEL, PER_FILLED] = [4, 20]
const SKY_DEG2 = 41_253

/** Orders of the tiles, and of the cells that have rows wherever the survey is. */
async function finenessOf(db: Client, table: TableMeta, order: number | undefined) {
  const density =
    (await meanDensity(db, { schema: table.schema, table: table.name })) ?? (table.rows ?? 1e6) / SKY_DEG2
  /** The order of cells with so many rows. */
  const orderWith = (rows: number) => Math.floor(Math.log2(Math.sqrt((SKY_DEG2 / 12) * (density / rows))))
  const chosen = order ?? Math.min(MAX_TILE_ORDER, Math.max(3, orderWith(PER_PIXEL) - PIXEL_DEPTH))
  const filledOrder = Math.min(chosen + PIXEL_DEPTH, Math.max(chosen, orderWith(PER_FILLED)))
  return { order: chosen, filledOrder }
}

/** ADQL of a coordinate. */
function named(table: TableMeta, which: 'ra' | 'dec'): string {
  const found = positionOf(table)?.[which]
  if (!found)
    throw new UsageError(`--${which}: ${table.schema}.${table.name} has no such column; say which one`)
  return `"${found.field.name.replaceAll('"', '""')}"`
}

function cutsOption(text: string | undefined): readonly [number, number] | undefined {
  if (text === undefined) return undefined
  const [low, high, ...more] = text.split(',').map(Number)
  if (low === undefined || high === undefined || more.length > 0 || !(low < high))
    throw new UsageError(`--cuts: '${text}' is not two numbers, the lower one first`)
  return [low, high]
}
