/** Messages at the end of jobs: a real SMTP server, a receiver of webhooks, and what strangers must not do. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SMTPServer } from 'smtp-server'
import { ANONYMOUS } from '../../src/auth/identity.ts'
import type { NotifySettings } from '../../src/config.ts'
import { openLog } from '../../src/log.ts'
import { startDelivery } from '../../src/uws/deliver.ts'
import type { Notify } from '../../src/uws/job.ts'
import { notifyTargets } from '../../src/uws/notify.ts'
import { claimMessages, endMessage } from '../../src/uws/outbox.ts'
import { publicLookup } from '../../src/uws/webhook.ts'
import { testDatabase } from '../support/database.ts'
import { jobClient } from '../support/jobs.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
const QUERY = 'SELECT TOP 3 id FROM sample.stars'

interface Mail {
  readonly to: readonly string[]
  readonly text: string
}

interface Call {
  readonly id: string
  readonly time: string
  readonly signature: string
  readonly body: string
}

describe('messages', () => {
  let service: TestService
  let jobs: ReturnType<typeof jobClient>
  let receiver: Server
  let hook: string
  let smtp: SMTPServer
  const mails: Mail[] = []
  const calls: Call[] = []
  let answer: (path: string) => number | Promise<number> = () => 204

  const startSmtp = async (port: number) => {
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onRcptTo({ address }, _session, callback) {
        const refused = address.startsWith('nobody@')
        callback(refused ? Object.assign(new Error('no such user'), { responseCode: 550 }) : null)
      },
      onData(stream, session, callback) {
        let text = ''
        stream.setEncoding('utf8')
        stream.on('data', chunk => {
          text += chunk
        })
        stream.on('end', () => {
          mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), text })
          callback()
        })
      },
    })
    await new Promise<void>(resolve => server.listen(port, '127.0.0.1', () => resolve()))
    return server
  }

  before(async () => {
    smtp = await startSmtp(0)
    receiver = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      const header = (name: string) => String(request.headers[name])
      calls.push({
        id: header('webhook-id'),
        time: header('webhook-timestamp'),
        signature: header('webhook-signature'),
        body,
      })
      response.statusCode = await answer(request.url!)
      response.end()
    })
    await new Promise<void>(resolve => receiver.listen(0, '127.0.0.1', () => resolve()))
    const host = `127.0.0.1:${(receiver.address() as AddressInfo).port}`
    hook = `http://${host}/hook`
    const notify: NotifySettings = {
      mail: {
        smtp: `smtp://127.0.0.1:${(smtp.server.address() as AddressInfo).port}`,
        from: 'Almagest <jobs@site.example>',
      },
      mailDomains: ['institute.example'],
      webhooks: true,
      webhookHosts: [host],
      perHour: 60,
    }
    service = await startTestService({ database, fill: fillSample, config: { notify } })
    jobs = jobClient(service)
  })
  beforeEach(async () => {
    await service.db.query('DELETE FROM uws.job')
    mails.length = 0
    calls.length = 0
    answer = () => 204
  })
  after(async () => {
    await service.close()
    receiver.close()
    await new Promise<void>(resolve => smtp.close(() => resolve()))
  })

  const run = async (...targets: string[]) => {
    const named = targets.map(target => ['NOTIFY', target] as [string, string])
    const id = await jobs.create([
      ['LANG', 'ADQL'],
      ['QUERY', QUERY],
      ['PHASE', 'RUN'],
      ['RUNID', 'buy now'],
      ...named,
    ])
    await jobs.ended(id)
    return id
  }
  const messages = async (id: string) => {
    const response = await fetch(`${service.url}/jobs/${id}/messages`)
    return (await response.json()) as { signingKey: string; messages: { nextTry: string; target: string }[] }
  }
  const states = async () =>
    service.db.query<{ state: string; tries: number; error: string | null }>(
      'SELECT state, tries, error FROM uws.message ORDER BY created_at',
    )
  const until = async (condition: () => Promise<boolean>) => {
    for (let i = 0; !(await condition()); i++) {
      assert.ok(i < 2000, JSON.stringify(await states()))
      await sleep(10)
    }
  }
  const settled = () => until(async () => (await states()).every(({ state }) => state !== 'waiting'))
  /** The time of the next try has come. */
  const again = () =>
    service.db.query(`UPDATE uws.message SET next_at = now(); SELECT pg_notify('uws_message', '')`)

  it('come by mail, once, and say nothing that an anonymous sender has written', async () => {
    const id = await run('mailto:me@Institute.Example')
    await settled()
    assert.equal(mails.length, 1)
    assert.deepEqual(mails[0]!.to, ['me@institute.example'])
    const { text } = mails[0]!
    assert.match(text, /^From: Almagest <jobs@site.example>\r\n/m)
    assert.match(text, new RegExp(`^Subject: Job ${id} is done`, 'm'))
    assert.match(text, /^Auto-Submitted: auto-generated\r\n/m)
    assert.ok(text.replace(/=\r\n/g, '').includes(`${service.url}/tap/async/${id}/results/result`))
    assert.doesNotMatch(text, /buy now|sample\.stars/)
  })

  it('tell users with a login what they called it', async () => {
    const id = await jobs.create({
      LANG: 'ADQL',
      QUERY,
      RUNID: 'night 7',
      NOTIFY: 'mailto:a@institute.example',
    })
    await service.db.query(`UPDATE uws.job SET owner = 'anna', phase = 'EXECUTING' WHERE job_id = $1`, [id])
    await service.db.query(`UPDATE uws.job SET phase = 'COMPLETED' WHERE job_id = $1`, [id])
    await settled()
    assert.match(mails[0]!.text, /^Subject: Job night 7 is done/m)
    assert.match(mails[0]!.text, /sample\.stars/)
  })

  it('come by signed webhook, as Standard Webhooks has it', async () => {
    const id = await run(hook)
    await settled()
    const [{ body, id: messageId, time, signature }] = calls as [Call]
    const told = JSON.parse(body)
    assert.equal(told.type, 'job.completed')
    assert.equal(told.data.id, id)
    assert.equal(told.data.rows, 3)
    const { signingKey } = await messages(id)
    const key = Buffer.from(/^whsec_(.+)$/.exec(signingKey)![1]!, 'base64')
    const expected = createHmac('sha256', key).update(`${messageId}.${time}.${body}`).digest('base64')
    assert.equal(signature, `v1,${expected}`)
    const other = await run(hook)
    assert.notEqual((await messages(other)).signingKey, signingKey)
  })

  it('are tried again, with the same id, until they are taken; 410 ends it', async () => {
    answer = () => 500
    const id = await run(hook)
    await until(async () => (await states())[0]?.error === 'it answers 500')
    assert.equal((await states())[0]!.state, 'waiting')
    const [told] = (await messages(id)).messages
    assert.ok(Date.parse(told!.nextTry) > Date.now() + 5000)
    assert.equal(told!.target, `${new URL(hook).origin}/…`)
    answer = () => 302
    await again()
    await until(async () => (await states())[0]?.error === 'it answers 302')
    answer = () => 204
    await again()
    await settled()
    assert.equal(calls.length, 3)
    assert.equal(new Set(calls.map(call => call.id)).size, 1)
    assert.deepEqual(await states(), [{ state: 'sent', tries: 3, error: null }])
    answer = () => 410
    await run(hook)
    await settled()
    assert.equal((await states())[1]!.state, 'failed')
  })

  it('wait for a mail server that is away; a refusal is final', async () => {
    const { port } = smtp.server.address() as AddressInfo
    await new Promise<void>(resolve => smtp.close(() => resolve()))
    await run('mailto:me@institute.example')
    await until(async () => /mail server/.test((await states())[0]?.error ?? ''))
    smtp = await startSmtp(port)
    await again()
    await settled()
    assert.equal(mails.length, 1)
    await run('mailto:nobody@institute.example')
    await settled()
    assert.deepEqual(
      (await states()).map(({ state, error }) => [state, error]),
      [
        ['sent', null],
        ['failed', 'the mail server answers 550'],
      ],
    )
  })

  it('are sent once by several runners; those of a dead one by another', async () => {
    const log = openLog('silent')
    const rivals = Array.from({ length: 3 }, () => startDelivery(service.jobs, service.jobs.notify!, log))
    answer = async () => {
      await sleep(Math.random() * 20)
      return 204
    }
    await service.db.query(
      `INSERT INTO uws.job (job_id, kind, identity, parameters, execution_duration, destruction, notify, phase)
       SELECT gen_random_uuid(), 'tap', '{"groups":[],"role":"almagest_public"}', '[]', 60, now() + interval '1 day',
              $1::jsonb, 'EXECUTING' FROM generate_series(1, 50)`,
      [JSON.stringify([hook])],
    )
    await service.db.query(`UPDATE uws.job SET owner = 'anna', phase = 'COMPLETED'`)
    await until(async () => (await states()).length === 50)
    await settled()
    assert.equal(calls.length, 50)
    assert.equal(new Set(calls.map(call => call.id)).size, 50)
    for (const rival of rivals) await rival.stop()
    await service.db.query(
      `UPDATE uws.message SET state = 'waiting', tries = 1, claim = gen_random_uuid(), next_at = now() + interval '1 day'
        WHERE message_id = (SELECT message_id FROM uws.message LIMIT 1)`,
    )
    assert.deepEqual(await claimMessages(service.db, 5), [], 'somebody is at it')
    await again() // the lease is over
    await settled()
    assert.equal(calls.length, 51)
    const dead = { id: calls[50]!.id, claim: '00000000-0000-4000-8000-000000000000', job: '', target: '' }
    await endMessage(service.db, { ...dead, tries: 1, recent: 0 }, 'a late word')
    assert.ok((await states()).every(({ state, error }) => state === 'sent' && error === null))
  })

  it('of strangers are counted', async () => {
    for (let i = 0; i < 3; i++) await run(hook)
    await settled()
    const limited: Notify = { ...service.jobs.notify!, perHour: 3 }
    // The service's own delivery takes 60; this one is alone with the next.
    await service.db.query(`UPDATE uws.message SET ended_at = now()`)
    const id = await jobs.create({ QUERY, NOTIFY: hook })
    const claimed = await service.db.transaction(async client => {
      await client.query(`UPDATE uws.job SET phase = 'COMPLETED' WHERE job_id = $1`, [id])
      return claimMessages(client, 1)
    })
    assert.equal(claimed[0]!.recent, 3)
    assert.ok(claimed[0]!.recent >= limited.perHour)
  })

  it('are asked for while the job has not ended', async () => {
    const id = await jobs.create({ LANG: 'ADQL', QUERY })
    const patch = async (body: object) => {
      const response = await fetch(`${service.url}/jobs/${id}`, {
        method: 'PATCH',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      })
      return { status: response.status, text: await response.text() }
    }
    const patched = await patch({ notify: [hook, 'mailto:me@institute.example'] })
    assert.deepEqual(JSON.parse(patched.text).notify, [
      `${new URL(hook).origin}/…`,
      'mailto:…@institute.example',
    ])
    assert.equal((await patch({ notify: 'x' })).status, 400)
    assert.equal((await jobs.post(`/${id}/parameters`, { NOTIFY: hook })).status, 303)
    assert.doesNotMatch((await jobs.get(`/${id}`)).text, /NOTIFY|hook/)
    await jobs.post(`/${id}/phase`, { PHASE: 'RUN' })
    await jobs.ended(id)
    await settled()
    assert.equal(calls.length, 1)
    assert.equal((await patch({ notify: [] })).status, 400)
    const copy = await fetch(`${service.url}/jobs/${id}/rerun`, { method: 'POST' })
    assert.equal(((await copy.json()) as { notify: string[] }).notify.length, 1)
  })

  it('are none when the owner aborts the job', async () => {
    const id = await jobs.create({ LANG: 'ADQL', QUERY, NOTIFY: hook })
    await jobs.post(`/${id}/phase`, { PHASE: 'ABORT' })
    assert.deepEqual(await states(), [])
  })

  it('go nowhere that a stranger must not send to', async () => {
    const { notify } = service.jobs
    for (const [target, code] of [
      ['mailto:me@elsewhere.example', 'forbidden'],
      ['mailto:me@sub.institute.example', 'forbidden'],
      ['mailto:a@institute.example,b@elsewhere.example', 'usage'],
      ['mailto:a@institute.example?bcc=b@elsewhere.example', 'usage'],
      ['mailto:a@institute.example\r\nBcc: b@elsewhere.example', 'usage'],
      ['mailto:"a b"@institute.example', 'usage'],
      ['https://user:secret@hooks.example.org/', 'usage'],
      ['http://hooks.example.org/', 'forbidden'],
      ['https://hooks.example.org:25/', 'forbidden'],
      ['https://127.0.0.1:8443/', 'forbidden'],
      ['https://0x7f.1/', 'forbidden'],
      ['https://2130706433/', 'forbidden'],
      ['https://[::1]/', 'forbidden'],
      ['https://[::ffff:10.0.0.1]/', 'forbidden'],
      ['https://169.254.169.254/latest/meta-data', 'forbidden'],
      ['ftp://hooks.example.org/', 'usage'],
      ['javascript:alert(1)', 'usage'],
    ] as const) {
      assert.throws(() => notifyTargets([target], ANONYMOUS, notify), { code }, target)
    }
    const anna = { ...ANONYMOUS, name: 'anna' }
    assert.deepEqual(notifyTargets(['mailto:me@elsewhere.example'], anna, notify), [
      'mailto:me@elsewhere.example',
    ])
    assert.deepEqual(notifyTargets(['https://hooks.example.org/a#b'], ANONYMOUS, notify), [
      'https://hooks.example.org/a',
    ])
    assert.throws(() => notifyTargets([hook], ANONYMOUS, undefined), /sends no messages/)
    assert.throws(() => notifyTargets(Array(6).fill(hook), ANONYMOUS, notify), /more than 5/)
    // A name is looked at where the connection is made.
    const refused = await new Promise(resolve => publicLookup('localhost', { all: true }, resolve))
    assert.match(String(refused), /not on the public internet/)
    const refusedJob = await jobs.post('', { LANG: 'ADQL', QUERY, NOTIFY: 'mailto:me@elsewhere.example' })
    assert.equal(refusedJob.status, 403)
    assert.deepEqual(await service.db.query('SELECT FROM uws.job'), [])
  })
})
