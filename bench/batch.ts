/**
 * A batch of 1,000 stamps, three bands and a colour picture of each of 250 positions, against the same as single
 * requests: CPU of the service, the time by the clock, and how many cores the batch would keep busy: time that its
 * threads run or wait for a core, which other work on the machine does not change. `npx tsx bench/batch.ts [positions]`
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { writeNoise } from './images.ts'
import { almagest, ROOT, startService } from './support.ts'

const COUNT = Number(process.argv[2] ?? 250)
const folder = `${ROOT}var/bench/batch`
mkdirSync(folder, { recursive: true })
for (const band of ['g', 'r', 'i']) writeNoise(path.join(folder, `field_${band}.fits`), -32, 4000, band)
const service = await startService({ wide: false })
let failed = false
try {
  almagest('ingest', 'images', folder, '--collection', 'bench_batch')
  const positions = Array.from({ length: COUNT }, (_, i) => {
    const [x, y] = [(i * 0.618034) % 1, (i * 0.754878) % 1]
    return [150 + (x - 0.5) * 0.17, 2 + (y - 0.5) * 0.17] as const
  })
  const dids = ['g', 'r', 'i'].map(band => `ivo://almagest.invalid/bench_batch?field_${band}.fits`)

  const single = async (pairs: [string, string][]) => {
    const response = await fetch(`${service.url}/cutout/sync?${new URLSearchParams(pairs)}`)
    if (response.status !== 200) throw new Error(await response.text())
    return (await response.arrayBuffer()).byteLength
  }
  const singles = async (list: typeof positions) => {
    for (const [ra, dec] of list) {
      const half = 0.5 / 60
      const wide = half / Math.cos((dec * Math.PI) / 180)
      const POS: [string, string] = ['POS', `RANGE ${ra - wide} ${ra + wide} ${dec - half} ${dec + half}`]
      for (const did of dids) await single([['ID', did], POS])
      const all = dids.map(did => ['ID', did] as [string, string])
      await single([...all, POS, ['COMPOSITE', 'true'], ['RESPONSEFORMAT', 'png']])
    }
  }
  const batch = async (list: typeof positions) => {
    const form = new FormData()
    const fields = { COLLECTION: 'bench_batch', XSIZE: '1', PHASE: 'RUN', UPLOAD: 'p,param:p' }
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    form.append('p', new Blob([['ra,dec', ...list.map(at => at.join(','))].join('\n')]), 'p.csv')
    const created = await fetch(`${service.url}/cutout/batch`, {
      method: 'POST',
      body: form,
      redirect: 'manual',
    })
    const job = created.headers.get('location')!
    for (;;) {
      const text = await (await fetch(`${job}?WAIT=30`)).text()
      if (/phase>COMPLETED/.test(text)) break
      if (!/phase>(QUEUED|EXECUTING)/.test(text)) throw new Error(text)
    }
    await fetch(job, { method: 'DELETE', redirect: 'manual' })
  }
  const measured = async (work: () => Promise<void>) => {
    const [cpu, begun, watch] = [cpuSeconds(service.pid), performance.now(), busySeconds(service.pid)]
    await work()
    const wall = (performance.now() - begun) / 1000
    return { cpu: cpuSeconds(service.pid) - cpu, wall, cores: watch() / wall }
  }
  const told = ({ cpu, wall, cores }: Awaited<ReturnType<typeof measured>>) =>
    `${cpu.toFixed(2)} s of CPU, ${wall.toFixed(2)} s, ${cores.toFixed(2)} cores wanted`
  await singles(positions.slice(0, 20))
  const one = await measured(() => singles(positions))
  console.log(`${COUNT} positions, 3 FITS and 1 PNG each, one request after the other: ${told(one)}`)
  await batch(positions.slice(0, 100))
  const all = await measured(() => batch(positions))
  console.log(`as one batch: ${told(all)}`)
  const cores = availableParallelism()
  const holds = all.cpu <= 2 * one.cpu && all.cores >= 0.75 * cores
  console.log(
    `${holds ? 'holds ' : 'MISSES'} CPU ${(all.cpu / one.cpu).toFixed(2)} of the single cutouts', on ${all.cores.toFixed(2)} of ${cores} cores; clock ${(all.wall / (one.cpu / cores)).toFixed(2)} of their CPU on ${cores} cores`,
  )
  failed = !holds
} finally {
  await service.stop()
  rmSync(folder, { recursive: true })
}
process.exitCode = failed ? 1 : 0

/** User and system time of a process with its threads. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Seconds that the threads of a process have run or waited for a core since; ended ones up to their last second. */
function busySeconds(pid: number): () => number {
  const seen = new Map<string, { first: number; last: number }>()
  const look = (begin: boolean) => {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      try {
        const [run, wait] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
        const now = (Number(run) + Number(wait)) / 1e9
        const known = seen.get(thread)
        if (known) known.last = now
        else seen.set(thread, { first: begin ? now : 0, last: now })
      } catch {} // the thread has ended
    }
  }
  look(true)
  const timer = setInterval(look, 100, false)
  return () => {
    clearInterval(timer)
    look(false)
    return [...seen.values()].reduce((sum, { first, last }) => sum + last - first, 0)
  }
}
