import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type Command, UsageError } from './command.ts'
import { plainScript } from './db/pgsphere.ts'
import { grantRights } from './db/rights.ts'

export const migrateCommand: Command = {
  name: 'migrate',
  summary: 'bring the database to the schema of this version',
  help: `Usage: npx almagest migrate [--json]
       npx almagest migrate --dba USER
       npx almagest migrate --pgsphere FILE

Applies what is missing in the database of DATABASE_URL (or the embedded one): pgSphere, then sql/*.sql.
When the database user may not do so, it prints the statements that a DBA must run.

  --dba USER       run those statements for USER, with the DATABASE_URL of a superuser
  --pgsphere FILE  print the script of pgSphere that a package has installed (pg_sphere--1.2.0.sql) without the two
                   operators that PostgreSQL refuses, for the nodes of a cluster (docs/operate-citus.md)`,
  async run(argv, setting) {
    const { values } = parseArgs({
      args: [...argv],
      options: { json: { type: 'boolean' }, dba: { type: 'string' }, pgsphere: { type: 'string' } },
    })
    if (values.pgsphere !== undefined) {
      setting.stdout.write(plainScript(await readFile(values.pgsphere, 'utf8')))
      return 0
    }
    if (values.dba !== undefined) {
      if (!setting.config.databaseUrl) throw new UsageError('--dba goes with the DATABASE_URL of a superuser')
      await grantRights(setting.config.databaseUrl, values.dba)
      setting.stdout.write(`${values.dba} can run npx almagest migrate now.\n`)
      return 0
    }
    const { migrated: applied } = await setting.database()
    setting.stdout.write(
      values.json
        ? `${JSON.stringify({ applied })}\n`
        : `The database is at the schema of this version${applied.length ? `: ${applied.join(', ')}` : ''}.\n`,
    )
    return 0
  },
}
