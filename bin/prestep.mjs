/**
 * What has to be on the machine before anything else runs: node modules, PostgreSQL with pgSphere, and for the
 * tests their clients. Installs what is missing (system packages only as root) or says the one command that does.
 * Imports nothing but Node's own modules, since it runs before `npm ci`. Speaks on standard error.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Distributions that are set up, and their PostgreSQL. */
const POSTGRES_OF = { 'debian 12': 15, 'debian 13': 17, 'ubuntu 24.04': 16 }
/** Independent readers and clients that the tests compare with: package, and a file that shows it is there. */
const TEST_CLIENTS = [
  ['curl', '/usr/bin/curl'],
  ['stilts', '/usr/bin/stilts'],
  ['python3-pyvo', '/usr/lib/python3/dist-packages/pyvo'],
  ['python3-astropy', '/usr/lib/python3/dist-packages/astropy'],
  ['python3-healpy', '/usr/lib/python3/dist-packages/healpy'],
  ['libxml2-utils', '/usr/bin/xmllint'],
]
/** A file here keeps Debian's packages from creating and starting a public cluster "main". */
const CLUSTER_CONF_DIR = '/etc/postgresql-common/createcluster.d'

/** Exits with status 1 and what to do when something is missing that we cannot install. */
export async function prepare({ database = true, tests = false } = {}) {
  if (Number(process.versions.node.split('.')[0]) < 20)
    stop(`Almagest needs Node 20 or later; this is Node ${process.versions.node}.`)
  const system = process.platform === 'linux' ? distribution() : process.platform
  const version = POSTGRES_OF[system]
  const packages = database && !hasPostgres() ? postgresPackages(version) : []
  const clients = tests ? TEST_CLIENTS.filter(([, file]) => !existsSync(file)).map(([name]) => name) : []
  if (version) await installPackages([...packages, ...clients])
  else if (packages.length > 0)
    stop(`Missing: ${packages.join(', ')}. Install them with the means of ${system}.`)
  else if (clients.length > 0)
    say(`Tests that need ${clients.join(', ')} will be skipped or fail: install them.`)
  await installModules({ dev: tests })
}

/** Node modules as package-lock.json has them; development ones for the tests, or when they were there before. */
export async function installModules({ dev }) {
  const wanted = readLock('package-lock.json')
  const present = readLock('node_modules/.package-lock.json')
  const full = dev || existsSync(`${root}node_modules/typescript`)
  const stale = Object.entries(wanted).filter(
    ([path, { version, optional, dev }]) =>
      path !== '' && !optional && (full || !dev) && present[path]?.version !== version,
  )
  if (stale.length === 0) return
  const npm = ['npm', 'ci', full ? '--include=dev' : '--omit=dev', '--no-audit', '--no-fund']
  await step(`installing ${stale.length} node modules (${npm.slice(0, 3).join(' ')})`, npm)
}

function readLock(file) {
  return existsSync(root + file) ? JSON.parse(readFileSync(root + file, 'utf8')).packages : {}
}

/** PostgreSQL 15 or later with pgSphere, Debian's way of several versions or one on the PATH. */
function hasPostgres() {
  const debian = '/usr/lib/postgresql'
  const programs = existsSync(debian)
    ? readdirSync(debian).map(version => `${debian}/${version}/bin/pg_config`)
    : []
  return [...programs, 'pg_config'].some(program => {
    const run = spawnSync(program, ['--version', '--bindir', '--sharedir'], { encoding: 'utf8' })
    const [version, bin, share] = run.stdout?.split('\n') ?? []
    return (
      Number(/PostgreSQL (\d+)/.exec(version)?.[1]) >= 15 &&
      existsSync(`${bin}/postgres`) &&
      existsSync(`${share}/extension/pg_sphere.control`)
    )
  })
}

function postgresPackages(version) {
  return version
    ? [`postgresql-${version}`, `postgresql-${version}-pgsphere`]
    : ['PostgreSQL server (15 or later)', 'pgSphere for it']
}

/** As `debian 12`. */
function distribution() {
  const file = '/etc/os-release'
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const value = key => new RegExp(`^${key}="?([^"\n]*)`, 'm').exec(text)?.[1] ?? ''
  return `${value('ID')} ${value('VERSION_ID')}`
}

async function installPackages(packages) {
  if (packages.length === 0) return
  const server = packages.some(name => /^postgresql-\d+$/.test(name))
  const apt = [
    'apt-get',
    'install',
    '-y',
    '--no-install-recommends',
    '-o',
    'DPkg::Lock::Timeout=300',
    ...packages,
  ]
  if (process.getuid() !== 0) {
    const noMain = `mkdir -p ${CLUSTER_CONF_DIR} && echo create_main_cluster = false > ${CLUSTER_CONF_DIR}/almagest.conf`
    const steps = [
      ...(server ? [noMain] : []),
      'apt-get update',
      `DEBIAN_FRONTEND=noninteractive ${apt.join(' ')}`,
    ]
    stop(
      `Missing: ${packages.join(', ')}. Run this once, then start again:\n\nsudo sh -c '${steps.join(' && ')}'\n`,
    )
  }
  const conf = `${CLUSTER_CONF_DIR}/almagest.conf`
  if (server) {
    mkdirSync(CLUSTER_CONF_DIR, { recursive: true })
    writeFileSync(conf, 'create_main_cluster = false\n')
  }
  try {
    await step('reading the package lists (apt-get update)', ['apt-get', 'update'])
    await step(`installing ${packages.join(' ')} (apt-get install)`, apt)
  } finally {
    if (server) rmSync(conf, { force: true })
  }
}

/** One line before and one after; the command's own output only when it fails. */
async function step(title, [command, ...args]) {
  say(`${title} …`)
  const began = Date.now()
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1' }
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => output.push(chunk))
  const alive = setInterval(() => say(`… ${Math.round((Date.now() - began) / 1000)} s`), 30_000)
  const fault = await new Promise(done => {
    child.once('error', done)
    child.once('close', (code, signal) =>
      done(code === 0 ? undefined : { message: signal ?? `status ${code}` }),
    )
  })
  clearInterval(alive)
  if (fault) stop(`${Buffer.concat(output)}\n${command} ${args.join(' ')} failed: ${fault.message}`)
  say(`… done in ${((Date.now() - began) / 1000).toFixed(1)} s`)
}

function say(line) {
  process.stderr.write(`almagest: ${line}\n`)
}

function stop(text) {
  say(text)
  process.exit(1)
}
