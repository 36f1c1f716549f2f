/** What `doctor` says of a Citus cluster: its nodes, what lies where, and what is not as it should be. */
import { findCitus, nodesAnswer, shardedTables, sphereOnNodes } from './db/citus.ts'
import type { Database } from './db/database.ts'
import type { Check } from './doctor.ts'

/** Largest shard over the mean: at order 7 a survey of the whole sky has 1.45. */
const SKEWED = 3
/** Bytes below which the skew of a table is no news. */
const SMALL = 100e6

/** Nothing on one machine. */
export async function clusterChecks(db: Database): Promise<readonly Check[]> {
  const citus = await findCitus(db)
  if (!citus) return []
  const nodes = citus.nodes.map(({ host, port }) => `${host}:${port}`)
  if (nodes.length === 0) {
    return [
      {
        name: 'citus',
        state: 'warning',
        message: `${citus.version}, without nodes that hold shards`,
        hint: `On the coordinator: SELECT citus_add_node('host', 5432) for each node.`,
      },
    ]
  }
  const checks: Check[] = [
    { name: 'citus', state: 'ok', message: `${citus.version}; shards on ${nodes.join(', ')}` },
  ]
  const silent = (await nodesAnswer(db)).filter(node => !node.answers).map(node => node.name)
  if (silent.length > 0) {
    checks.push({
      name: 'citus',
      state: 'error',
      message: `${silent.join(', ')} cannot be reached: queries of the shards there are answered 503`,
      hint: 'Start it again; nothing else is to be done.',
    })
    return checks
  }
  return [...checks, ...(await sphereChecks(db)), ...(await tableChecks(db))]
}

async function sphereChecks(db: Database): Promise<readonly Check[]> {
  const lacking = (await sphereOnNodes(db)).filter(node => !node.extension).map(node => node.name)
  if (lacking.length === 0) return []
  return [
    {
      name: 'pgsphere',
      state: 'error',
      message: `is no extension on ${lacking.join(', ')}: tables cannot be distributed there`,
      hint: 'docs/operate-citus.md, "pgSphere on every node", has the commands.',
    },
  ]
}

async function tableChecks(db: Database): Promise<readonly Check[]> {
  const tables = await shardedTables(db)
  const sharded = tables.filter(table => table.kind === 'sharded')
  const checks = sharded.map((table): Check => {
    const { name, shards, bytes, skew } = table
    const message = `${name}: ${shards} shards, ${size(bytes)}, the largest ${skew.toFixed(2)} times the mean`
    if (skew > SKEWED && bytes > SMALL) {
      return {
        name: 'shards',
        state: 'warning',
        message,
        hint: 'A small part of the sky fills few cells: more shards, or a finer order, spread it.',
      }
    }
    return { name: 'shards', state: 'ok', message }
  })
  const groups = new Set(sharded.map(table => table.colocation))
  if (groups.size > 1) {
    checks.push({
      name: 'shards',
      state: 'error',
      message: `the sharded tables are in ${groups.size} groups, between which nothing can be joined`,
      hint: 'Distribute them with the same number of shards (citus.shard_count).',
    })
  }
  return [...checks, ...(await indexChecks(db))]
}

/** Without an index each shard is read from end to end for one object. */
async function indexChecks(db: Database): Promise<readonly Check[]> {
  const rows = await db.query<{ table: string; column: string }>(
    `SELECT t.table_name AS table, id AS column
       FROM almagest.published_table AS t, unnest(t.cell_ids) AS id
      WHERE t.distribution = 'sharded' AND NOT EXISTS (
        SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
         WHERE i.indrelid = to_regclass(format('%I.%I', t.sql_schema, t.sql_table)) AND a.attname = id)`,
  )
  return rows.map(({ table, column }) => ({
    name: 'shards',
    state: 'warning',
    message: `${table} has no index on ${column}`,
    hint: `CREATE INDEX ON it, if rows are looked up by ${column}.`,
  }))
}

function size(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`
}
