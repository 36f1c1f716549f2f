/** `npx almagest <verb>`: one verb, one run. */
import { adqlCheckCommand } from './adql-check.ts'
import { type Command, type CommandSetting, UsageError } from './command.ts'
import { ConfigError, loadConfig } from './config.ts'
import { demoCommand } from './demo/command.ts'
import { doctorCommand } from './doctor.ts'
import { errorText, ServiceError } from './error.ts'
import { hipsBuildCommand } from './hips-command.ts'
import { ingestTableCommand } from './ingest/command.ts'
import { ingestImagesCommand } from './ingest/images-command.ts'
import { openLog } from './log.ts'
import { migrateCommand } from './migrate-command.ts'
import { runnerCommand } from './runner-command.ts'
import { schemaApplyCommand, schemaExportCommand } from './schema-command.ts'
import { serveCommand } from './serve-command.ts'
import { openSite, type Site } from './site.ts'
import { describeCommand, dropCommand, listCommand } from './tables-command.ts'

const COMMANDS: readonly Command[] = [
  serveCommand,
  runnerCommand,
  migrateCommand,
  demoCommand,
  ingestTableCommand,
  ingestImagesCommand,
  hipsBuildCommand,
  schemaApplyCommand,
  schemaExportCommand,
  listCommand,
  describeCommand,
  dropCommand,
  adqlCheckCommand,
  doctorCommand,
]

/** Runs a verb and resolves to the exit code: 0 done, 1 failed, 2 wrong words. */
async function runCommandLine(argv: readonly string[]): Promise<number> {
  const command = COMMANDS.find(c => c.name.split(' ').every((word, i) => argv[i] === word))
  if (!command) {
    const known = COMMANDS.map(c => `  ${c.name.padEnd(14)} ${c.summary}`).join('\n')
    const asked = argv.length === 0 || argv[0] === '--help' || argv[0] === '-h'
    const text = `Usage: npx almagest <verb> [options]; npx almagest <verb> --help says more.\n\n${known}\n`
    if (asked) process.stdout.write(text)
    else process.stderr.write(`almagest: there is no verb '${argv.slice(0, 2).join(' ')}'.\n${text}`)
    return asked ? 0 : 2
  }
  const words = argv.slice(command.name.split(' ').length)
  if (words.includes('--help') || words.includes('-h')) {
    process.stdout.write(`${command.help}\n`)
    return 0
  }
  let site: Site | undefined
  try {
    const config = loadConfig()
    const log = openLog(config.logLevel === 'info' ? 'warn' : config.logLevel)
    const setting: CommandSetting = {
      config,
      log,
      stdout: process.stdout,
      stderr: process.stderr,
      async database() {
        site ??= await openSite(config, log)
        return site
      },
    }
    return await command.run(words, setting)
  } catch (error) {
    process.stderr.write(
      `almagest: ${error instanceof ServiceError ? errorText(error) : (error as Error).message}\n`,
    )
    return error instanceof UsageError || error instanceof ConfigError || isParseArgsError(error) ? 2 : 1
  } finally {
    await site?.close()
  }
}

/** node:util parseArgs says in its own words what is wrong with an option. */
function isParseArgsError(error: unknown): boolean {
  return String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS')
}

process.exitCode = await runCommandLine(process.argv.slice(2))
