import cluster from 'node:cluster'
import { parseArgs } from 'node:util'
import { type Command, type CommandSetting, UsageError } from './command.ts'
import { openWorkshop } from './runner.ts'
import { GRACE_MS, type Service, serviceUrl, startService } from './serve.ts'
import { startRunner } from './uws/run.ts'
import { startWebProcesses } from './web-processes.ts'

export const serveCommand: Command = {
  name: 'serve',
  summary: 'run the service',
  help: `Usage: npx almagest serve [--no-runner] [--processes N]

Runs the web service and a runner of jobs until SIGINT or SIGTERM: no new requests then, running ones get 10 seconds,
and jobs at work go back to the queue after as long. With --no-runner, jobs wait for 'npx almagest runner'.
With --processes, N web processes share the port, and the connections to the database; the runner has one of its own.
One process answers with one core of the machine.
HOST, PORT, PUBLIC_URL, DATABASE_URL, ALMAGEST_DIR and ALMAGEST_CONFIG set it up (docs/operate.md).`,
  async run(argv, setting) {
    const { values } = parseArgs({
      args: [...argv],
      options: { 'no-runner': { type: 'boolean' }, processes: { type: 'string', default: '1' } },
    })
    const processes = processCount(values.processes)
    const runner = !values['no-runner']
    process.channel?.unref() // a web process ends when its work has, not when its parent lets it
    const starting = setInterval(() => {}, 1000) // and not before its parent has told it of its port
    const begun =
      processes > 1 && cluster.isPrimary
        ? startApart(setting, processes, runner)
        : startService(setting.config, setting.log, { runner: runner && processes === 1, processes })
    const service = await begun.finally(() => clearInterval(starting))
    if (cluster.isPrimary) setting.stdout.write(`Almagest is at ${service.url}/\n`)
    await new Promise<void>(resolve => {
      process.once('SIGINT', () => resolve())
      process.once('SIGTERM', () => resolve())
    })
    process.once('SIGINT', () => process.exit(130))
    await service.stop()
    return 0
  },
}

/** More than these could not have three connections to the database each. */
const MOST_PROCESSES = 16

function processCount(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0
  if (count < 1 || count > MOST_PROCESSES)
    throw new UsageError(`--processes ${text}: say a number from 1 to ${MOST_PROCESSES}`)
  return count
}

/** The web in processes of its own, the runner in this one. */
async function startApart(
  { config, log }: CommandSetting,
  processes: number,
  withRunner: boolean,
): Promise<Pick<Service, 'url' | 'stop'>> {
  let url = config.publicUrl
  const workshop = await openWorkshop(config, log, () => url!)
  try {
    const web = await startWebProcesses(processes, log)
    url ??= serviceUrl(config, web.port)
    const runner = withRunner ? startRunner(workshop.jobs, log) : undefined
    return {
      url,
      async stop() {
        await Promise.all([web.stop(), runner?.stop(GRACE_MS)])
        await workshop.close()
      },
    }
  } catch (error) {
    await workshop.close()
    throw error
  }
}
