/**
 * What it costs to know who asks: CPU of the web process a request without credentials, with a token as Bearer and as
 * Basic, with the cookie of a session, and with a token that is not known (which asks the database each time); all at
 * a site with the key `auth`, against requests without credentials at a site without it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { almagestIn, inTurn, median, startService } from './support.ts'

const REQUESTS = 6000
const ROUNDS = 7
const CLIENTS = 4
/** Answered from memory: what is left is HTTP, the log and the door. */
const PATH = '/auth/whoami'
const TICK_MS = 10

const dir = mkdtempSync(join(tmpdir(), 'almagest-bench-auth-'))
const file = join(dir, 'site.yaml')
writeFileSync(file, 'auth: {}\n')
const plainEnv = { ALMAGEST_DIR: dir, LOG_LEVEL: 'silent' }
const env = { ...plainEnv, ALMAGEST_CONFIG: file }
const service = await startService({ wide: false, env })
const plain = await startService({ wide: false, env: plainEnv })
const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
try {
  const words = ['--user', 'bench', '--groups', 'a,b', '--json']
  const { token } = JSON.parse(almagestIn(env, 'token', 'create', ...words)) as { token: string }
  const cookie = await cookieOf(token)
  const basic = `Basic ${Buffer.from(`x-oauth-basic:${token}`).toString('base64')}`
  const unknown = `${token.slice(0, 4)}${'A'.repeat(22)}${token.slice(26)}`
  const headers: Record<string, Record<string, string>> = {
    anonymous: {},
    bearer: { authorization: `Bearer ${token}` },
    basic: { authorization: basic },
    cookie: { cookie },
    'not known': { authorization: `Bearer ${unknown}` },
  }
  const tasks = Object.entries(headers).map(
    ([name, sent]) => [name, () => cpuOf(service, sent, name === 'not known' ? 401 : 200)] as const,
  )
  const timings = await inTurn(
    { 'without auth': () => cpuOf(plain, {}, 200), ...Object.fromEntries(tasks) },
    ROUNDS,
  )
  const least = (name: string) => Math.min(...timings[name]!)
  for (const [name, values] of Object.entries(timings)) {
    const more = least(name) - least('without auth')
    const figures = [least(name), median(values), more].map(ms => `${ms.toFixed(3)} ms`)
    console.log(
      `${name.padEnd(14)} min ${figures[0]}  median ${figures[1]}  more than without auth ${figures[2]}`,
    )
  }
} finally {
  agent.destroy()
  await service.stop()
  await plain.stop()
  rmSync(dir, { recursive: true, force: true })
}

/** CPU milliseconds of the service's process a request. */
async function cpuOf(
  { url, pid }: { url: string; pid: number },
  headers: Record<string, string>,
  status: number,
) {
  const before = cpuMs(pid)
  let left = REQUESTS
  const client = async () => {
    while (left-- > 0) {
      const got = await get(url + PATH, headers)
      if (got !== status) throw new Error(`${got} in place of ${status}`)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  return (cpuMs(pid) - before) / REQUESTS
}

/** utime and stime of /proc/PID/stat, behind the name in brackets. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

function get(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent, headers }, response => {
      response.resume().once('end', () => resolve(response.statusCode!))
    })
    asked.once('error', reject).end()
  })
}

async function cookieOf(token: string): Promise<string> {
  const body = new URLSearchParams({ username: 'x-oauth-basic', password: token })
  const answer = await fetch(`${service.url}/auth/cookie`, { method: 'POST', body })
  return answer.headers.getSetCookie()[0]!.split(';')[0]!
}
