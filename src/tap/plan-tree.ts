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

/** `shards`: of a plan that stands for each of so many, whose tables then have numbers. */
function node(raw: Yaml, shards?: number): PlanNode {
  const text = (key: string) => (raw[key] === undefined ? undefined : String(raw[key]))
  const plans = (raw.Plans as Yaml[] | undefined) ?? []
  const job = jobOf(raw['Distributed Query'])
  if (job) return onNodes(raw, job)
  const isBeside = (plan: Yaml) => /InitPlan|SubPlan/.test(String(plan['Parent Relationship']))
  return {
    type: text('Node Type') ?? '',
    rows: Number(raw['Plan Rows']) * (shards ?? 1),
    width: Number(raw['Plan Width']),
    startup: Number(raw['Startup Cost']),
    total: Number(raw['Total Cost']) * (shards ?? 1),
    alias: text('Alias'),
    // A session's own schema for temporary tables has a number.
    schema: text('Schema')?.replace(/^pg_temp_\d+$/, 'pg_temp'),
    table: shards === undefined ? text('Relation Name') : text('Relation Name')?.replace(/_\d+$/, ''),
    index: text('Index Name'),
    indexCondition: text('Index Cond'),
    joinType: text('Join Type'),
    strategy: text('Strategy'),
    cte: text('CTE Name'),
    subplan: text('Subplan Name'),
    inputs: plans.filter(plan => !isBeside(plan)).map(plan => node(plan, shards)),
    beside: plans.filter(isBeside).map(plan => node(plan, shards)),
    tasks: undefined,
  }
}

interface Job {
  readonly 'Task Count': number
  readonly Tasks?: readonly { readonly 'Remote Plan'?: readonly { readonly Plan: Yaml }[] }[]
}

function jobOf(distributed: unknown): Job | undefined {
  return (distributed as { Job?: Job } | undefined)?.Job
}

/** Citus tells the plan of one of the shards that it asks; the others are like it. */
function onNodes(raw: Yaml, job: Job): PlanNode {
  const tasks = Number(job['Task Count'])
  const remote = job.Tasks?.[0]?.['Remote Plan']?.[0]?.Plan
  const below = remote ? [node(remote, tasks)] : []
  const shown = below[0]
  return {
    ...node({ ...raw, 'Distributed Query': undefined }),
    rows: shown?.rows ?? Number(raw['Plan Rows']),
    total: shown?.total ?? 0,
    inputs: below,
    beside: subplans(raw),
    tasks,
  }
}

/** Queries that are answered first, whose rows are then sent to the nodes. */
function subplans(raw: Yaml): PlanNode[] {
  const { Subplans } = raw['Distributed Query'] as {
    Subplans?: readonly { readonly PlannedStmt?: readonly { readonly Plan: Yaml }[] }[]
  }
  return (Subplans ?? []).flatMap(({ PlannedStmt }) => (PlannedStmt ?? []).map(({ Plan }) => node(Plan)))
}

/** A node and all below it, with what runs beside. */
export function everyNode(plan: PlanNode): PlanNode[] {
  return [plan, ...[...plan.beside, ...plan.inputs].flatMap(everyNode)]
}
