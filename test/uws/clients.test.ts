/** Jobs driven by clients that we did not write: taplint, stilts tapquery and tapresume, pyvo. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { testDatabase } from '../support/database.ts'
import { ENDLESS, jobClient } from '../support/jobs.ts'
import { pythonClient, withoutPython } from '../support/python.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { stilts, withoutStilts } from '../support/stilts.ts'

const database = await testDatabase()
const STAGES = 'QAS UWS'

describe('clients of jobs', () => {
  let service: TestService
  let jobs: ReturnType<typeof jobClient>

  before(async () => {
    service = await startTestService({ database, fill: fillSample })
    jobs = jobClient(service)
  })
  after(() => service.close())

  const count = async () => (await jobs.get('')).text.match(/<uws:jobref /g)?.length ?? 0

  it('taplint finds nothing in QAS and UWS', { skip: withoutStilts(), timeout: 120_000 }, async () => {
    const report = await stilts('taplint', `tapurl=${service.url}/tap`, `stages=${STAGES}`, 'report=EWFS')
    assert.deepEqual(
      report.split('\n').filter(line => /^[EWF]-/.test(line)),
      [],
    )
    assert.match(report, /S-QAS-QNUM-\d+ Successful\/submitted TAP queries: (\d+)\/\1/)
  })

  for (const mode of ['finished', 'never', 'always']) {
    it(`stilts tapquery reads an async result, delete=${mode}`, { skip: withoutStilts() }, async () => {
      const before = await count()
      const csv = await stilts(
        'tapquery',
        `tapurl=${service.url}/tap`,
        'sync=false',
        `delete=${mode}`,
        'adql=SELECT TOP 3 id FROM sample.stars WHERE id BETWEEN 100 AND 900 ORDER BY id',
        'ofmt=csv',
      )
      assert.match(csv, /(^|\n)ID\n100\n101\n102\n/i)
      assert.equal(await count(), mode === 'never' ? before + 1 : before)
    })
  }

  it('stilts tapresume takes up a job that runs, and one that has ended', {
    skip: withoutStilts(),
  }, async () => {
    for (const wait of [false, true]) {
      const id = await jobs.create({
        LANG: 'ADQL',
        QUERY: 'SELECT COUNT(*) AS n FROM sample.stars',
        PHASE: 'RUN',
      })
      if (wait) await jobs.ended(id)
      const csv = await stilts(
        'tapresume',
        `joburl=${service.url}/tap/async/${id}`,
        'delete=finished',
        'ofmt=csv',
      )
      assert.match(csv, /n\n1000\n/)
      assert.equal((await jobs.get(`/${id}`)).status, 404)
    }
  })

  it('stilts says what was wrong', { skip: withoutStilts() }, async () => {
    const failing = stilts(
      'tapquery',
      `tapurl=${service.url}/tap`,
      'sync=false',
      'parse=false',
      'adql=SELECT raa FROM sample.stars',
    )
    await assert.rejects(failing, /raa/)
  })

  it('pyvo runs, lists, aborts and deletes jobs, and uploads', {
    skip: withoutPython('pyvo', 'astropy'),
  }, async () => {
    const script = `
import sys, json, requests, pyvo
from astropy.table import Table
service = pyvo.dal.TAPService(sys.argv[1])
said = {}
table = service.run_async("SELECT TOP 4 id FROM sample.stars WHERE id > 200 AND id < 800 ORDER BY id")
said['run_async'] = [int(i) for i in table['ID']]
job = service.submit_job("SELECT COUNT(*) AS n FROM sample.stars", maxrec=5)
said['pending'] = job.phase
job.execution_duration = 600
said['duration'] = job.execution_duration.sec
job.run(); job.wait(phases={'COMPLETED', 'ERROR'}, timeout=60)
said['phase'] = job.phase
job.raise_if_error()
said['n'] = int(job.fetch_result()['n'][0])
said['uris'] = job.result_uris
said['listed'] = [j.jobid for j in service.get_job_list(phases=['COMPLETED'], last=1)] == [job.job.jobid]
again = service.get_job(job.job.jobid)
said['again'] = again.phase
jobid = job.job.jobid; job.delete()
said['gone'] = jobid not in [j.jobid for j in service.get_job_list()]
endless = service.submit_job(sys.argv[2])
endless.run()
while endless.phase != 'EXECUTING': pass
endless.abort()
said['aborted'] = endless.phase
endless.delete()
bad = service.submit_job("SELECT raa FROM sample.stars")
bad.run(); bad.wait(timeout=60)
said['error'] = requests.get(bad.url + '/error').text
table = Table({'id': [205, 206, 777777]})
joined = service.run_async('SELECT s.id FROM sample.stars AS s JOIN TAP_UPLOAD.mine AS m ON s.id = m.id ORDER BY id', uploads={'mine': table})
said['uploaded'] = [int(i) for i in joined['ID']]
print(json.dumps(said))`
    const said = JSON.parse(await pythonClient(script, `${service.url}/tap`, ENDLESS))
    assert.deepEqual(said.run_async, [201, 202, 203, 204])
    assert.equal(said.pending, 'PENDING')
    assert.equal(said.duration, 600)
    assert.equal(said.phase, 'COMPLETED')
    assert.equal(said.n, 1000)
    assert.match(said.uris[0], /\/results\/result$/)
    assert.equal(said.listed, true)
    assert.equal(said.again, 'COMPLETED')
    assert.equal(said.gone, true)
    assert.equal(said.aborted, 'ABORTED')
    assert.match(said.error, /raa/)
    assert.deepEqual(said.uploaded, [205, 206])
  })
})
