/**
 * Citus: the one place that knows its functions and catalogues. Tables are distributed by `hpx_shard`, which is the
 * same in all of them, so that rows of one part of the sky are on one node; small tables are copied to every node.
 */
import { ServiceError } from '../error.ts'
import type { Client } from './database.ts'
import { StatementError } from './error.ts'

export interface Citus {
  readonly version: string
  /** Nodes that hold shards. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
}

/** What every sharded table has. */
export const SHARD_COLUMN = 'hpx_shard'

/** The cluster whose coordinator the database is; undefined on one machine. */
export async function findCitus(client: Pick<Client, 'query'>): Promise<Citus | undefined> {
  const [found] = await client.query<{ version: string }>(
    `SELECT extversion AS version FROM pg_extension WHERE extname = 'citus'`,
  )
  if (!found) return undefined
  const nodes = await client.query<{ host: string; port: number }>(
    'SELECT nodename AS host, nodeport AS port FROM pg_catalog.pg_dist_node WHERE isactive AND shouldhaveshards ORDER BY nodeid',
  )
  return { version: found.version, nodes }
}

/** The cluster, or the reason why tables cannot be distributed. */
export async function requireCitus(client: Pick<Client, 'query'>): Promise<Citus> {
  const citus = await findCitus(client)
  if (!citus) {
    throw new ServiceError('usage', 'This database has no Citus: its tables are on one machine.', {
      detail:
        'docs/operate-citus.md says how to set up a cluster; DATABASE_URL then is that of the coordinator.',
    })
  }
  if (citus.nodes.length === 0) {
    throw new ServiceError('usage', 'The Citus cluster has no node that holds shards.', {
      detail: `On the coordinator: SELECT citus_add_node('host', 5432) for each of them.`,
    })
  }
  const [sphere] = await client.query(`SELECT FROM pg_extension WHERE extname = 'pg_sphere'`)
  if (!sphere) {
    throw new ServiceError('usage', 'On a cluster pgSphere must be an extension on every node.', {
      detail:
        'It is here as plain SQL, which Citus cannot copy. docs/operate-citus.md says how to install it.',
    })
  }
  return citus
}

export async function isDistributed(client: Pick<Client, 'query'>, table: string): Promise<boolean> {
  const found = await client.query(
    'SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = $1::regclass',
    [table],
  )
  return found.length > 0
}

/** Number of shards of every distributed or reference table, by `schema.table`. */
export async function shardCounts(client: Pick<Client, 'query'>): Promise<Map<string, number>> {
  if (!(await findCitus(client))) return new Map()
  const rows = await client.query<{ name: string; shards: number }>(
    `SELECT n.nspname || '.' || c.relname AS name, count(*)::int AS shards
       FROM pg_catalog.pg_dist_shard AS s JOIN pg_class AS c ON c.oid = s.logicalrelid
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
      GROUP BY 1`,
  )
  return new Map(rows.map(({ name, shards }) => [name, shards]))
}

/**
 * Distributes a table, with the rows that it has, by a column. Rows of tables with the same value are on the same
 * node. `table` is an SQL name.
 */
export async function shardTable(client: Client, table: string, column = SHARD_COLUMN): Promise<void> {
  await client.query('SELECT create_distributed_table($1::regclass, $2)', [table, column])
}

/** Copies a table to every node. */
export async function copyToNodes(client: Client, table: string): Promise<void> {
  await client.query('SELECT create_reference_table($1::regclass)', [table])
}

/** Rows that were in a table before it was distributed still take up the coordinator's disk. */
export async function dropLocalRows(client: Pick<Client, 'query'>, table: string): Promise<void> {
  await client.query('SELECT truncate_local_data_after_distributing_table($1::regclass)', [table])
}

/** What Citus says of statements that it cannot lay out over the nodes, with SQLSTATEs that others have, too. */
const CANNOT =
  /distribut|co-?located|repartition|push ?down|shard|lateral|complex joins|subquer(y|ies)|local table|reference table/i

/** A statement that Citus refuses, in words for the author of the query; undefined for any other error. */
export function clusterRefusal(error: unknown): ServiceError | undefined {
  if (!(error instanceof StatementError) || !/^(0A000|XX000)$/.test(error.sqlState)) return undefined
  if (!CANNOT.test(error.message)) return undefined
  return new ServiceError(
    'usage',
    'This query would have to move rows between the machines of the cluster.',
    {
      detail: [
        'Rows are on the same machine when they belong to the same object or are near each other on the sky. So:',
        '- join large tables by the identifier of the objects (such as objectid), or',
        '- find pairs within the radius of the neighbour table, by DISTANCE(…) < 2 / 3600.0 or CONTAINS, or',
        '- count what matches a row by LEFT JOIN and GROUP BY, not by a sub-query for each row, or',
        '- choose the rows of one of the tables first, in a job, and join its result as an upload.',
        `(Citus: ${error.message})`,
      ].join('\n'),
      cause: error,
    },
  )
}

/**
 * The nodes ask each other under the role of the query, so that it must be able to log in. It has no password: who may
 * come as that role, only other nodes, is said in each node's pg_hba.conf.
 */
export async function letIn(client: Pick<Client, 'query'>, role: string): Promise<void> {
  await client.query(`ALTER ROLE "${role.replaceAll('"', '""')}" LOGIN`)
}

/** Which nodes answer all others. */
export async function nodesAnswer(
  client: Pick<Client, 'query'>,
): Promise<{ readonly name: string; readonly answers: boolean }[]> {
  return client.query(
    `SELECT to_nodename || ':' || to_nodeport AS name, bool_and(coalesce(result, false)) AS answers
       FROM citus_check_cluster_node_health() GROUP BY 1 ORDER BY 1`,
  )
}

/** Which nodes have pgSphere as an extension. */
export async function sphereOnNodes(
  client: Pick<Client, 'query'>,
): Promise<{ readonly name: string; readonly extension: boolean }[]> {
  return client.query(
    `SELECT nodename || ':' || nodeport AS name, success AND result = '1' AS extension
       FROM run_command_on_all_nodes($$SELECT count(*) FROM pg_extension WHERE extname = 'pg_sphere'$$)
            JOIN pg_catalog.pg_dist_node USING (nodeid)`,
  )
}

export interface ShardedTable {
  /** `schema.table` in PostgreSQL. */
  readonly name: string
  readonly kind: 'sharded' | 'reference'
  readonly column: string | undefined
  readonly colocation: number
  readonly shards: number
  readonly bytes: number
  /** Largest shard over the mean of all. */
  readonly skew: number
}

/** Distributed and reference tables with their sizes. */
export async function shardedTables(client: Pick<Client, 'query'>): Promise<ShardedTable[]> {
  const rows = await client.query<{
    name: string
    method: string
    column: string | null
    colocation: number
    shards: number
    bytes: number
    largest: number
  }>(
    `SELECT p.logicalrelid::text AS name, p.partmethod AS method,
            column_to_column_name(p.logicalrelid, p.partkey) AS column, p.colocationid AS colocation,
            count(s.shardid)::int AS shards, coalesce(sum(s.shard_size), 0)::float8 AS bytes,
            coalesce(max(s.shard_size), 0)::float8 AS largest
       FROM pg_catalog.pg_dist_partition AS p LEFT JOIN citus_shards AS s ON s.table_name = p.logicalrelid
      WHERE p.partmethod IN ('h', 'n') GROUP BY 1, 2, 3, 4 ORDER BY 1`,
  )
  return rows.map(({ name, method, column, colocation, shards, bytes, largest }) => ({
    name,
    kind: method === 'h' ? 'sharded' : 'reference',
    column: column ?? undefined,
    colocation,
    shards,
    bytes,
    skew: bytes > 0 ? (largest * shards) / bytes : 1,
  }))
}
