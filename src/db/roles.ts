/**
 * NOLOGIN roles under which queries run, and their grants: the second wall behind the resolver. The rules are in
 * almagest.access_rule (sql/000012); grants are made to follow them here, and nowhere else.
 */
import { ServiceError } from '../error.ts'
import { findCitus, letIn } from './citus.ts'
import type { Client } from './database.ts'
import { sqlStateOf } from './error.ts'

/** NOLOGIN role under which everybody's queries run: it can read what is published to the public, nothing else. */
export const PUBLIC_ROLE = 'almagest_public'

/** Any number; it names the lock that makes changes of grants come one after the other. */
const LOCK = 4_210_222
/** Roles, views, operators, grants, and one more. */
const ROUNDS = 5

/**
 * Grants every published table to those that the rules name, in the caller's transaction: at publication, when a rule
 * changes, when a release date passes. Does nothing, and takes no lock, when all is as it should be.
 * Throws `forbidden` with the statements for a DBA where the owner may not make roles.
 */
export async function applyAccess(client: Client): Promise<void> {
  if ((await differences(client)).length === 0) return
  // Held to the end of the transaction: a table that is just being published is seen by whoever changes a rule.
  await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
  for (let round = 0; round < ROUNDS; round++) {
    const statements = await differences(client)
    if (statements.length === 0) return
    for (const statement of statements) await run(client, statement)
  }
  const left = await differences(client)
  if (left.length === 0) return
  throw new ServiceError('forbidden', 'PostgreSQL did not carry out what the access rules ask for.', {
    detail: `The tables may belong to another user, who must run:\n${left.join(';\n')};`,
  })
}

async function run(client: Client, statement: string): Promise<void> {
  try {
    const [made] = await client.query<{ role?: string }>(statement)
    if (made?.role !== undefined && (await findCitus(client))) await letIn(client, made.role)
  } catch (error) {
    if (sqlStateOf(error) !== '42501') throw error
    throw new ServiceError('forbidden', 'The database user lacks rights to let groups in.', {
      detail: [
        'A DBA must run, with the name of that user in place of OWNER:',
        'ALTER ROLE OWNER CREATEROLE;',
        `GRANT ${PUBLIC_ROLE} TO OWNER WITH ADMIN OPTION;`,
        'or only this one, which failed (OWNER needs to be a member of each role that it makes):',
        `${statement};`,
      ].join('\n'),
      cause: error,
    })
  }
}

/** Roles first, then the views of open collections, then grants: each step sees what the one before has made. */
async function differences(client: Client): Promise<readonly string[]> {
  for (const find of [MISSING_ROLES, MISSING_VIEWS, `${LEAKY_OPERATORS} AND ${IS_SUPERUSER}`, WRONG_GRANTS]) {
    const rows = await client.query<{ statement: string }>(find)
    if (rows.length > 0) return rows.map(row => row.statement)
  }
  return []
}

const MISSING_ROLES = `
  SELECT format('SELECT %1$L AS role, almagest.make_role(%1$L, ARRAY[%2$L])', g.role, '${PUBLIC_ROLE}') AS statement
    FROM (SELECT DISTINCT almagest.group_role(unnest(groups)) AS role FROM almagest.access_rule) AS g
   WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = g.role AND pg_has_role(r.oid, 'MEMBER')
                        AND pg_has_role(r.rolname, '${PUBLIC_ROLE}', 'MEMBER'))`

/** Barriers, so that no condition of a query sees a row before the filter has passed it. */
const MISSING_VIEWS = `
  SELECT statement
    FROM (VALUES
      (1, 'almagest', 'CREATE VIEW almagest.obscore_seen WITH (security_barrier) AS
         SELECT * FROM almagest.obscore AS o
          WHERE o.obs_collection NOT IN (SELECT a.name FROM almagest.access_now AS a
                 WHERE a.kind = ''collection'' AND NOT a.is_open AND NOT almagest.is_in(a.groups))'),
      (2, 'ivoa', 'CREATE VIEW ivoa.obscore_seen WITH (security_barrier) AS SELECT * FROM almagest.obscore_seen')
    ) AS v (place, schema, statement)
   WHERE EXISTS (SELECT FROM almagest.access_now WHERE kind = 'collection' AND NOT is_open)
     AND EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                  WHERE n.nspname = v.schema AND c.relname = 'obscore' AND c.relkind = 'v')
     AND NOT EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                      WHERE n.nspname = v.schema AND c.relname = 'obscore_seen')
   ORDER BY place`

/**
 * Behind a barrier PostgreSQL uses an index only for operators that are declared to tell nothing of what they see.
 * pgSphere's tell nothing and are not: a region in 300,000 images took 24 s, and takes 1.7 ms when they are.
 */
const LEAKY_OPERATORS = `
  SELECT DISTINCT format('ALTER FUNCTION %s LEAKPROOF', p.oid::regprocedure) AS statement
    FROM pg_operator AS o JOIN pg_proc AS p ON p.oid = o.oprcode
   WHERE o.oprnamespace = (SELECT t.typnamespace FROM pg_type AS t WHERE t.oid = 'spoly'::regtype)
     AND o.oprname IN ('&&', '<@', '@>', '!&&', '!<@', '!@>') AND NOT p.proleakproof
     AND EXISTS (SELECT FROM almagest.access_now WHERE kind = 'collection' AND NOT is_open)`

const IS_SUPERUSER = '(SELECT rolsuper FROM pg_roles WHERE rolname = current_user)'

/** What a superuser should run so that regions are found by index while a collection is closed; the owner is none. */
export async function slowOperators(client: Pick<Client, 'query'>): Promise<readonly string[]> {
  return (await client.query<{ statement: string }>(LEAKY_OPERATORS)).map(row => row.statement)
}

/** Roles of other programs are left alone. */
const WRONG_GRANTS = `
  WITH hiding AS (SELECT EXISTS (SELECT FROM almagest.access_now WHERE kind = 'collection' AND NOT is_open) AS is_so),
  asked (schema, name, groups) AS (
    SELECT t.sql_schema, t.sql_table,
           CASE WHEN hiding.is_so AND (t.sql_schema, t.sql_table) = ('ivoa', 'obscore')
                 AND EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                              WHERE n.nspname = 'ivoa' AND c.relname = 'obscore_seen') THEN '{}' ELSE t.groups END
      FROM almagest.table_access AS t, hiding
    UNION ALL SELECT t.sql_schema, p.near_table, t.groups FROM almagest.table_access AS t
                JOIN almagest.published_table AS p USING (table_name) WHERE p.near_table IS NOT NULL
    UNION ALL SELECT 'ivoa', 'obscore_seen', t.groups FROM almagest.table_access AS t
               WHERE (t.sql_schema, t.sql_table) = ('ivoa', 'obscore')
    UNION ALL SELECT 'almagest', 'obscore_seen', ARRAY['public']
    UNION ALL SELECT 'almagest', 'obscore', CASE WHEN is_so THEN '{}' ELSE ARRAY['public'] END FROM hiding),
  relation AS (
    SELECT c.oid, c.relacl, n.oid AS schema_oid, n.nspacl, format('%I.%I', n.nspname, c.relname) AS name,
           format('%I', n.nspname) AS schema, a.groups
      FROM asked AS a JOIN pg_namespace AS n ON n.nspname = a.schema
      JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = a.name),
  wanted AS (SELECT DISTINCT r.oid, r.name, r.schema_oid, r.schema, almagest.group_role(g) AS role
               FROM relation AS r, unnest(r.groups) AS g),
  given AS (
    SELECT DISTINCT r.oid, r.name, o.rolname::text AS role
      FROM relation AS r, aclexplode(r.relacl) AS x JOIN pg_roles AS o ON o.oid = x.grantee
     WHERE x.privilege_type = 'SELECT' AND (o.rolname = '${PUBLIC_ROLE}' OR o.rolname LIKE 'almagest\\_group\\_%')),
  reached AS (
    SELECT DISTINCT r.schema_oid, o.rolname::text AS role
      FROM relation AS r, aclexplode(r.nspacl) AS x JOIN pg_roles AS o ON o.oid = x.grantee
     WHERE x.privilege_type = 'USAGE')
  SELECT format('REVOKE SELECT ON %s FROM %I', name, role) AS statement FROM given
   WHERE NOT EXISTS (SELECT FROM wanted AS w WHERE (w.oid, w.role) = (given.oid, given.role))
  UNION ALL
  SELECT format('GRANT SELECT ON %s TO %I', name, role) FROM wanted
   WHERE NOT EXISTS (SELECT FROM given AS g WHERE (g.oid, g.role) = (wanted.oid, wanted.role))
  UNION
  SELECT format('GRANT USAGE ON SCHEMA %s TO %I', schema, role) FROM wanted
   WHERE NOT EXISTS (SELECT FROM reached AS r WHERE (r.schema_oid, r.role) = (wanted.schema_oid, wanted.role))`

/**
 * The role for somebody of these groups: the public one, a group's own, or one that is a member of several. Made on
 * demand, in a transaction. `groups` are those that rules name; each has its role already.
 */
export async function makeRole(client: Client, groups: readonly string[]): Promise<string> {
  if (groups.length === 0) return PUBLIC_ROLE
  const [row] = await client.query<{ roles: string[]; together: string; there: boolean }>(
    `SELECT roles, together,
            EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = together AND pg_has_role(r.oid, 'MEMBER')) AS there
       FROM (SELECT array_agg(DISTINCT almagest.group_role(g)) AS roles,
                    'almagest_groups_' || left(encode(sha256(convert_to(
                      string_agg(DISTINCT almagest.group_role(g), ' '), 'UTF8')), 'hex'), 24) AS together
               FROM unnest($1::text[]) AS g) AS names`,
    [groups],
  )
  const { roles, together, there } = row!
  if (roles.length === 1) return roles[0]!
  const list = roles.map(role => `'${role}'`).join(', ')
  if (!there)
    await run(client, `SELECT '${together}' AS role, almagest.make_role('${together}', ARRAY[${list}])`)
  return together
}
