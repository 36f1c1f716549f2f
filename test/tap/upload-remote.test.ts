/** Uploads by URL: results of own jobs, and nothing of what a service could reach by itself. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { testDatabase } from '../support/database.ts'
import { pythonClient, withoutPython } from '../support/python.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
const dir = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))

describe('uploads by URL', () => {
  /** One as it is by default, one that allows much, both with the same jobs. */
  let closed: TestService
  let open: TestService
  let inside: Server
  let hits = 0
  let elsewhere = ''

  before(async () => {
    inside = createServer((_request, response) => {
      hits++
      response.end('a\n1\n')
    })
    await new Promise<void>(resolve => inside.listen(0, '127.0.0.1', resolve))
    const { port } = inside.address() as AddressInfo
    elsewhere = `http://127.0.0.1:${port}/t.csv`
    closed = await startTestService({ database, config: { dir }, fill: fillSample })
    const allow = [
      { protocol: 'http:', host: '127.0.0.1', port, path: '/' },
      { protocol: 'http:', host: 'localhost', port, path: '/' },
    ] as const
    const publicUrl = 'https://survey.example/vo'
    open = await startTestService({ database, runner: false, config: { dir, uploads: { allow }, publicUrl } })
  })
  after(async () => {
    await closed.close()
    await open.close()
    inside.close()
    rmSync(dir, { recursive: true })
  })

  async function ask(service: TestService, upload: string, query = 'SELECT * FROM TAP_UPLOAD.t') {
    const body = new URLSearchParams({ LANG: 'ADQL', FORMAT: 'csv', QUERY: query, UPLOAD: upload })
    const response = await fetch(`${service.url}/tap/sync`, { method: 'POST', body })
    return `${response.status} ${await response.text()}`
  }

  async function job(service: TestService, parameters: Record<string, string>): Promise<string> {
    const body = new URLSearchParams({ LANG: 'ADQL', ...parameters })
    const created = await fetch(`${service.url}/tap/async`, { method: 'POST', body, redirect: 'manual' })
    const id = created.headers.get('location')!.split('/').at(-1)!
    if (parameters.PHASE) await fetch(`${service.url}/tap/async/${id}?WAIT=60`)
    return id
  }
  const text = async (service: TestService, path: string) =>
    (await fetch(`${service.url}/tap/async/${path}`)).text()

  it('take the result of a job of this service, in sync, in jobs and in the query doctor', async () => {
    const id = await job(closed, {
      QUERY: 'SELECT TOP 3 id, ra, mag FROM sample.stars ORDER BY id',
      PHASE: 'RUN',
    })
    const result = `${closed.url}/tap/async/${id}/results/result`
    const expected = await (await fetch(`${result}?RESPONSEFORMAT=csv`)).text()
    assert.equal(expected.trim().split('\n').length, 4)
    assert.equal(await ask(closed, `t,${result}`), `200 ${expected}`)
    assert.equal(await ask(closed, `t,${result}?RESPONSEFORMAT=fits`), `200 ${expected}`)
    // Whatever a proxy in front calls the service; where its URL is known, that one and no other.
    assert.equal(await ask(closed, `t,http://localhost/x/tap/async/${id}/results/result`), `200 ${expected}`)
    assert.equal(
      await ask(open, `t,https://survey.example/vo/tap/async/${id}/results/result`),
      `200 ${expected}`,
    )
    assert.match(await ask(open, `t,${result}`), /^400 .*none of them/)
    const again = await job(closed, {
      QUERY: 'SELECT * FROM TAP_UPLOAD.t',
      UPLOAD: `t,${result}`,
      PHASE: 'RUN',
      FORMAT: 'csv',
    })
    assert.equal(await text(closed, `${again}/results/result`), expected)
    const query = new URLSearchParams({
      QUERY: 'SELECT COUNT(*) AS n FROM TAP_UPLOAD.t',
      UPLOAD: `t,${result}`,
    })
    const check = (await (await fetch(`${closed.url}/tap/check?${query}`)).json()) as { ok: boolean }
    assert.equal(check.ok, true)
  })

  it('keep to the rights of whoever asks, and to what is there', async () => {
    const id = await job(closed, { QUERY: 'SELECT TOP 3 id FROM sample.stars' })
    const result = `${closed.url}/tap/async/${id}/results/result`
    assert.match(await ask(closed, `t,${result}`), /^404 .*no result result; the job is PENDING/)
    await closed.db.query(`UPDATE uws.job SET owner = 'somebody' WHERE job_id = $1`, [id])
    assert.match(await ask(closed, `t,${result}`), /^401 .*belongs to somebody: log in/)
    const none = '00000000-0000-4000-8000-000000000000'
    assert.match(
      await ask(closed, `t,${closed.url}/tap/async/${none}/results/result`),
      /^400 .*fetches nothing/,
    )
    const named = `https://survey.example/vo/tap/async/${none}/results/result`
    assert.match(await ask(open, `t,${named}`), /^400 .*no such result here/)
    assert.match(await ask(closed, `t,${closed.url}/jobs/${id}/results/%zz`), /^400 .*fetches nothing/)
  })

  it('are refused by default, in jobs, too', async () => {
    for (const url of [elsewhere, 'https://example.org/t.vot', closed.url, 'http://[::1]/'])
      assert.match(await ask(closed, `t,${url}`), /^400 .*fetches nothing from elsewhere/, url)
    for (const url of ['file:///etc/passwd', 'ftp://example.org/', 'gopher://x'])
      assert.match(await ask(closed, `t,${url}`), /^400 .*fetches nothing but http/, url)
    const id = await job(closed, {
      QUERY: 'SELECT 1 AS x FROM TAP_UPLOAD.t',
      UPLOAD: `t,${elsewhere}`,
      PHASE: 'RUN',
    })
    assert.equal(await text(closed, `${id}/phase`), 'ERROR')
    assert.match(await text(closed, `${id}/error`), /fetches nothing from elsewhere/)
    assert.equal(hits, 0)
  })

  it('never reach the inside, though the list says so', async () => {
    for (const url of [
      elsewhere,
      elsewhere.replace('127.0.0.1', 'localhost'),
      elsewhere.replace('127.0.0.1', '0x7f.1'),
    ])
      assert.match(await ask(open, `t,${url}`), /^400 .*not on the public internet/, url)
    assert.equal(hits, 0)
  })

  it('are declared where a site allows some', async () => {
    const methods = async ({ url }: TestService) =>
      [...(await (await fetch(`${url}/tap/capabilities`)).text()).matchAll(/TAPRegExt#upload-(\w+)/g)].map(
        m => m[1],
      )
    assert.deepEqual(await methods(closed), ['inline'])
    assert.deepEqual(await methods(open), ['inline', 'http'])
  })

  it('by pyvo, from one job to the next', { skip: withoutPython('pyvo') }, async () => {
    const script = `
import sys, pyvo
service = pyvo.dal.TAPService(sys.argv[1] + '/tap')
job = service.submit_job('SELECT TOP 5 id FROM sample.stars ORDER BY id')
job.run(); job.wait(phases={'COMPLETED', 'ERROR'}); job.raise_if_error()
print(len(service.run_sync('SELECT * FROM TAP_UPLOAD.before', uploads={'before': job.result_uri})))`
    assert.equal((await pythonClient(script, closed.url)).trim(), '5')
  })
})
