/** PostgreSQL's plan of a query, as `EXPLAIN (VERBOSE, FORMAT YAML)` tells it: the one form that travels as text. */
import { parse as parseYaml } from 'yaml'

export interface PlanNode {
  /** `Seq Scan`, `Hash Join` … */
  readonly type: string
  /** Estimated rows, of each turn of a loop and of each parallel process. */
  readonly rows: number
  /** Bytes of a row. */
  readonly width: number
  /** Cost before the first row and after the last, in PostgreSQL's units. */
  readonly startup: number
  readonly total: number
  readonly alias: string | undefined
  readonly schema: string | undefined
  readonly table: string | undefined
  readonly index: string | undefined
  readonly indexCondition: string | undefined
  readonly joinType: string | undefined
  /** Of an Aggregate: Plain, Sorted, Hashed, Mixed. */
  readonly strategy: string | undefined
  /** Of a CTE Scan: the WITH query that it reads. */
  readonly cte: string | undefined
  /** Of an InitPlan: `CTE name` and the like. */
  readonly subplan: string | undefined
  /** The inputs, the outer one first. */
  readonly inputs: readonly PlanNode[]
  /** Sub-queries that run beside. */
  readonly beside: readonly PlanNode[]
  /** Tasks on the nodes of a Citus cluster. */
  readonly tasks: number | undefined
}

type Yaml = Readonly<Record<string, unknown>>

export const EXPLAIN = 'EXPLAIN (VERBOSE, FORMAT YAML) '

export function readPlan(yaml: string): PlanNode {
  const [explained] = parseYaml(yaml) as Yaml[]
  return node(explained!.Plan as Yaml)
}

function node(raw: Yaml): PlanNode {
  const text = (key: string) => (raw[key] === undefined ? undefined : String(raw[key]))
  const plans = (raw.Plans as Yaml[] | undefined) ?? []
  const isBeside = (plan: Yaml) => /InitPlan|SubPlan/.test(String(plan['Parent Relationship']))
  return {
    type: text('Node Type') ?? '',
    rows: Number(raw['Plan Rows']),
    width: Number(raw['Plan Width']),
    startup: Number(raw['Startup Cost']),
    total: Number(raw['Total Cost']),
    alias: text('Alias'),
    // A session's own schema for temporary tables has a number.
    schema: text('Schema')?.replace(/^pg_temp_\d+$/, 'pg_temp'),
    table: text('Relation Name'),
    index: text('Index Name'),
    indexCondition: text('Index Cond'),
    joinType: text('Join Type'),
    strategy: text('Strategy'),
    cte: text('CTE Name'),
    subplan: text('Subplan Name'),
    inputs: plans.filter(plan => !isBeside(plan)).map(node),
    beside: plans.filter(isBeside).map(node),
    tasks: taskCount(raw['Distributed Query']),
  }
}

/** Citus: `Distributed Query: Job: Task Count`. */
function taskCount(distributed: unknown): number | undefined {
  const job = (distributed as { Job?: Yaml } | undefined)?.Job
  return job === undefined ? undefined : Number(job['Task Count'])
}

/** A node and all below it, with what runs beside. */
export function everyNode(plan: PlanNode): PlanNode[] {
  return [plan, ...[...plan.beside, ...plan.inputs].flatMap(everyNode)]
}
