/**
 * The private PostgreSQL's files and settings: which server serves it, as which user, with what in its three
 * configuration files. A cluster's home holds `data/` (the server's), `run/` (sockets, closed to others),
 * `server.log` and `lock`.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism, totalmem, userInfo } from 'node:os'
import { join } from 'node:path'

/** The owner role and the database, the same name. */
export const OWNER = 'almagest'

/** A socket's path holds at most 107 bytes (sun_path of Linux, less its NUL). */
export const SOCKET_PATH_BYTES = 107

export interface ServerUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

export interface Installation {
  readonly bin: string
  readonly major: number
}

/** What every child gets: nothing of ours, so that no PG* or LC_* variable changes the server. */
export const SERVER_ENV = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C.UTF-8',
}

/**
 * PostgreSQL refuses to run as root. Started as root, the server runs as the user who owns the cluster, for a
 * new one as `postgres` or else `nobody`; otherwise as ourselves.
 */
export function serverUser(home: string): ServerUser {
  const own = userInfo()
  if (own.uid !== 0) return { name: own.username, uid: own.uid, gid: own.gid }
  const data = join(home, 'data')
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map(line => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
  const owner = existsSync(data) ? statSync(data).uid : undefined
  const user =
    owner === undefined
      ? (users.find(u => u.name === 'postgres') ?? users.find(u => u.name === 'nobody'))
      : users.find(u => u.uid === owner)
  if (!user || user.uid === 0) throw new Error(`No unprivileged user can run the database in ${home}`)
  return user
}

/** The newest PostgreSQL (15 or later) that has pgSphere, or of the given major version. */
export function findInstallation(major?: number): Installation {
  const debian = '/usr/lib/postgresql'
  const programs = existsSync(debian)
    ? readdirSync(debian).map(version => join(debian, version, 'bin/pg_config'))
    : []
  const found = [...programs, 'pg_config'].flatMap(readInstallation)
  const fitting = found.filter(i => i.pgSphere && (major === undefined ? i.major >= 15 : i.major === major))
  const newest = fitting.sort((a, b) => b.major - a.major)[0]
  if (newest) return newest
  const seen = found.map(i => `${i.major}${i.pgSphere ? '' : ' without pgSphere'}`).join(', ') || 'none'
  throw new Error(
    major === undefined
      ? `PostgreSQL 15 or later with pgSphere is not installed (found: ${seen}). npm start says how to install it.`
      : `The database was made by PostgreSQL ${major}, which is not installed with pgSphere (found: ${seen}). ` +
          `Install postgresql-${major} and postgresql-${major}-pgsphere, or dump it there and restore it here.`,
  )
}

function readInstallation(pgConfig: string): (Installation & { pgSphere: boolean })[] {
  const run = spawnSync(pgConfig, ['--version', '--bindir', '--sharedir'], { encoding: 'utf8' })
  const [version = '', bin = '', share = ''] = run.stdout?.split('\n') ?? []
  const major = Number(/PostgreSQL (\d+)/.exec(version)?.[1])
  if (!major || !existsSync(join(bin, 'postgres'))) return []
  return [{ bin, major, pgSphere: existsSync(join(share, 'extension/pg_sphere.control')) }]
}

/** The installation that serves the cluster in `home`. */
export function installationOf(home: string): Installation {
  const version = join(home, 'data/PG_VERSION')
  return findInstallation(existsSync(version) ? Number(readFileSync(version, 'utf8')) : undefined)
}

/** Makes `data/` under another name and renames it when complete: an interrupted first start leaves no half cluster. */
export function createCluster(home: string, { bin }: Installation, user: ServerUser): void {
  const fresh = join(home, 'data.new')
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { mode: 0o700 })
  if (process.getuid?.() === 0) chownSync(fresh, user.uid, user.gid)
  const options = { cwd: home, uid: user.uid, gid: user.gid, env: SERVER_ENV } as const
  const locale = ['--encoding=UTF8', '--locale=C.UTF-8']
  const initdb = ['-D', fresh, '-U', OWNER, ...locale, '--auth=peer', '--data-checksums', '--no-instructions']
  execFileSync(join(bin, 'initdb'), initdb, { ...options, stdio: ['ignore', 'ignore', 'inherit'] })
  execFileSync(join(bin, 'postgres'), ['--single', '-D', fresh, 'postgres'], {
    ...options,
    input: `CREATE DATABASE ${OWNER}\n`,
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  renameSync(fresh, join(home, 'data'))
}

/** Writes the three configuration files anew: they follow the machine's size, the path, and who may connect. */
export function writeSettings(home: string, user: ServerUser): void {
  const data = join(home, 'data')
  const settings = Object.entries(serverSettings(join(home, 'run')))
  const files = {
    'postgresql.conf': [
      '# Written by Almagest at every start; what is in local.conf beside this file wins.',
      ...settings.map(([name, value]) => `${name} = ${quote(String(value))}`),
      ...(existsSync(join(data, 'local.conf')) ? [`include 'local.conf'`] : []),
    ],
    'pg_hba.conf': ['local all all peer map=almagest'],
    'pg_ident.conf': [...new Set(['root', user.name])].map(name => `almagest "${name}" ${OWNER}`),
  }
  for (const [name, lines] of Object.entries(files)) {
    writeFileSync(join(data, name), `${lines.join('\n')}\n`)
    if (process.getuid?.() === 0) chownSync(join(data, name), user.uid, user.gid)
  }
}

const MB = 2 ** 20

/** For bulk loads and region queries on a machine that others use too. Memory in megabytes. */
function serverSettings(run: string): Record<string, string | number> {
  const limit = process.constrainedMemory()
  const memory = (limit > 0 ? Math.min(limit, totalmem()) : totalmem()) / MB
  const part = (share: number, least: number, most: number) =>
    `${Math.round(Math.min(most, Math.max(least, memory * share)))}MB`
  const cores = availableParallelism()
  return {
    listen_addresses: '',
    unix_socket_directories: `"${run.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    max_connections: 100,
    shared_buffers: part(1 / 4, 64, 2048),
    effective_cache_size: part(1 / 2, 128, 1e6),
    work_mem: part(1 / 400, 8, 64),
    maintenance_work_mem: part(1 / 16, 64, 1024),
    huge_pages: 'try',
    // Parallel queries share memory there; containers give it 64 MB, a bare chroot none.
    dynamic_shared_memory_type: sharedMemoryBytes() > 1e9 ? 'posix' : 'mmap',
    // Nothing replicates: COPY into a new table then writes no WAL.
    wal_level: 'minimal',
    max_wal_senders: 0,
    max_logical_replication_workers: 0,
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
    random_page_cost: 1.1,
    jit: 'off',
    max_parallel_workers: cores,
    max_parallel_workers_per_gather: Math.max(1, Math.min(4, cores - 1)),
    max_parallel_maintenance_workers: Math.max(1, Math.min(4, cores - 1)),
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
  }
}

function sharedMemoryBytes(): number {
  if (!existsSync('/dev/shm')) return 0
  const { bavail, bsize } = statfsSync('/dev/shm')
  return bavail * bsize
}

const quote = (value: string) => `'${value.replaceAll("'", "''")}'`
