/** `npx almagest <verb>`: one verb, one run. */
import { type Command, type CommandSetting, UsageError } from './command.ts'
import { ConfigError, loadConfig } from './config.ts'
import { errorText, ServiceError } from './error.ts'
import { openLog } from './log.ts'
import { openSite, type Site } from './site.ts'

/** Each is loaded when it is asked for: a load of a table needs half the memory that all of them do. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve-command.ts')).serveCommand,
  runner: async () => (await import('./runner-command.ts')).runnerCommand,
  migrate: async () => (await import('./migrate-command.ts')).migrateCommand,
  demo: async () => (await import('./demo/command.ts')).demoCommand,
  'ingest table': async () => (await import('./ingest/command.ts')).ingestTableCommand,
  'ingest light-curves': async () =>
    (await import('./ingest/light-curve-command.ts')).ingestLightCurvesCommand,
  'ingest images': async () => (await import('./ingest/images-command.ts')).ingestImagesCommand,
  'hips build': async () => (await import('./hips-command.ts')).hipsBuildCommand,
  'hips catalogue': async () => (await import('./hips-catalogue-command.ts')).hipsCatalogueCommand,
  'hips map': async () => (await import('./hips-map-command.ts')).hipsMapCommand,
  'hips deepen': async () => (await import('./hips-deepen-command.ts')).hipsDeepenCommand,
  'hips lint': async () => (await import('./hips-lint-command.ts')).hipsLintCommand,
  distribute: async () => (await import('./distribute-command.ts')).distributeCommand,
  neighbours: async () => (await import('./neighbours-command.ts')).neighboursCommand,
  shards: async () => (await import('./shards-command.ts')).shardsCommand,
  'export hats': async () => (await import('./hats-command.ts')).exportHatsCommand,
  'schema apply': async () => (await import('./schema-command.ts')).schemaApplyCommand,
  'schema export': async () => (await import('./schema-command.ts')).schemaExportCommand,
  list: async () => (await import('./tables-command.ts')).listCommand,
  describe: async () => (await import('./tables-command.ts')).describeCommand,
  drop: async () => (await import('./tables-command.ts')).dropCommand,
  'adql check': async () => (await import('./adql-check.ts')).adqlCheckCommand,
  'access set': async () => (await import('./access-command.ts')).accessSetCommand,
  'access list': async () => (await import('./access-command.ts')).accessListCommand,
  'access remove': async () => (await import('./access-command.ts')).accessRemoveCommand,
  'limits set': async () => (await import('./limits-command.ts')).limitsSetCommand,
  'limits list': async () => (await import('./limits-command.ts')).limitsListCommand,
  'limits remove': async () => (await import('./limits-command.ts')).limitsRemoveCommand,
  'token create': async () => (await import('./token-command.ts')).tokenCreateCommand,
  'token list': async () => (await import('./token-command.ts')).tokenListCommand,
  'token revoke': async () => (await import('./token-command.ts')).tokenRevokeCommand,
  'user list': async () => (await import('./user-command.ts')).userListCommand,
  'user block': async () => (await import('./user-command.ts')).userBlockCommand,
  'user unblock': async () => (await import('./user-command.ts')).userUnblockCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
}

/** Runs a verb and resolves to the exit code: 0 done, 1 failed, 2 wrong words. */
async function runCommandLine(argv: readonly string[]): Promise<number> {
  const name = Object.keys(COMMANDS).find(verb => verb.split(' ').every((word, i) => argv[i] === word))
  if (name === undefined) {
    const commands = await Promise.all(Object.values(COMMANDS).map(load => load()))
    const known = commands.map(c => `  ${c.name.padEnd(19)} ${c.summary}`).join('\n')
    const asked = argv.length === 0 || argv[0] === '--help' || argv[0] === '-h'
    const text = `Usage: npx almagest <verb> [options]; npx almagest <verb> --help says more.\n\n${known}\n`
    if (asked) process.stdout.write(text)
    else process.stderr.write(`almagest: there is no verb '${argv.slice(0, 2).join(' ')}'.\n${text}`)
    return asked ? 0 : 2
  }
  const command = await COMMANDS[name]!()
  const words = argv.slice(name.split(' ').length)
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
