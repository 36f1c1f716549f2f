import { parseArgs } from 'node:util'
import type { Command } from './command.ts'
import { startService } from './serve.ts'

export const serveCommand: Command = {
  name: 'serve',
  summary: 'run the service',
  help: `Usage: npx almagest serve [--no-runner]

Runs the web service and a runner of jobs until SIGINT or SIGTERM: no new requests then, running ones get 10 seconds,
and jobs at work go back to the queue after as long. With --no-runner, jobs wait for 'npx almagest runner'.
HOST, PORT, PUBLIC_URL, DATABASE_URL, ALMAGEST_DIR and ALMAGEST_CONFIG set it up (docs/operate.md).`,
  async run(argv, setting) {
    const { values } = parseArgs({ args: [...argv], options: { 'no-runner': { type: 'boolean' } } })
    const service = await startService(setting.config, setting.log, { runner: !values['no-runner'] })
    setting.stdout.write(`Almagest is at ${service.url}/\n`)
    await new Promise<void>(resolve => {
      process.once('SIGINT', () => resolve())
      process.once('SIGTERM', () => resolve())
    })
    process.once('SIGINT', () => process.exit(130))
    await service.stop()
    return 0
  },
}
