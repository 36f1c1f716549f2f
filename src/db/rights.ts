/** What a database needs from its DBA when Almagest's own user is no superuser. */
import pg from 'pg'
import { ServiceError } from '../error.ts'
import { installPgSphere, pgSphereSchema } from './pgsphere.ts'
import { PUBLIC_ROLE } from './roles.ts'

export async function isSuperuser(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query('SELECT rolsuper FROM pg_roles WHERE rolname = current_user')
  return rows[0].rolsuper
}

/** Fails with the statements that a DBA must run, when there are any. */
export async function requireRights(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ user: string; database: string; member: boolean; create: boolean }>(
    `SELECT current_user::text AS user, current_database()::text AS database,
            EXISTS (SELECT FROM pg_roles r WHERE rolname = $1 AND pg_has_role(current_user, r.oid, 'MEMBER')) AS member,
            has_database_privilege(current_database(), 'CREATE') AS create`,
    [PUBLIC_ROLE],
  )
  const { user, database, member, create } = rows[0]!
  const owner = pg.escapeIdentifier(user)
  const statements = [
    ...((await pgSphereSchema(client))
      ? []
      : [
          'CREATE SCHEMA pgsphere; CREATE EXTENSION pg_sphere SCHEMA pgsphere; GRANT USAGE ON SCHEMA pgsphere TO PUBLIC;',
        ]),
    ...(member
      ? []
      : [`CREATE ROLE ${PUBLIC_ROLE} NOLOGIN;  -- unless it exists`, `GRANT ${PUBLIC_ROLE} TO ${owner};`]),
    ...(create ? [] : [`GRANT CREATE ON DATABASE ${pg.escapeIdentifier(database)} TO ${owner};`]),
  ]
  if (statements.length === 0) return
  throw new ServiceError(
    'forbidden',
    `The database user ${user} lacks rights. A DBA must run, in ${database}:`,
    {
      detail: [
        ...statements,
        '',
        'or, with the URL of a superuser, which also copes where the packaged pg_sphere cannot be created:',
        `DATABASE_URL=… npx almagest migrate --dba ${user}`,
      ].join('\n'),
    },
  )
}

/** Does what `requireRights` asks for. `url` is a superuser's, `owner` the user that Almagest is to have. */
export async function grantRights(url: string, owner: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'almagest migrate' })
  await client.connect()
  try {
    if (!(await isSuperuser(client))) {
      throw new ServiceError('forbidden', '--dba needs a DATABASE_URL with a superuser in it.')
    }
    const { rows } = await client.query<{ database: string; owner: boolean; role: boolean }>(
      `SELECT current_database()::text AS database, EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS owner,
              EXISTS (SELECT FROM pg_roles WHERE rolname = $2) AS role`,
      [owner, PUBLIC_ROLE],
    )
    const has = rows[0]!
    if (!has.owner) throw new ServiceError('usage', `There is no database user ${owner}.`)
    await installPgSphere(client)
    if (!has.role) await client.query(`CREATE ROLE ${PUBLIC_ROLE} NOLOGIN`)
    await client.query(`GRANT ${PUBLIC_ROLE} TO ${pg.escapeIdentifier(owner)}`)
    await client.query(
      `GRANT CREATE ON DATABASE ${pg.escapeIdentifier(has.database)} TO ${pg.escapeIdentifier(owner)}`,
    )
  } finally {
    await client.end()
  }
}
