/** WAIT of jobs (UWS 1.1 §2.2.1.2), told by the order of answers rather than by a clock. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { testDatabase } from '../support/database.ts'
import { jobClient } from '../support/jobs.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
const QUERY = 'SELECT TOP 7 ID, ra FROM sample.stars WHERE id > 20 AND id < 900 ORDER BY id'

describe('WAIT', () => {
  let service: TestService
  let jobs: ReturnType<typeof jobClient>

  before(async () => {
    service = await startTestService({ database, fill: fillSample, jobs: { waitSeconds: 3 } })
    jobs = jobClient(service)
  })
  after(() => service.close())

  /** Requests in the order of their answers, those of `paths` sent in theirs. */
  const answers = async (...paths: readonly string[]) => {
    const order: { path: string; text: string }[] = []
    await Promise.all(
      paths.map(async path => {
        const { text } = await jobs.get(path)
        order.push({ path, text })
      }),
    )
    return order
  }

  it('blocks up to its time, or the service’s', async () => {
    const id = await jobs.create({ LANG: 'ADQL', QUERY })
    const [forever, one, none] = [`/${id}?wait=-1&phase=pending`, `/${id}?WAIT=1`, `/${id}?WAIT=0`]
    const order = await answers(forever, one, none)
    assert.deepEqual(
      order.map(({ path }) => path),
      [none, one, forever],
    )
    for (const { text } of order) assert.match(text, /PENDING/)
  })

  it('returns at once in another phase than PHASE, and when the job has ended', async () => {
    const waiting = `/${await jobs.create({ LANG: 'ADQL', QUERY })}?WAIT=2`
    const id = await jobs.create({ LANG: 'ADQL', QUERY })
    const order = await answers(waiting, `/${id}?WAIT=-1&PHASE=QUEUED`)
    assert.equal(order.at(-1)!.path, waiting)
    await jobs.post(`/${id}/phase`, { PHASE: 'ABORT' })
    const ended = await answers(waiting, `/${id}?WAIT=3`, `/${id}?WAIT=-1`)
    assert.equal(ended.at(-1)!.path, waiting)
  })

  it('wakes when the phase changes, and when the job is deleted', async () => {
    const [id, other, idle] = [
      await jobs.create({ LANG: 'ADQL', QUERY }),
      await jobs.create({ LANG: 'ADQL', QUERY }),
      await jobs.create({ LANG: 'ADQL', QUERY }),
    ]
    const answered: string[] = []
    const ask = async (job: string) => {
      const answer = await jobs.get(`/${job}?WAIT=-1`)
      answered.push(job)
      return answer
    }
    const [untouched, changed, lost] = [ask(idle), ask(id), ask(other)]
    await sleep(300) // all three wait
    assert.deepEqual(answered, [])
    await jobs.post(`/${id}/phase`, { PHASE: 'ABORT' })
    assert.match((await changed).text, /ABORTED/)
    await fetch(`${service.url}/tap/async/${other}`, { method: 'DELETE', redirect: 'manual' })
    assert.equal((await lost).status, 404)
    assert.deepEqual(answered, [id, other])
    assert.match((await untouched).text, /PENDING/)
  })
})
