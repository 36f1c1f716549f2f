import type { Command } from './command.ts'
import { openWorkshop } from './runner.ts'
import { GRACE_MS } from './serve.ts'
import { startRunner } from './uws/run.ts'

export const runnerCommand: Command = {
  name: 'runner',
  summary: 'run jobs, beside a web service that was started with serve --no-runner',
  help: `Usage: npx almagest runner

Claims jobs from the database and runs them until SIGINT or SIGTERM: no new jobs then, those at work get 10 seconds
and go back to the queue. Any number of runners may run on any number of machines, with the same DATABASE_URL,
ALMAGEST_CONFIG and storage of results as the web service. The key jobs of the site file says how many jobs each
has at work at once.`,
  async run(_argv, { config, log, stdout }) {
    const workshop = await openWorkshop(config, log)
    const runner = startRunner(workshop.jobs, log)
    stdout.write('Almagest runs jobs.\n')
    await new Promise<void>(resolve => {
      process.once('SIGINT', () => resolve())
      process.once('SIGTERM', () => resolve())
    })
    process.once('SIGINT', () => process.exit(130))
    await runner.stop(GRACE_MS)
    await workshop.close()
    return 0
  },
}
