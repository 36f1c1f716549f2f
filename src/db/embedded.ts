/**
 * The private PostgreSQL of an Almagest without DATABASE_URL: found or started when opened, on a unix socket
 * only, shared by every Almagest process of the folder, and stopped when the last of them is gone (`keeper.ts`).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, fchownSync, openSync, readFileSync, statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { OWNER, SERVER_ENV, serverUser } from './cluster.ts'
import { locate } from './location.ts'

export interface Embedded {
  /** Connection URL of the owner role, a superuser; for `pg` and libpq alike. */
  readonly url: string
  /** Gives up our hold; when it was the last, waits until the server is down. */
  release(): Promise<void>
}

export interface EmbeddedOptions {
  /** ALMAGEST_DIR: the cluster lives in its `pg/`, or where `pg/location` says. */
  readonly dir: string
  readonly log: { info(message: string): void; warn(message: string): void }
}

/** flock's exit code when another keeper has the home. */
const TAKEN = 75
const RELEASE_MS = 40_000
/** Between two tries to get a stopped server back. */
const REOPEN_MS = 3000

/**
 * Opens the cluster under `dir`. Should the server die while it is held it is started again, under the same URL.
 * Errors say why it cannot start, with the end of the server's log.
 */
export async function openEmbedded({ dir, log }: EmbeddedOptions): Promise<Embedded> {
  const home = await locate(dir)
  log.info(`The private PostgreSQL is in ${home}`)
  let released = false
  let held = hold(home)
  watch(await held)

  function watch(socket: Socket): void {
    socket.once('close', () => {
      if (released) return
      log.warn(`The private PostgreSQL in ${home} has stopped; starting it again.`)
      held = reopen()
    })
  }

  async function reopen(): Promise<Socket> {
    for (;;) {
      try {
        const socket = await hold(home)
        log.info('The private PostgreSQL is back.')
        watch(socket)
        return socket
      } catch (error) {
        log.warn((error as Error).message)
        if (released) throw error
        await sleep(REOPEN_MS, undefined, { ref: false })
      }
    }
  }

  return {
    url: `postgresql://${OWNER}@/${OWNER}?host=${encodeURIComponent(join(home, 'run'))}`,
    async release() {
      released = true
      const socket = await held.catch(() => undefined)
      if (!socket || socket.destroyed) return
      const closed = new Promise(done => socket.once('close', done))
      socket.ref()
      socket.end()
      await Promise.race([closed, sleep(RELEASE_MS, undefined, { ref: false })])
      socket.destroy()
    },
  }
}

/** One connection to the home's keeper, which is started when there is none; resolves when PostgreSQL is ready. */
async function hold(home: string): Promise<Socket> {
  const log = join(home, 'server.log')
  const began = existsSync(log) ? statSync(log).size : 0
  let keeper: ChildProcess | undefined
  for (;;) {
    const socket = await dial(join(home, 'run/keeper.sock'))
    if (socket && (await isReady(socket))) return socket.unref()
    if (keeper?.exitCode && keeper.exitCode !== TAKEN) {
      const lines = readFileSync(log).subarray(began).toString().trim().split('\n').slice(-12)
      throw new Error(`The private PostgreSQL did not start. The end of ${log}:\n  ${lines.join('\n  ')}`)
    }
    if (!keeper || keeper.exitCode !== null || keeper.signalCode !== null) keeper = await startKeeper(home)
    await sleep(40)
  }
}

function dial(path: string): Promise<Socket | undefined> {
  return new Promise((done, fail) => {
    const socket = connect(path, () => done(socket))
    socket.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' || error.code === 'ECONNREFUSED' ? done(undefined) : fail(error),
    )
  })
}

/** True when the keeper says `ready`, false when it leaves without. */
function isReady(socket: Socket): Promise<boolean> {
  return new Promise(done => {
    socket.once('data', () => done(true))
    socket.once('close', () => done(false))
    socket.on('error', () => {})
  })
}

/** In a session of its own, so that Ctrl-C reaches us and not the server. */
async function startKeeper(home: string): Promise<ChildProcess> {
  const log = openSync(join(home, 'server.log'), 'a')
  const user = serverUser(home)
  if (process.getuid?.() === 0) fchownSync(log, user.uid, user.gid)
  const script = fileURLToPath(new URL('./keeper.ts', import.meta.url))
  const node = [process.execPath, '--import', import.meta.resolve('tsx'), script, home]
  const flock = [
    '--nonblock',
    '--conflict-exit-code',
    String(TAKEN),
    '--no-fork',
    join(home, 'lock'),
    ...node,
  ]
  const keeper = spawn('flock', flock, {
    cwd: home,
    detached: true,
    env: SERVER_ENV,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  keeper.unref()
  await new Promise((done, fail) => keeper.once('spawn', done).once('error', fail))
  return keeper
}
