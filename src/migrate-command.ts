import type { Command } from './command.ts'

export const migrateCommand: Command = {
  name: 'migrate',
  summary: 'bring the database to the schema of this version',
  help: `Usage: npx almagest migrate [--json]

Applies what is missing in the database of DATABASE_URL (or the embedded one): pgSphere, then sql/*.sql.
When the database user may not do so, it prints the statements that a DBA must run.`,
  async run(argv, setting) {
    const { migrated: applied } = await setting.database()
    setting.stdout.write(
      argv.includes('--json')
        ? `${JSON.stringify({ applied })}\n`
        : `The database is at the schema of this version${applied.length ? `: ${applied.join(', ')}` : ''}.\n`,
    )
    return 0
  },
}
