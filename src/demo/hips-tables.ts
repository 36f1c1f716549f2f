/** The objects of the demo survey as HiPS: a catalogue to lay over its images, and a map of their density. */
import path from 'node:path'
import type { TableMeta } from '../adql/tables.ts'
import type { Database } from '../db/database.ts'
import { buildCatalogue } from '../hips/catalogue.ts'
import { densityTiles } from '../hips/density.ts'
import { buildMap } from '../hips/map.ts'
import { publishedTrees } from '../hips/published.ts'
import type { Report } from '../progress.ts'
import { adqlTableName } from '../tap/publish.ts'
import { readCatalog } from '../tap/tap-schema.ts'
import type { HipsPlace } from './hips.ts'
import type { SurveySize } from './survey.ts'

const [OBJECTS, DENSITY] = ['demo_object', 'demo_density']
const COLUMNS = ['objectid', 'ra', 'dec', 'refextendedness', 'g_psfflux', 'r_psfflux', 'i_psfflux']
const RANK = { expression: 'r_psfflux', largestFirst: true }
/** Pixels of 0.86′, of which each has some ten objects; cells twice as wide are never empty within the survey. */
const [DENSITY_ORDER, FILLED_ORDER] = [3, 11]
const FINEST = 18
/** What of the demo the trees were made of: another survey has others. */
const SIZE_KEY = 'almagest_demo_size'

/** Makes those that are missing or of another survey; resolves to their names. */
export async function fillDemoTables(
  db: Database,
  size: SurveySize,
  { dir, authority, publisher }: HipsPlace,
  report: Report,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const folder = path.join(dir, 'hips')
  const trees = publishedTrees(folder)
  const sizeText = JSON.stringify(size)
  const { tables } = await readCatalog(db)
  const table = tables.all.find(one => one.schema === 'demo' && one.name === 'object')
  if (!table) return []
  const properties = [
    ['almagest_table', adqlTableName(table.schema, table.name)],
    [SIZE_KEY, sizeText],
  ] as const
  const shared = (name: string, title: string, description: string) => ({
    root: path.join(folder, name),
    properties,
    about: {
      did: `ivo://${authority}/hips/${name}`,
      title,
      description,
      collection: 'demo',
      progenitor: publisher,
      regime: 'Optical',
      tMin: undefined,
      tMax: undefined,
      emMin: undefined,
      emMax: undefined,
    },
    report: (progress: Parameters<Report>[0]) => report({ ...progress, phase: `${name} ${progress.phase}` }),
    signal,
  })
  const isThere = async (name: string) => (await trees.tree(name))?.properties.get(SIZE_KEY) === sizeText
  const made: string[] = []
  if (!(await isThere(OBJECTS))) {
    const request = shared(
      OBJECTS,
      'Demo survey, objects',
      'Simulated objects of the demo survey, the brightest in r first',
    )
    const kind = { table, tables, columns: columnsOf(table), rank: RANK, where: undefined, links: [] }
    await buildCatalogue(db, { ...request, ...kind, perTile: 250, deepest: FINEST })
    made.push(OBJECTS)
  }
  if (!(await isThere(DENSITY))) {
    const request = shared(
      DENSITY,
      'Demo survey, density',
      'Simulated objects of the demo survey per square degree',
    )
    const orders = { order: DENSITY_ORDER, filledOrder: FILLED_ORDER }
    const leaves = densityTiles(db, {
      ...request,
      ...orders,
      table,
      tables,
      mean: undefined,
      where: undefined,
    })
    const map = { order: DENSITY_ORDER, value: 'density', cuts: undefined, stretch: 'linear' } as const
    await buildMap({ ...request, ...map, leaves })
    made.push(DENSITY)
  }
  return made
}

const columnsOf = ({ columns }: TableMeta) =>
  COLUMNS.flatMap(name => columns.filter(({ sqlName }) => sqlName === name))
