/**
 * pgSphere in a schema of its own, so that `search_path = pg_catalog, pgsphere` finds its operators and no user
 * can shadow them.
 *
 * Debian 12's pgSphere 1.2.0 cannot be created as an extension on PostgreSQL 15.20: its script defines `@` for
 * (bigint, smoc) and (spoint, smoc) with `@>` as commutator, which PostgreSQL now refuses because `@>` belongs
 * to `<@`. Upstream dropped both operators, and so does `loadScript`, which runs the packaged script as plain
 * SQL. That serves one machine (index, `<@`, dump and restore). Citus copies only types that belong to an
 * extension: there every node needs the corrected script beside the packaged files, put there by root.
 */
import type pg from 'pg'

export interface PgSphere {
  /** Where type `spoint` lives. */
  readonly schema: string
  readonly from: 'extension' | 'script'
}

const SCHEMA = 'pgsphere'

/**
 * Makes pgSphere usable in the connection's database; what is there already is kept, in whatever schema it is.
 * Needs a superuser and no open transaction.
 */
export async function installPgSphere(client: pg.ClientBase): Promise<PgSphere> {
  let schema = await pgSphereSchema(client)
  if (!schema) {
    schema = SCHEMA
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`)
    try {
      await client.query(`CREATE EXTENSION pg_sphere SCHEMA ${SCHEMA}`)
    } catch (error) {
      if (!/commutator operator .* is already the commutator/.test((error as Error).message)) throw error
      await loadScript(client)
    }
    await client.query(`GRANT USAGE ON SCHEMA ${SCHEMA} TO PUBLIC`)
  }
  await markParallelSafe(client, schema)
  const extension = await client.query(`SELECT 1 FROM pg_extension WHERE extname = 'pg_sphere'`)
  return { schema, from: extension.rowCount ? 'extension' : 'script' }
}

/** The schema that holds pgSphere, or undefined when the database has none. */
export async function pgSphereSchema(client: pg.ClientBase): Promise<string | undefined> {
  const { rows } = await client.query<{ nspname: string }>(
    `SELECT n.nspname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
     WHERE t.typname = 'spoint' AND t.typtype = 'b' ORDER BY n.nspname = '${SCHEMA}' DESC LIMIT 1`,
  )
  return rows[0]?.nspname
}

/** Runs in one statement, so in one transaction: PL/pgSQL's EXECUTE takes a whole script. */
async function loadScript(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ script: string }>(
    `SELECT pg_read_file(c.setting || '/extension/pg_sphere--' || e.default_version || '.sql') AS script
     FROM pg_config c, pg_available_extensions e WHERE c.name = 'SHAREDIR' AND e.name = 'pg_sphere'`,
  )
  const packaged = rows[0]
  if (!packaged) throw new Error('pgSphere is not installed beside this PostgreSQL')
  await client.query(`DO $almagest$ BEGIN
    PERFORM set_config('search_path', '${SCHEMA}, pg_catalog', true);
    PERFORM set_config('client_min_messages', 'warning', true);
    EXECUTE $script$${plainScript(packaged.script)}$script$;
  END $almagest$`)
}

/** The packaged extension script as SQL that runs outside CREATE EXTENSION, without the two obsolete operators. */
export function plainScript(packaged: string): string {
  return packaged
    .replace(/^\\.*$/gm, '')
    .replaceAll('MODULE_PATHNAME', '$libdir/pg_sphere')
    .replace(/CREATE OPERATOR @ \(\s*LEFTARG\s*=\s*(bigint|spoint),\s*RIGHTARG\s*=\s*smoc,[^;]*;/g, '')
    .replace(/COMMENT ON OPERATOR @ \((bigint|spoint), smoc\)[^;]*;/g, '')
}

/** pgSphere 1.2.0 leaves most functions PARALLEL UNSAFE, which keeps every region query on one core. */
async function markParallelSafe(client: pg.ClientBase, schema: string): Promise<void> {
  await client.query(`DO $$ DECLARE f regprocedure; BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
      WHERE p.pronamespace = '${schema.replaceAll("'", "''")}'::regnamespace AND l.lanname = 'c'
        AND p.prokind = 'f' AND p.provolatile = 'i' AND p.proparallel <> 's' AND p.probin = '$libdir/pg_sphere'
    LOOP EXECUTE format('ALTER FUNCTION %s PARALLEL SAFE', f); END LOOP;
  END $$`)
}
