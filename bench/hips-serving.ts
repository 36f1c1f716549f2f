/**
 * Tiles of a HiPS over HTTP with keep-alive: JPEG tiles of 30 kB and 404s outside of the coverage, by the service as
 * `serve` runs it, by a bare express handler that ends with the same bytes (the limit to compare with), and by nginx on
 * the same tree, which is the limit of all. Needs Debian's `wrk`, and `nginx` for the last.
 *
 *   npx tsx bench/hips-serving.ts [seconds] [rounds]
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { mocFits } from '../src/fits/moc.ts'
import { mocOfCells, mocUniq } from '../src/healpix/moc.ts'
import { propertiesText } from '../src/hips/properties.ts'
import { tilePath } from '../src/hips/tile.ts'
import { almagest, median, ROOT, startService } from './support.ts'

const SECONDS = Number(process.argv[2] ?? 6)
const ROUNDS = Number(process.argv[3] ?? 3)
const CONNECTIONS = 32
const ORDER = 7
const TILES = 1000
const TILE_BYTES = 30_000
const BARE_PORT = 18_601
const NGINX_PORT = 18_602

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-serving-'))
const dir = process.env.ALMAGEST_DIR ?? `${ROOT}var/bench`
const tree = path.join(dir, 'hips', 'bench_serving')

/** A tree of order 7 with noise in its tiles: what is in them is of no matter to who serves them. */
function makeTree(): void {
  rmSync(tree, { recursive: true, force: true })
  for (let npix = 0; npix < TILES; npix++) {
    const file = path.join(tree, `${tilePath({ order: ORDER, npix })}.jpg`)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, randomBytes(TILE_BYTES))
  }
  const moc = mocOfCells(
    ORDER,
    Array.from({ length: TILES }, (_, npix) => npix),
  )
  writeFileSync(path.join(tree, 'Moc.fits'), mocFits(mocUniq(moc), ORDER, 'equatorial'))
  const entries = {
    obs_title: 'bench',
    dataproduct_type: 'image',
    hips_order: ORDER,
    hips_tile_format: 'jpeg',
  }
  writeFileSync(path.join(tree, 'properties'), propertiesText(Object.entries(entries)))
}

/** Paths one after the other: tiles that are there, or that are not. */
function script(name: string, first: number): string {
  const file = path.join(folder, `${name}.lua`)
  writeFileSync(
    file,
    `local i = 0
request = function()
  i = (i + 7) % ${TILES}
  local n = ${first} + i
  return wrk.format('GET', '/hips/bench_serving/Norder${ORDER}/Dir' .. (math.floor(n / 10000) * 10000) .. '/Npix' .. n .. '.jpg')
end
`,
  )
  return file
}

/** Requests a second. */
function wrk(port: number, lua: string, status: 200 | 404): number {
  const run = spawnSync(
    'wrk',
    ['-t1', `-c${CONNECTIONS}`, `-d${SECONDS}`, '-s', lua, `http://127.0.0.1:${port}`],
    { encoding: 'utf8' },
  )
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(run.stdout)?.[1])
  const failed = Number(/Non-2xx or 3xx responses: (\d+)/.exec(run.stdout)?.[1] ?? 0)
  if (!(rate > 0) || failed > 0 !== (status === 404)) throw new Error(`wrk: ${run.stdout}${run.stderr}`)
  return rate
}

const BARE = `
import express from 'express'
const bytes = Buffer.alloc(${TILE_BYTES}, 1)
const app = express()
app.get('/hips/bench_serving/Norder${ORDER}/Dir0/:tile', (request, response) => response.end(bytes))
app.use((request, response) => response.status(404).end())
app.listen(${BARE_PORT}, '127.0.0.1', () => console.log('ready'))
`

const NGINX = `
worker_processes 1; daemon off; error_log ${folder}/error.log; pid ${folder}/nginx.pid;
events { worker_connections 256; }
http {
  access_log off; sendfile on; keepalive_requests 1000000000;
  open_file_cache max=2000;
  types { image/jpeg jpg; }
  client_body_temp_path ${folder}/t1; proxy_temp_path ${folder}/t2; fastcgi_temp_path ${folder}/t3;
  uwsgi_temp_path ${folder}/t4; scgi_temp_path ${folder}/t5;
  server { listen 127.0.0.1:${NGINX_PORT}; location /hips/ { alias ${path.join(dir, 'hips')}/; } }
}
`

async function started(command: string, args: readonly string[], port: number): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: 'ignore', cwd: ROOT })
  for (let i = 0; i < 100; i++) {
    const answers = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    )
    if (answers) return child
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error(`${command} does not answer`)
}

const processes: ChildProcess[] = []
almagest('migrate')
makeTree()
const service = await startService({ wide: false })
try {
  const bare = path.join(folder, 'bare.mjs')
  writeFileSync(bare, BARE.replace("'express'", `'${ROOT}node_modules/express/index.js'`))
  processes.push(await started(process.execPath, [bare], BARE_PORT))
  const ports: Record<string, number> = { almagest: Number(new URL(service.url).port), bare: BARE_PORT }
  if (spawnSync('nginx', ['-v']).status === 0) {
    const file = path.join(folder, 'nginx.conf')
    writeFileSync(file, NGINX)
    processes.push(await started('nginx', ['-c', file], NGINX_PORT))
    ports.nginx = NGINX_PORT
  }
  const kinds = [
    { kind: 'tiles', lua: script('tiles', 0), status: 200 },
    { kind: 'no tiles', lua: script('none', 50_000), status: 404 },
  ] as const
  const rates: Record<string, number[]> = {}
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { kind, lua, status } of kinds) {
      for (const [name, port] of Object.entries(ports)) {
        const rate = wrk(port, lua, status)
        if (round === 0) continue
        rates[`${kind} ${name}`] = [...(rates[`${kind} ${name}`] ?? []), rate]
      }
    }
  }
  for (const { kind } of kinds) {
    const most = (name: string) => Math.max(...rates[`${kind} ${name}`]!)
    for (const name of Object.keys(ports)) {
      const values = rates[`${kind} ${name}`]!
      const share = (most(name) / most('bare')).toFixed(2)
      console.log(
        `${kind.padEnd(10)}${name.padEnd(10)} most ${most(name).toFixed(0).padStart(6)}/s  median ${median(values).toFixed(0).padStart(6)}/s  ${share}x bare express`,
      )
    }
  }
} finally {
  for (const child of processes) child.kill('SIGTERM')
  await service.stop()
  rmSync(tree, { recursive: true, force: true })
  rmSync(folder, { recursive: true, force: true })
}
