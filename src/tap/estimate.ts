/**
 * How many rows a query has, how many bytes, how many seconds it takes.
 *
 * Rows: PostgreSQL estimates the query without its conditions on positions (`EXPLAIN`), and each table so freed is
 * then held to its region: its rows count by the fraction that our counts per cell say (`cell-counts`), through
 * joins, groups and limits (`plan-growth`). Conditions on positions and on other columns are taken to be independent.
 *
 * Seconds: PostgreSQL's cost of the plan that would run, worked out again with those numbers of rows, plus what its
 * costs leave out: pgSphere's tests and the sending of the result. The constants were fitted to queries of the demo
 * survey on a machine of two cores (bench/estimate.ts); on others they are right to a factor of a few.
 */
import { shapesIn } from '../adql/cells.ts'
import type { PairFilter, Region, RegionFilter, WithoutPositions } from '../adql/regions.ts'
import type { TableMeta } from '../adql/tables.ts'
import type { Client } from '../db/database.ts'
import { type Field, wireType } from '../votable/field.ts'
import { meanDensity, pairsInCells, rowsInCells } from './cell-counts.ts'
import { coverage } from './coverage.ts'
import { grow, type Known } from './plan-growth.ts'
import type { PlanNode } from './plan-tree.ts'

export interface Estimate {
  /** Of the query: a limit of the service is not in it, TOP is. */
  readonly rows: number
  /** Of the result as VOTable BINARY2 in base64, the default format, as far as MAXREC lets it grow. */
  readonly bytes: number
  /** From the request to the last byte, on an idle service. */
  readonly seconds: number
}

/** Seconds of one unit of PostgreSQL's cost, with the data in memory. */
const UNIT = 3.5e-6
/** Every query: transaction, planning, first byte. */
const QUERY_SECONDS = 0.005
/** Sending. */
const ROW_SECONDS = 4e-7
const BYTE_SECONDS = 1.5e-8
/** Reading a row through the position index and testing it, by kind of shape. */
const INDEXED_ROW = { circle: 1e-6, polygon: 8e-6, point: 1e-6 }
/** Testing a row of a full scan. */
const SCANNED_ROW = { circle: 2e-7, polygon: 7e-6, point: 2e-7 }
/** What PostgreSQL takes for the selectivity of pgSphere's operators (contsel). */
const PGSPHERE_SELECTIVITY = 0.001

/** A pair is said both ways, so that either index serves. */
const PAIR_SELECTIVITY = PGSPHERE_SELECTIVITY ** 2

/** Regions of more shapes are not counted. */
const MOST_SHAPES = 500

/** The fraction of rows that conditions on positions leave: of a table, of all pairs of two tables. */
export interface Fractions {
  readonly regions: ReadonlyMap<string, number>
  readonly pairs: readonly { readonly aliases: readonly [string, string]; readonly fraction: number }[]
  /** Tables whose cells are not counted, so that the estimate stands on PostgreSQL's constant. */
  readonly uncounted: readonly TableMeta[]
}

/** Reads the counts: one small query for each table held to a region or paired. */
export async function countFractions(
  client: Client,
  { regions, pairs }: Pick<WithoutPositions, 'regions' | 'pairs'>,
): Promise<Fractions> {
  const uncounted: TableMeta[] = []
  const ofRegions = new Map<string, number>()
  for (const { alias, table, region } of conjoined(regions)) {
    const counts = shapesIn(region) <= MOST_SHAPES
    const rows = counts ? await rowsInCells(client, named(table), coverage(region)) : undefined
    if (rows === undefined || !table.rows) uncounted.push(table)
    ofRegions.set(
      alias,
      rows === undefined || !table.rows ? selectivity(region) : Math.min(1, rows / table.rows),
    )
  }
  const ofPairs: { aliases: [string, string]; fraction: number }[] = []
  for (const pair of pairs) {
    const [a, b] = [pair.position.table, pair.center.table]
    const all = (a.rows ?? 0) * (b.rows ?? 0)
    const found = all === 0 ? undefined : await countPairs(client, pair)
    if (found === undefined) uncounted.push(...[a, b].filter(t => !uncounted.includes(t)))
    const fraction = found === undefined ? PGSPHERE_SELECTIVITY : Math.min(1, found / all)
    ofPairs.push({ aliases: [pair.position.alias, pair.center.alias], fraction })
  }
  return { regions: ofRegions, pairs: ofPairs, uncounted }
}

/** A table that is not counted, such as an upload, is taken to lie where the other one is. */
async function countPairs(
  client: Client,
  { position, center, ...pair }: PairFilter,
): Promise<number | undefined> {
  const [a, b] = [position.table, center.table]
  const counted = await pairsInCells(client, named(a), named(b), pair.radiusDeg, !pair.distinct)
  if (counted !== undefined) return counted
  const [dense, other] = [await meanDensity(client, named(a)), await meanDensity(client, named(b))]
  const [density, rows] = dense !== undefined ? [dense, b.rows!] : [other, a.rows!]
  return density === undefined ? undefined : rows * (1 + density * Math.PI * pair.radiusDeg ** 2)
}

const named = ({ schema, name }: TableMeta) => ({ schema, table: name })

/** One region for each alias: several conditions on it hold together. */
function conjoined(filters: readonly RegionFilter[]): RegionFilter[] {
  const byAlias = new Map<string, RegionFilter[]>()
  for (const filter of filters) {
    const same = byAlias.get(filter.alias)
    if (same) same.push(filter)
    else byAlias.set(filter.alias, [filter])
  }
  return [...byAlias.values()].map(same => ({ ...same[0]!, region: together(same) }))
}

function together(filters: readonly RegionFilter[]): Region {
  if (filters.length === 1) return filters[0]!.region
  const middle = filters.length >> 1
  return { kind: 'and', left: together(filters.slice(0, middle)), right: together(filters.slice(middle)) }
}

/** What PostgreSQL makes of a region. */
function selectivity(region: Region): number {
  switch (region.kind) {
    case 'shape':
      return PGSPHERE_SELECTIVITY
    case 'not':
      return 1 - selectivity(region.part)
    case 'and':
      return selectivity(region.left) * selectivity(region.right)
    case 'or':
      return selectivity(region.left) + selectivity(region.right)
  }
}

/** Rows of the query; `plan` is that of the query without its conditions on positions. */
export function estimateRows(plan: PlanNode, { regions, pairs }: Fractions): number {
  const known = (scan: PlanNode): Known | undefined => {
    const paired = pairs.filter(p => p.aliases[0] === scan.alias)
    const ratio = paired.reduce((product, p) => product * p.fraction, regions.get(scan.alias!) ?? 1)
    return ratio === 1 ? undefined : { ratio }
  }
  return grow(plan, known).rows
}

/** Seconds of the plan that would run, for a result of so many rows and bytes. */
export function estimateSeconds(
  plan: PlanNode,
  filters: readonly RegionFilter[],
  { regions, pairs }: Fractions,
  result: { readonly rows: number; readonly bytes: number },
): number {
  const byAlias = new Map(conjoined(filters).map(filter => [filter.alias, filter]))
  const known = (scan: PlanNode): Known | undefined => {
    const filter = byAlias.get(scan.alias!)
    if (!filter) {
      const pair = isByPosition(scan) && pairs.find(p => p.aliases.includes(scan.alias!))
      return pair ? { ratio: pair.fraction / PAIR_SELECTIVITY } : undefined
    }
    const all = filter.table.rows ?? scan.rows
    const fraction = regions.get(filter.alias) ?? 1
    const most = all / Math.max(1, scan.rows)
    const ratio = Math.min(most, fraction / selectivity(filter.region))
    const kind = costliest(filter.region)
    const total = isByPosition(scan)
      ? scan.startup + (fraction * all * INDEXED_ROW[kind]) / UNIT
      : scan.total + (scan.type === 'Seq Scan' ? (all * SCANNED_ROW[kind]) / UNIT : 0)
    return { ratio, total }
  }
  const { total } = grow(plan, known)
  return QUERY_SECONDS + total * UNIT + result.rows * ROW_SECONDS + result.bytes * BYTE_SECONDS
}

/** Whether a scan goes through the index on positions. */
export function isByPosition({ indexCondition, inputs }: PlanNode): boolean {
  const conditions = [indexCondition, ...inputs.map(i => i.indexCondition)]
  return conditions.some(condition => condition?.includes('<@'))
}

function costliest(region: Region): keyof typeof INDEXED_ROW {
  if (region.kind === 'shape') return region.shape.kind
  const kinds = region.kind === 'not' ? [region.part] : [region.left, region.right]
  return kinds.map(costliest).includes('polygon') ? 'polygon' : 'circle'
}

const FIXED_BYTES: Partial<Record<string, number>> = {
  bool: 1,
  int2: 2,
  int4: 4,
  int8: 8,
  float4: 4,
  float8: 8,
}

/** Bytes of a VOTable BINARY2 of so many rows of a plan's average width. */
export function estimateBytes(plan: PlanNode, fields: readonly Field[], rows: number): number {
  const fixed = fields.map(field => FIXED_BYTES[wireType(field)])
  const certain = fixed.reduce<number>((sum, bytes) => sum + (bytes ?? 4), Math.ceil(fields.length / 8))
  const varying = fixed.includes(undefined) ? Math.max(0, plan.width - certain) : 0
  const head = 1000 + fields.length * 200
  return Math.round(head + (rows * (certain + varying) * 4) / 3)
}
