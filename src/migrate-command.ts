import { parseArgs } from 'node:util'
import { type Command, UsageError } from './command.ts'
import { grantRights } from './db/rights.ts'

export const migrateCommand: Command = {
  name: 'migrate',
  summary: 'bring the database to the schema of this version',
  help: `Usage: npx almagest migrate [--json]
       npx almagest migrate --dba USER

Applies what is missing in the database of DATABASE_URL (or the embedded one): pgSphere, then sql/*.sql.
When the database user may not do so, it prints the statements that a DBA must run.

  --dba USER    run those statements for USER, with the DATABASE_URL of a superuser`,
  async run(argv, setting) {
    const { values } = parseArgs({
      args: [...argv],
      options: { json: { type: 'boolean' }, dba: { type: 'string' } },
    })
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
