/** What a plan means for the one who asks: by which index, or how much is read from end to end. */
import type { TableMeta, Tables } from '../adql/tables.ts'
import { isByPosition } from './estimate.ts'
import { everyNode, type PlanNode } from './plan-tree.ts'

export type PlanClass =
  /** No table is read. */
  | 'constant'
  /** Only tables so small that it does not matter how. */
  | 'small'
  | 'index'
  | 'full scan'
  /** Every row of one table against every row of another. */
  | 'nested scan'

export interface PlanFacts {
  readonly class: PlanClass
  /** The indexes used, as `schema.table (columns)`. */
  readonly index: string | null
  /** Tables read from end to end. */
  readonly scanned: readonly TableMeta[]
}

/** Rows below which a full scan is no news. */
const SMALL = 10_000
/** Pairs of rows below which a nested loop is no news. */
const FEW_PAIRS = 10_000_000

export function planFacts(plan: PlanNode, tables: Tables): PlanFacts {
  const reads = scans(plan, 1).flatMap(({ node, part }) => {
    const table = tables.all.find(t => t.sqlSchema === node.schema && t.sqlName === node.table)
    return table ? [{ node, part, table }] : []
  })
  const isScanned = ({ node, part, table }: (typeof reads)[number]) =>
    isUnbounded(node) && (table.rows ?? node.rows) * part >= SMALL
  const scanned = reads.filter(isScanned).map(({ table }) => table)
  const used = reads.filter(r => !isScanned(r)).flatMap(({ node, table }) => indexOf(node, table) ?? [])
  const kind: PlanClass = everyNode(plan).some(isNestedScan)
    ? 'nested scan'
    : scanned.length > 0
      ? 'full scan'
      : used.length > 0
        ? 'index'
        : scans(plan, 1).length > 0
          ? 'small'
          : 'constant'
  return {
    class: kind,
    index: used.length > 0 ? [...new Set(used)].join(', ') : null,
    scanned: [...new Set(scanned)],
  }
}

/** The scans of stored tables, and the part of each that is read before a LIMIT has enough. */
function scans(node: PlanNode, part: number): { node: PlanNode; part: number }[] {
  if (node.table !== undefined) return [{ node, part }]
  const input = node.inputs[0]
  const stops = node.type === 'Limit' && input !== undefined && node.rows < input.rows
  const reads = stops ? part * (node.rows / input.rows) : readsAll(node) ? 1 : part
  return [
    ...node.inputs.flatMap((each, i) => scans(each, i === 0 ? reads : 1)),
    ...node.beside.flatMap(each => scans(each, 1)),
  ]
}

/** Nothing tells where to begin and end, though it may go in the order of an index. */
function isUnbounded({ indexCondition, inputs }: PlanNode): boolean {
  return indexCondition === undefined && inputs.every(isUnbounded)
}

const readsAll = ({ type }: PlanNode) => /^(Sort|Hash|Aggregate|WindowAgg|SetOp|Materialize)$/.test(type)

function isNestedScan({ type, inputs }: PlanNode): boolean {
  const [outer, inner] = inputs
  if (type !== 'Nested Loop' || !outer || !inner) return false
  const unindexed = !everyNode(inner).some(node => node.index !== undefined)
  return unindexed && outer.rows * inner.rows >= FEW_PAIRS
}

/** The columns of a table's index, from the condition that goes through it. */
function indexOf(node: PlanNode, table: TableMeta): string | undefined {
  const through = [node, ...node.inputs].find(n => n.index !== undefined)
  if (!through) return undefined
  const name = `${table.schema}.${table.name}`
  if (isByPosition(node) && table.position) {
    const { ra, dec } = table.position
    return `${name} (${published(table, ra)}, ${published(table, dec)})`
  }
  const condition = through.indexCondition ?? ''
  const columns = table.columns.filter(c => mentions(condition, node.alias, c.sqlName)).map(c => c.field.name)
  return columns.length > 0 ? `${name} (${columns.join(', ')})` : name
}

const published = (table: TableMeta, sqlName: string): string =>
  table.columns.find(c => c.sqlName === sqlName)?.field.name ?? sqlName

function mentions(condition: string, alias: string | undefined, column: string): boolean {
  return [`${alias}.${column}`, `${alias}."${column}"`].some(name => {
    const at = condition.indexOf(name)
    return at >= 0 && !/\w/.test(condition[at + name.length] ?? '')
  })
}
