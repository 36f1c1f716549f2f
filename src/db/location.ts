/**
 * Where the private cluster lives: `<dir>/pg`, or where `<dir>/pg/location` says. A place must be open to the
 * server's user, give its sockets a short enough path, and sit on a filesystem with owners, modes and sockets.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { homedir, tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { SERVER_ENV, type ServerUser, SOCKET_PATH_BYTES, serverUser } from './cluster.ts'

/**
 * The cluster's home for `dir`, made when there is none. Errors say what stands in the way and what to do:
 * another user's cluster, a copied clone, no place that serves.
 */
export async function locate(dir: string): Promise<string> {
  const own = join(resolve(dir), 'pg')
  makeFolder(own, dir)
  const pointer = join(own, 'location')
  if (existsSync(pointer)) return claim(readFileSync(pointer, 'utf8').trim(), own, pointer)
  if (existsSync(join(own, 'data'))) {
    const user = checkOwner(own, dir)
    const fault = await unsuitable(own, user)
    if (!fault) return own
    throw new Error(
      `The database in ${own} cannot run there: ${fault}. Move the clone to a place with a short path that ` +
        `other users may pass, or move that folder's content elsewhere and write its new path in ${pointer}.`,
    )
  }
  const faults: string[] = []
  for (const home of [own, ...elsewhere(own)]) {
    const fault = await unsuitable(home, serverUser(home))
    if (fault) {
      faults.push(`${home}: ${fault}`)
      continue
    }
    if (home !== own) {
      writeFileSync(join(home, 'clone'), `${own}\n`)
      writeFileSync(pointer, `${home}\n`)
    }
    return home
  }
  throw new Error(
    `No place for the private database. Set ALMAGEST_DIR to a folder that serves.\n${faults.join('\n')}`,
  )
}

function elsewhere(own: string): string[] {
  const name = createHash('sha256').update(own).digest('hex').slice(0, 12)
  const { uid } = userInfo()
  return uid === 0
    ? [join('/var/lib/almagest', name)]
    : [join(homedir(), '.local/state/almagest', name), join(tmpdir(), `almagest-${uid}-${name}`)]
}

/** A home outside the clone serves one clone: a moved clone keeps it, a copied one must not share it. */
function claim(home: string, own: string, pointer: string): string {
  const owner = join(home, 'clone')
  const clone = existsSync(owner) ? readFileSync(owner, 'utf8').trim() : own
  if (clone !== own) {
    const theirs = join(clone, 'location')
    if (existsSync(theirs) && readFileSync(theirs, 'utf8').trim() === home)
      throw new Error(
        `The database in ${home} belongs to the clone whose data is in ${clone}; this one is a copy. ` +
          `Remove ${pointer} to give it a database of its own.`,
      )
  }
  makeFolder(home, home)
  checkOwner(home, home)
  if (clone !== own || !existsSync(owner)) writeFileSync(owner, `${own}\n`)
  return home
}

function makeFolder(path: string, named: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') throw error
    throw new Error(
      `User ${userInfo().username} may not write in ${resolve(named)}. Start as the user who owns it, or set ` +
        'ALMAGEST_DIR to a folder of your own (it will get a database of its own).',
    )
  }
}

/** Root serves everybody's cluster, anybody else only their own. */
function checkOwner(home: string, dir: string): ServerUser {
  const user = serverUser(home)
  const data = join(home, 'data')
  const [path, uid] = existsSync(data) ? [data, statSync(data).uid] : [home, statSync(home).uid]
  if (userInfo().uid !== 0 && uid !== user.uid)
    throw new Error(
      `The database in ${path} belongs to user ${uid === 0 ? 'root' : `number ${uid}`}: it was first started as ` +
        `root or by somebody else. Start as root again, or set ALMAGEST_DIR to another folder than ${resolve(dir)}, ` +
        'or have root remove it (its data is lost).',
    )
  return user
}

/** What keeps a PostgreSQL of `user` from living in `home`, or undefined. */
async function unsuitable(home: string, user: ServerUser): Promise<string | undefined> {
  const bytes = Buffer.byteLength(join(home, 'run/.s.PGSQL.5432'))
  if (bytes > SOCKET_PATH_BYTES)
    return `its socket's path has ${bytes} bytes, ${SOCKET_PATH_BYTES} are possible`
  let probe: string | undefined
  try {
    mkdirSync(home, { recursive: true })
    const { uid } = userInfo()
    const folder = lstatSync(home)
    if (folder.isSymbolicLink() || (uid !== 0 && folder.uid !== uid)) return 'it is not a folder of ours'
    probe = mkdtempSync(join(realpathSync(home), 'probe-'))
    chmodSync(probe, 0o700)
    if (uid === 0) chownSync(probe, user.uid, user.gid)
    const { mode, uid: owner } = statSync(probe)
    if ((mode & 0o777) !== 0o700 || owner !== user.uid) return 'its filesystem keeps no owners and modes'
    const test = spawnSync('test', ['-w', probe], { uid: user.uid, gid: user.gid, env: SERVER_ENV })
    if (test.status !== 0) return `user ${user.name}, who runs the server, cannot reach it`
    await listens(join(probe, 's'))
  } catch (error) {
    return (error as Error).message
  } finally {
    if (probe) rmSync(probe, { recursive: true, force: true })
  }
  return undefined
}

function listens(path: string): Promise<void> {
  const server = createServer()
  return new Promise((done, fail) =>
    server.once('error', fail).listen(path, () => server.close(() => done())),
  )
}
