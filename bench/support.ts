/** What every measurement needs: a service of its own, runs in turn, ratios of minima. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Data of measurements lives apart from the demo's. */
const ENV = { ...process.env, ALMAGEST_DIR: process.env.ALMAGEST_DIR ?? `${ROOT}var/bench`, PORT: '0' }

/** Runs `npx almagest …` and returns what it prints. */
export function almagest(...args: string[]): string {
  return almagestIn({}, ...args)
}

/** The same with more in its environment. */
export function almagestIn(env: Readonly<Record<string, string>>, ...args: string[]): string {
  const run = spawnSync(process.execPath, [`${ROOT}bin/almagest.mjs`, ...args], {
    env: { ...ENV, ...env },
    maxBuffer: 2 ** 28,
    encoding: 'utf8',
  })
  if (run.status !== 0) throw new Error(`almagest ${args.join(' ')}: ${run.stderr}`)
  return run.stdout
}

export interface Service {
  readonly url: string
  /** libpq URL of its database. */
  readonly database: string
  readonly pid: number
  stop(): Promise<void>
}

/** `almagest serve` in a process of its own; with `bench.wide` in its database unless that is not needed. */
export async function startService({
  wide = true,
  env = {},
  args = [],
}: {
  wide?: boolean
  env?: Readonly<Record<string, string>>
  /** Of `almagest serve`. */
  args?: readonly string[]
} = {}): Promise<Service> {
  if (wide) almagestIn(env, 'demo', '--bench')
  const child = spawn(process.execPath, [`${ROOT}bin/almagest.mjs`, 'serve', ...args], {
    env: { ...ENV, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', chunk => {
      text += chunk
      const found = /at (http:\S+)\//.exec(text)
      if (found) resolve(found[1]!)
    })
    child.once('exit', status => reject(new Error(`serve ended with ${status}`)))
  })
  const { database } = JSON.parse(almagestIn(env, 'doctor', '--json'))
  return { url, database: database.url, pid: child.pid!, stop: () => stopped(child) }
}

function stopped(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}

/** Wall milliseconds of a shell command; its output goes nowhere. */
export function timeCommand(command: string): Promise<number> {
  const begun = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-o', 'pipefail', '-c', command], { stdio: ['ignore', 'ignore', 'inherit'] })
    child.once('exit', status =>
      status === 0
        ? resolve(performance.now() - begun)
        : reject(new Error(`${command}: exit status ${status}`)),
    )
  })
}

export type Timings = Readonly<Record<string, readonly number[]>>

/** Every task once, then again, `rounds` times (one more first, not counted): drift of the machine hits all alike. */
export async function inTurn(tasks: Record<string, () => Promise<number>>, rounds: number): Promise<Timings> {
  const timings: Record<string, number[]> = Object.fromEntries(Object.keys(tasks).map(name => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const [name, task] of Object.entries(tasks)) {
      const ms = await task()
      if (round > 0) timings[name]!.push(ms)
    }
  }
  return timings
}

/** A line a task: minimum and median, and the ratio of minima to the task named in `against`. */
export function report(timings: Timings, against: Readonly<Record<string, string>>): void {
  const minimum = (name: string) => Math.min(...timings[name]!)
  for (const [name, values] of Object.entries(timings)) {
    const limit = against[name]
    const ratio = limit ? `  ${(minimum(name) / minimum(limit)).toFixed(2)}x ${limit}` : ''
    console.log(
      `${name.padEnd(24)} min ${figure(minimum(name))} ms  median ${figure(median(values))} ms${ratio}`,
    )
  }
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function figure(ms: number): string {
  return ms.toFixed(ms < 10 ? 2 : 0).padStart(7)
}

/** Resident memory of a process: now, and its peak, in MB. */
export function memory(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kB = (key: string) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1])
  return { now: kB('VmRSS') / 1024, peak: kB('VmHWM') / 1024 }
}
