/**
 * The private PostgreSQL of an Almagest without DATABASE_URL: found or started when opened, on a unix socket
 * only, shared by every Almagest process of the folder, and stopped when the last of them is gone (`keeper.ts`).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fchownSync, openSync, readFileSync } from 'node:fs'
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

/**
 * Opens the cluster under `dir`. Should the server die while it is held it is started again, under the same URL.
 * Errors say why it cannot start, with the end of the server's log.
 */
export async function openEmbedded({ dir, log }: EmbeddedOptions): Promise<Embedded> {
  const home = await locate(dir)
  let released = false
  let socket = await hold(home)
  socket.once('close', reopen)

  async function reopen(): Promise<void> {
    if (released) return
    log.warn(`The private PostgreSQL in ${home} has stopped; starting it again.`)
    try {
      socket = await hold(home)
      socket.once('close', reopen)
      log.info('The private PostgreSQL is back.')
      if (released) socket.end()
    } catch (error) {
      log.warn((error as Error).message)
      setTimeout(reopen, 5000).unref()
    }
  }

  return {
    url: `postgresql://${OWNER}@/${OWNER}?host=${encodeURIComponent(join(home, 'run'))}`,
    async release() {
      released = true
      if (socket.destroyed) return
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
  let keeper: ChildProcess | undefined
  for (;;) {
    const socket = await dial(join(home, 'run/keeper.sock'))
    const answer = socket && (await firstLine(socket))
    if (answer === 'ready') return socket!.unref()
    if (answer?.startsWith('failed ')) throw new Error(JSON.parse(answer.slice('failed '.length)))
    if (keeper?.exitCode && keeper.exitCode !== TAKEN)
      throw new Error(`The private PostgreSQL's keeper did not start.\n${logEnd(home)}`)
    if (!keeper || keeper.exitCode !== null) keeper = await startKeeper(home)
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

/** The keeper's answer, or undefined when it leaves without one. */
function firstLine(socket: Socket): Promise<string | undefined> {
  return new Promise(done => {
    let text = ''
    const read = (chunk: Buffer) => {
      text += chunk.toString()
      if (!text.includes('\n')) return
      socket.off('data', read)
      socket.resume()
      done(text.slice(0, text.indexOf('\n')))
    }
    socket.on('data', read)
    socket.on('error', () => {})
    socket.once('close', () => done(undefined))
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

function logEnd(home: string): string {
  const lines = readFileSync(join(home, 'server.log'), 'utf8').trim().split('\n').slice(-12)
  return `The end of ${join(home, 'server.log')}:\n  ${lines.join('\n  ')}`
}
