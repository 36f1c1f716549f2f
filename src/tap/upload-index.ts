/**
 * Which uploads an index on their positions pays for. It takes as long as all the rest of an upload (1e5 rows: 0.7 s), a
 * match with a catalogue goes by the catalogue's own, and a cone on 1e5 rows takes 0.1 s without. So the plan without
 * one is looked at: where pairs are tried one by one, an index is made for the uploads among them.
 */
import type { TableMeta } from '../adql/tables.ts'
import type { Client } from '../db/database.ts'

/** A node of EXPLAIN (FORMAT JSON). */
export interface PlanNode {
  readonly 'Node Type': string
  readonly 'Parent Relationship'?: string
  readonly 'Relation Name'?: string
  readonly Alias?: string
  readonly 'Join Filter'?: string
  readonly Filter?: string
  readonly 'Plan Rows': number
  readonly Plans?: readonly PlanNode[]
}

/** Pairs that are tried one by one in half a second. */
const MOST_PAIRS = 500_000

/** In the transaction in which the uploads were made; `sql` is the query's text with $1 … */
export async function indexWherePays(
  client: Client,
  uploads: readonly TableMeta[],
  sql: string,
): Promise<void> {
  const placed = uploads.filter(({ position }) => position !== undefined)
  if (placed.length === 0 || !sql.includes('<@')) return
  const plan = await planOf(client, sql)
  if (!plan) return
  const filters = triedOneByOne(plan, 1, uploads)
  for (const upload of placed) {
    const aliases = aliasesOf(plan, upload.sqlName)
    if (!aliases.some(alias => filters.some(filter => positionIn(filter, alias, upload)))) continue
    const { ra, dec } = upload.position!
    await client.query(
      `CREATE INDEX ON pg_temp.${upload.sqlName} USING gist (spoint(radians(${ra}), radians(${dec})))`,
    )
  }
}

/** The plan whatever the parameters are; undefined for a query that PostgreSQL refuses, which tells so when it runs. */
async function planOf(client: Client, sql: string): Promise<PlanNode | undefined> {
  const name = 'almagest_upload_plan'
  const parameters = Math.max(0, ...(sql.match(/\$\d+/g) ?? []).map(p => Number(p.slice(1))))
  const values = parameters > 0 ? `(${Array(parameters).fill('NULL').join(', ')})` : ''
  await client.query('SAVEPOINT upload_plan')
  try {
    await client.query('SET LOCAL plan_cache_mode = force_generic_plan')
    await client.query(`PREPARE ${name} AS ${sql}`)
    const [row] = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `EXPLAIN (FORMAT JSON, VERBOSE) EXECUTE ${name}${values}`,
    )
    return row!['QUERY PLAN'][0].Plan
  } catch {
    return undefined
  } finally {
    // What was prepared outlives it, and so is looked for.
    await client.query('ROLLBACK TO SAVEPOINT upload_plan')
    const left = await client.query('SELECT FROM pg_prepared_statements WHERE name = $1', [name])
    if (left.length > 0) await client.query(`DEALLOCATE ${name}`)
  }
}

/** Conditions on regions that are tried for too many pairs; `loops`: how often the node runs. */
export function triedOneByOne(node: PlanNode, loops: number, uploads: readonly TableMeta[]): string[] {
  const found: string[] = []
  const children = node.Plans ?? []
  const outer = children.find(child => child['Parent Relationship'] === 'Outer')
  const inner = children.find(child => child['Parent Relationship'] === 'Inner')
  const { 'Join Filter': joinFilter, Filter: filter } = node
  if (node['Node Type'] === 'Nested Loop' && joinFilter?.includes('<@') && outer && inner) {
    if (loops * rowsOf(outer, uploads) * rowsOf(inner, uploads) > MOST_PAIRS) found.push(joinFilter)
  }
  if (node['Node Type'] === 'Seq Scan' && filter?.includes('<@') && loops > 1) {
    if (loops * rowsOf(node, uploads) > MOST_PAIRS) found.push(filter)
  }
  for (const child of children) {
    const isLoop = node['Node Type'] === 'Nested Loop' && child === inner
    const isSubPlan = child['Parent Relationship'] === 'SubPlan'
    const times = isLoop ? rowsOf(outer!, uploads) : isSubPlan ? node['Plan Rows'] : 1
    found.push(...triedOneByOne(child, loops * Math.max(1, times), uploads))
  }
  return found
}

/** Of an upload all rows: what a condition leaves of them is a guess, while its parameters are not known. */
function rowsOf(node: PlanNode, uploads: readonly TableMeta[]): number {
  if (node['Node Type'] === 'Materialize') return rowsOf(node.Plans![0]!, uploads)
  const upload = uploads.find(({ sqlName }) => sqlName === node['Relation Name'])
  return upload?.rows ?? node['Plan Rows']
}

function aliasesOf(node: PlanNode, table: string): string[] {
  const own = node['Relation Name'] === table && node.Alias !== undefined ? [node.Alias] : []
  return [...own, ...(node.Plans ?? []).flatMap(child => aliasesOf(child, table))]
}

/** Whether the upload's position is what is looked for in a region. */
function positionIn(filter: string, alias: string, { position }: TableMeta): boolean {
  const column = (name: string) =>
    `radians\\(\\(*"?${alias.replace(/[^\w]/g, '\\$&')}"?\\.${name}\\)*(::double precision)?\\)*`
  const { ra, dec } = position!
  return new RegExp(`spoint\\(${column(ra)}, ${column(dec)}\\) <@`).test(filter)
}
