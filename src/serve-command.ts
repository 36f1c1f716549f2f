import type { Command } from './command.ts'
import { startService } from './serve.ts'

export const serveCommand: Command = {
  name: 'serve',
  summary: 'run the service',
  help: `Usage: npx almagest serve

Runs the web service until SIGINT or SIGTERM: no new requests then, running ones get 10 seconds.
HOST, PORT, PUBLIC_URL, DATABASE_URL, ALMAGEST_DIR and ALMAGEST_CONFIG set it up (docs/operate.md).`,
  async run(_argv, setting) {
    const service = await startService(setting.config, setting.log)
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
