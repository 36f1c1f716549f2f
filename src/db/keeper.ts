/**
 * Runs the private PostgreSQL for as long as somebody holds it. Started by `embedded.ts` in a session of its own,
 * under `flock` so that a home has one keeper. Every process that uses the cluster keeps one connection to
 * `run/keeper.sock`: the kernel closes it however that process ends. One second after the last is gone,
 * PostgreSQL is stopped cleanly. A keeper that dies takes PostgreSQL along (PDEATHSIG: fast shutdown); a
 * PostgreSQL that dies takes the keeper along; both ways every holder sees its connection close.
 *
 * Says `ready` to each holder when PostgreSQL answers. A start that fails says why in `server.log`, ends with
 * status 1, and whoever started it shows the end of that log.
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCluster, installationOf, SERVER_ENV, serverUser, writeSettings } from './cluster.ts'

const LINGER_MS = 1000
/** A holder that starts us and dies before it connects must not leave us for ever. */
const FIRST_HOLDER_MS = 15_000
const LOG_BYTES = 10 * 2 ** 20

const home = process.argv[2]!
const run = join(home, 'run')
const data = join(home, 'data')
const logFile = join(home, 'server.log')
const holders = new Set<Socket>()
/** Said goodbye and wait for the end of the server. */
const leaving = new Set<Socket>()
let state: 'starting' | 'ready' | 'stopping' = 'starting'
let postgres: ChildProcess | undefined
let linger: NodeJS.Timeout

const server = createServer({ allowHalfOpen: true }, holder => {
  clearTimeout(linger)
  holders.add(holder)
  for (const socket of leaving) socket.end()
  leaving.clear()
  holder.on('error', () => {})
  holder.on('end', () => leave(holder))
  holder.on('close', () => leave(holder))
  holder.resume()
  if (state === 'ready') holder.write('ready\n')
})

function leave(holder: Socket): void {
  if (!holders.delete(holder)) return
  if (holders.size > 0) holder.end()
  else {
    leaving.add(holder)
    linger = setTimeout(stop, LINGER_MS)
  }
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop)
start().catch(error => {
  console.error(`almagest: ${(error as Error).message}`)
  process.exit(1)
})

async function start(): Promise<void> {
  const user = serverUser(home)
  const installation = installationOf(home)
  rmSync(run, { recursive: true, force: true })
  mkdirSync(run, { mode: 0o700 })
  if (process.getuid?.() === 0) chownSync(run, user.uid, user.gid)
  await new Promise<void>((done, fail) => server.once('error', fail).listen(join(run, 'keeper.sock'), done))
  if (!existsSync(data)) createCluster(home, installation, user)
  writeSettings(home, user)
  linger = setTimeout(stop, FIRST_HOLDER_MS)
  await endOrphan()
  const postmaster = [join(installation.bin, 'postgres'), '-D', data]
  const stdio: StdioOptions = ['ignore', 2, 2]
  const options = { cwd: home, uid: user.uid, gid: user.gid, env: SERVER_ENV, stdio }
  const until = Date.now() + 20_000
  for (;;) {
    if (stopping()) return end()
    const began = statSync(logFile).size
    const child: ChildProcess = spawn('setpriv', ['--pdeathsig', 'INT', ...postmaster], options)
    postgres = child
    await readyOrGone(child)
    if (alive(child)) {
      child.once('exit', end)
      break
    }
    if (stopping()) continue
    // Backends of a killed postmaster leave in their own time.
    if (!logSince(began).includes('pre-existing shared memory block') || Date.now() > until)
      throw new Error(`PostgreSQL did not start in ${home}`)
    await sleep(300)
  }
  if (stopping()) return
  state = 'ready'
  for (const holder of holders) holder.write('ready\n')
}

async function readyOrGone(child: ChildProcess): Promise<void> {
  const failed = new Promise<void>((_, fail) => child.once('error', fail))
  while (alive(child) && !isReady(child.pid)) await Promise.race([sleep(30), failed])
}

function alive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

function logSince(offset: number): string {
  return readFileSync(logFile).subarray(offset).toString()
}

function stopping(): boolean {
  return state === 'stopping'
}

/** What pg_ctl looks at: the eighth line of postmaster.pid. */
function isReady(pid: number | undefined): boolean {
  const lines = postmasterFile()
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
}

function postmasterFile(): string[] {
  try {
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return []
  }
}

/** Stops a server whose keeper was killed, and removes a postmaster.pid whose number now belongs to another process. */
async function endOrphan(): Promise<void> {
  const pid = Number(postmasterFile()[0])
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']
  for (const signal of signals) {
    if (!pid || !servesUs(pid)) break
    process.kill(pid, signal)
    for (let waited = 0; waited < 15_000 && servesUs(pid); waited += 50) await sleep(50)
  }
  rmSync(join(data, 'postmaster.pid'), { force: true })
}

function servesUs(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data)
  } catch {
    return false
  }
}

/** Fast shutdown: sessions are ended, everything is written. The server's exit ends us. */
function stop(): void {
  if (stopping()) return
  state = 'stopping'
  clearTimeout(linger)
  server.close()
  postgres?.kill('SIGINT')
  setTimeout(() => postgres?.kill('SIGQUIT'), 30_000)
}

function end(): void {
  for (const socket of [...holders, ...leaving]) socket.destroy()
  if (existsSync(logFile) && statSync(logFile).size > LOG_BYTES) renameSync(logFile, `${logFile}.1`)
  process.exit(0)
}
