/**
 * A plan worked out again with other numbers of rows at its scans: PostgreSQL's estimates of everything else are
 * kept, in proportion. It estimates joins, filters and sorts well enough; what it does not know is regions.
 */
import type { PlanNode } from './plan-tree.ts'

export interface Growth {
  /** Rows of the node now. */
  readonly rows: number
  /** Cost now, in PostgreSQL's units. */
  readonly startup: number
  readonly total: number
}

/** What is known better of a scan than PostgreSQL knows. */
export interface Known {
  /** True rows over PostgreSQL's. */
  readonly ratio: number
  /** Cost, when it is known, too. */
  readonly total?: number
}

export type Knows = (scan: PlanNode) => Known | undefined

export function grow(plan: PlanNode, knows: Knows): Growth {
  return growNode(plan, knows, new Map())
}

function growNode(node: PlanNode, knows: Knows, ctes: Map<string, number>): Growth {
  let besideCost = 0
  for (const plan of node.beside) {
    const grown = growNode(plan, knows, ctes)
    const name = /^CTE (.+)$/.exec(plan.subplan ?? '')?.[1]
    if (name !== undefined) ctes.set(name, ratioOf(plan, grown))
    // What runs once is in the node's cost; what runs for each row is priced in its conditions.
    if (plan.subplan?.startsWith('SubPlan') !== true) besideCost += grown.total - plan.total
  }
  const inputs = node.inputs.map(input => growNode(input, knows, ctes))
  const grown = inputs.length === 0 || node.alias !== undefined ? scan() : composed()
  return { ...grown, startup: grown.startup + besideCost, total: grown.total + besideCost }

  function scan(): Growth {
    const known = node.alias === undefined ? undefined : knows(node)
    const cteRatio = node.cte === undefined ? undefined : ctes.get(node.cte)
    const inputRatio = inputs[0] && node.inputs[0] ? ratioOf(node.inputs[0], inputs[0]) : 1
    const isBitmap = node.type === 'Bitmap Heap Scan'
    const rows = node.rows * (known?.ratio ?? cteRatio ?? (isBitmap ? 1 : inputRatio))
    const total = known?.total ?? node.total + sum(inputs, i => i.total) - sum(node.inputs, i => i.total)
    return { rows, startup: Math.min(node.startup, total), total }
  }

  function composed(): Growth {
    const rows = rowsOf(node, inputs)
    if (node.type === 'Limit') return limited(rows)
    if (node.type === 'Nested Loop') return { rows, ...nestedCost() }
    const own = node.total - sum(node.inputs, i => i.total)
    const work = (sum(inputs, i => i.rows) + 1) / (sum(node.inputs, i => i.rows) + 1)
    const total = sum(inputs, i => i.total) + Math.max(0, own) * work
    // A sort or a hash gives its first row when it has read its input: then the rest follows.
    const blocks = node.startup >= 0.9 * Math.max(...node.inputs.map(i => i.total))
    const first = blocks ? total - (node.total - node.startup) * work : sum(inputs, i => i.startup)
    return { rows, startup: Math.min(total, Math.max(0, first)), total }
  }

  /** The part of its input that it asks for. */
  function limited(rows: number): Growth {
    const input = inputs[0]!
    const part = input.rows > 0 ? Math.min(1, rows / input.rows) : 1
    return { rows, startup: input.startup, total: input.startup + (input.total - input.startup) * part }
  }

  /** The inner side runs for each row of the outer one. */
  function nestedCost(): { startup: number; total: number } {
    const [outer, inner] = inputs as [Growth, Growth]
    const [before, loop] = node.inputs as [PlanNode, PlanNode]
    const turn = Math.max(0, node.total - before.total) / Math.max(1, before.rows)
    const dearer = loop.total > 0 ? inner.total / loop.total : 1
    return { startup: outer.startup + inner.startup, total: outer.total + outer.rows * turn * dearer }
  }
}

const sum = <T>(list: readonly T[], of: (item: T) => number): number => list.reduce((s, i) => s + of(i), 0)
const ratioOf = (node: PlanNode, grown: Growth): number => (node.rows > 0 ? grown.rows / node.rows : 1)

function rowsOf(node: PlanNode, grown: readonly Growth[]): number {
  const [first, second] = node.inputs
  const [a, b] = grown
  if (!first || !a) return node.rows
  const outer = ratioOf(first, a)
  if (second && b && /Join|Nested Loop/.test(node.type)) return joined(node, outer * ratioOf(second, b), a, b)
  switch (node.type) {
    case 'Limit':
      return node.rows < first.rows ? Math.min(node.rows, a.rows) : a.rows
    case 'Aggregate':
      return node.strategy === 'Plain' ? node.rows : groups(node, first, a)
    case 'Unique':
    case 'Group':
      return groups(node, first, a)
    case 'Append':
    case 'Merge Append':
      return sum(grown, g => g.rows)
    default:
      return node.rows * outer
  }
}

/** Outer joins keep every row of a side, anti joins those that find no partner. */
function joined(node: PlanNode, both: number, outer: Growth, inner: Growth): number {
  const matches = node.rows * both
  switch (node.joinType) {
    case 'Left':
      return Math.max(matches, outer.rows)
    case 'Right':
      return Math.max(matches, inner.rows)
    case 'Full':
      return Math.max(matches, outer.rows, inner.rows)
    case 'Semi':
      return Math.min(matches, outer.rows)
    case 'Anti': {
      const before = node.inputs[0]!.rows
      return Math.max(0, outer.rows - (before - node.rows) * both)
    }
    default:
      return matches
  }
}

/**
 * Different values among n rows of D equally frequent ones: D (1 − e^(−n/D)) (Cardenas 1975), in proportion to
 * PostgreSQL's estimate.
 */
function groups(node: PlanNode, input: PlanNode, grown: Growth): number {
  const seen = (n: number) => 1 - Math.exp(-n / Math.max(1, node.rows))
  if (input.rows <= 0) return node.rows
  return Math.min(grown.rows, (node.rows * seen(grown.rows)) / seen(input.rows))
}
