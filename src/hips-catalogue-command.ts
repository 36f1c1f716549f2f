/** `npx almagest hips catalogue`: a published table becomes a catalogue HiPS. */
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { ColumnMeta, TableMeta } from './adql/tables.ts'
import { type Command, UsageError } from './command.ts'
import type { Config } from './config.ts'
import { openLightCurves } from './datalink/source.ts'
import type { Client } from './db/database.ts'
import { buildCatalogue, type LinkColumn } from './hips/catalogue.ts'
import { positionOf } from './hips/position.ts'
import { publishedTrees } from './hips/published.ts'
import { integerOption, propertiesOption, publishedTable, treeName } from './hips-options.ts'
import { progressBar } from './progress.ts'
import { readCatalog } from './tap/tap-schema.ts'

const HELP = `Usage: npx almagest hips catalogue schema.table [options]

Makes a catalogue HiPS of a published table with positions, which the service shows at /hips/<name> and on /sky: every
row in one tile, the most important rows in the coarsest.

  --name NAME           name of the HiPS (default: schema_table)
  --rank EXPRESSION     ADQL of a number; its smallest values come first (default: the first magnitude, or flux with the
                        largest first, by UCD; without either rows come evenly)
  --descending          the largest come first
  --where CONDITION     ADQL that rows must meet
  --columns A,B,…       (default: the principal columns); identifier and position are always there
  --cutouts HIPS        a column with addresses of pictures cut out of this HiPS
  --url URL             of the service, in addresses of light curves and cutouts (default: PUBLIC_URL, or where the
                        service ran last)
  --per-tile N          rows of a tile from order 3 on (default: 250)
  --deepest K           tiles of this order keep all rows that are left (default: 18)
  --title, --description TEXT
  --property KEY=VALUE  of the file \`properties\` (obs_regime, t_min, em_min, obs_copyright …); may be repeated
  --json                print {name, rows, tiles, order, seconds} as JSON

Exit code 0: done; 1: nothing was made; 2: wrong options.`

/** 3 cells of this order are an arc second. */
const DEEPEST = 18

export const hipsCatalogueCommand: Command = {
  name: 'hips catalogue',
  summary: 'make a catalogue HiPS of a published table',
  help: HELP,
  async run(argv, setting) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        name: { type: 'string' },
        rank: { type: 'string' },
        descending: { type: 'boolean', default: false },
        where: { type: 'string' },
        columns: { type: 'string' },
        cutouts: { type: 'string' },
        url: { type: 'string' },
        'per-tile': { type: 'string', default: '250' },
        deepest: { type: 'string', default: String(DEEPEST) },
        title: { type: 'string' },
        description: { type: 'string' },
        property: { type: 'string', multiple: true },
        json: { type: 'boolean', default: false },
      },
    })
    const { config, stdout, stderr } = setting
    const begun = performance.now()
    const { db } = await setting.database()
    const catalog = await readCatalog(db)
    const { table, tableName, description } = publishedTable(catalog, positionals)
    const name = treeName(values.name ?? `${table.schema}_${table.name}`)
    const columns = columnsOf(table, values.columns)
    const url = values.url ?? (await serviceUrl(db, config))
    const curves = await openLightCurves(config.lightCurves, async () => catalog)
    const hasCurves = (await curves.current('operator')).all.some(({ object }) => object.table === table)
    const id = table.columns.find(isIdentifier)
    const links: LinkColumn[] = []
    if (hasCurves && id) links.push(lightCurveLink(url, config.authority, table, id))
    if (values.cutouts !== undefined) {
      const hips = await publishedTrees(path.join(config.dir, 'hips')).tree(values.cutouts)
      if (!hips) throw new UsageError(`--cutouts: there is no finished HiPS ${values.cutouts}`)
      links.push(cutoutLink(url, values.cutouts, table))
    }
    const title = values.title ?? `${table.schema}.${table.name}`
    const bar = progressBar(stderr, name)
    const built = await buildCatalogue(db, {
      root: path.join(config.dir, 'hips', name),
      tables: catalog.tables,
      table,
      columns,
      rank: values.rank
        ? { expression: values.rank, largestFirst: values.descending }
        : rankOf(table, values.descending),
      where: values.where,
      links,
      perTile: integerOption('per-tile', values['per-tile'], 1, 100_000),
      properties: propertiesOption(tableName, values.property),
      deepest: integerOption('deepest', values.deepest, 3, 20),
      about: {
        did: `ivo://${config.authority}/hips/${name}`,
        title,
        description: values.description ?? description ?? `${title}, a table of ${config.title}`,
        collection: table.schema,
        progenitor: config.publisher,
        regime: undefined,
        tMin: undefined,
        tMax: undefined,
        emMin: undefined,
        emMax: undefined,
      },
      report: bar.report,
      signal: new AbortController().signal,
    })
    bar.end()
    const seconds = Math.round(performance.now() - begun) / 1000
    const { rows, tiles, order } = built
    stdout.write(
      values.json
        ? `${JSON.stringify({ name, ...built, seconds })}\n`
        : `${name}: ${rows} rows in ${tiles} tiles to order ${order} in ${seconds} s\n`,
    )
    return 0
  },
}

const isIdentifier = ({ field }: ColumnMeta) => /^meta\.id\b.*;meta\.main$/.test(field.ucd ?? '')
const isCell = ({ sqlName }: ColumnMeta) => sqlName === 'hpx29' || sqlName === 'hpx_shard'

/** Identifier and position first; the position with the UCDs by which viewers find it. */
function columnsOf(table: TableMeta, list: string | undefined): ColumnMeta[] {
  const named = (name: string) => {
    const found = table.columns.find(({ field }) => field.name.toLowerCase() === name.trim().toLowerCase())
    if (!found) throw new UsageError(`--columns: ${table.schema}.${table.name} has no column ${name}`)
    return found
  }
  const principal = table.columns.filter(column => column.principal && !isCell(column))
  const others =
    list?.split(',').map(named) ?? (principal.length > 0 ? principal : table.columns.filter(c => !isCell(c)))
  const id = table.columns.filter(isIdentifier).slice(0, 1)
  return [...new Set([...id, ...positionIn(table), ...others])]
}

function positionIn(table: TableMeta): readonly ColumnMeta[] {
  const position = positionOf(table)
  if (!position) throw new UsageError(`${table.schema}.${table.name} has no columns with a position`)
  return [position.ra, position.dec]
}

/** By UCD: bright sources first. */
function rankOf({ columns }: TableMeta, descending: boolean) {
  const ordered = [...columns.filter(c => c.principal), ...columns]
  const withUcd = (ucd: RegExp) => ordered.find(({ field }) => ucd.test(field.ucd ?? '') && !field.arraysize)
  const magnitude = withUcd(/^phot\.mag(;|$)/)
  const flux = withUcd(/^phot\.flux(\.density)?(;|$)/)
  const found = magnitude ?? flux
  if (!found) return undefined
  const expression = `"${found.field.name.replaceAll('"', '""')}"`
  return { expression, largestFirst: descending || (!magnitude && flux !== undefined) }
}

function lightCurveLink(url: string, authority: string, table: TableMeta, id: ColumnMeta): LinkColumn {
  return {
    field: {
      name: 'light_curve',
      datatype: 'char',
      arraysize: '*',
      ucd: 'meta.ref.url',
      description: 'Address of the light curve of the object',
    },
    from: [id.field.name],
    address: ([value]) => {
      const did = `ivo://${authority}/${table.schema}.${table.name}?${encodeURIComponent(value!)}`
      return `${url}/datalink/timeseries?ID=${encodeURIComponent(did)}`
    },
  }
}

/** Half a minute of arc wide. */
const CUTOUT_FOV = 0.5 / 60

function cutoutLink(url: string, hips: string, table: TableMeta): LinkColumn {
  const fov = CUTOUT_FOV.toFixed(5)
  return {
    field: {
      name: 'cutout',
      datatype: 'char',
      arraysize: '*',
      ucd: 'meta.ref.url',
      description: `Address of a picture of the object, cut out of ${hips}`,
    },
    from: positionIn(table).map(({ field }) => field.name),
    address: ([ra, dec]) =>
      `${url}/hips/${encodeURIComponent(hips)}/cutout?ra=${ra}&dec=${dec}&fov=${fov}&width=256&height=256`,
  }
}

/** Without a slash at the end. */
async function serviceUrl(db: Client, { publicUrl, host, port }: Config): Promise<string> {
  if (publicUrl) return publicUrl
  const [row] = await db.query<{ origin: string }>('SELECT origin FROM almagest.service')
  return row?.origin || `http://${host}:${port}`
}
