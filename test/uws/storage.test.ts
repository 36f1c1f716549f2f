/** Both storages hold the same promises: the local disk, and a server that speaks S3. */
import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import S3rver from 's3rver'
import { ServiceError } from '../../src/error.ts'
import { diskStorage, type Storage } from '../../src/uws/storage.ts'
import { bucketStorage } from '../../src/uws/storage-s3.ts'
import { testDatabase } from '../support/database.ts'
import { jobClient } from '../support/jobs.ts'
import { fillSample } from '../support/sample.ts'
import { startTestService } from '../support/service.ts'

const folder = mkdtempSync(join(tmpdir(), 'almagest-storage-'))
const database = await testDatabase()
let server: S3rver
let endpoint: string

before(async () => {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' })
  server = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory: join(folder, 's3'),
    configureBuckets: [{ name: 'results', configs: [] }],
  })
  const { port } = await server.run()
  endpoint = `http://127.0.0.1:${port}`
})
after(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

const kinds: Record<string, () => Storage> = {
  'the local disk': () => diskStorage(join(folder, 'disk')),
  S3: () => bucketStorage({ bucket: 'results', endpoint, region: 'us-east-1', prefix: 'almagest/' }),
}

async function* pieces(bytes: Buffer, size: number, failure?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  if (failure) throw failure
}

async function readAll(
  storage: Storage,
  key: string,
  range?: { start: number; end: number },
): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of await storage.read(key, range)) parts.push(part)
  return Buffer.concat(parts)
}

for (const [name, open] of Object.entries(kinds)) {
  describe(name, () => {
    for (const size of [0, 1, 300_000, 20_000_000]) {
      it(`keeps ${size} bytes and gives them back, whole and in ranges`, async () => {
        const storage = open()
        const key = `${randomUUID()}/a-result`
        const bytes = Buffer.alloc(size)
        for (let i = 0; i < size; i += 97) bytes[i] = i % 251
        const stored = await storage.write(key, pieces(bytes, 77_777))
        assert.deepEqual(stored, { bytes: size, sha256: createHash('sha256').update(bytes).digest('hex') })
        assert.ok((await readAll(storage, key)).equals(bytes))
        if (size < 2) return
        for (const [start, end] of [
          [0, 1], // s3rver takes 0-0 for the whole
          [size - 10, size - 1],
          [7, size - 7],
        ] as const) {
          assert.ok((await readAll(storage, key, { start, end })).equals(bytes.subarray(start, end + 1)))
        }
      })
    }

    it('has nothing of what failed', async () => {
      const storage = open()
      const failure = new ServiceError('usage', 'the source broke')
      for (const size of [10, 20_000_000]) {
        const key = `${randomUUID()}/a-result`
        await assert.rejects(storage.write(key, pieces(Buffer.alloc(size), 100_000, failure)), failure)
        await assert.rejects(readAll(storage, key), { code: 'notFound' })
      }
    })

    it('removes a job, or one claim of it, and nothing else', async () => {
      const storage = open()
      const [job, other] = [randomUUID(), randomUUID()]
      const keys = [
        `${job}/a-result`,
        `${job}/a-result.csv`,
        `${job}/b-result`,
        `${job}/uploads/x`,
        `${other}/a-result`,
      ]
      for (const key of keys) await storage.write(key, pieces(Buffer.from(key), 99))
      const there = async () => {
        const found: string[] = []
        for (const key of keys) {
          const is = await readAll(storage, key).then(
            () => true,
            () => false,
          )
          if (is) found.push(key)
        }
        return found
      }
      await storage.remove(`${job}/a-`)
      assert.deepEqual(await there(), keys.slice(2))
      await storage.remove(`${job}/`)
      assert.deepEqual(await there(), keys.slice(4))
      await storage.remove(`${job}/`)
      await storage.remove(`${job}/none-`)
    })
  })
}

it('the disk holds no parts of files, and refuses keys that lead elsewhere', async () => {
  const storage = kinds['the local disk']!()
  const files = readdirSync(join(folder, 'disk'), { recursive: true, encoding: 'utf8' })
  assert.deepEqual(
    files.filter(file => file.endsWith('.part')),
    [],
  )
  for (const key of ['../x', 'a/../../x', '/etc/passwd', 'a//b', '']) {
    await assert.rejects(async () => storage.read(key), /bad storage key/)
  }
})

it('jobs keep their results and uploads in S3', async () => {
  const storage = { bucket: 'results', endpoint, region: 'us-east-1', prefix: '' }
  const service = await startTestService({ database, fill: fillSample, config: { storage } })
  const jobs = jobClient(service)
  const form = new FormData()
  const query = 'SELECT s.* FROM sample.stars AS s JOIN TAP_UPLOAD.t AS t ON s.id = t.id'
  for (const [name, value] of Object.entries({
    LANG: 'ADQL',
    QUERY: query,
    UPLOAD: 't,param:t',
    PHASE: 'RUN',
  })) {
    form.append(name, value)
  }
  form.append('t', new Blob(['id\n20\n21\n']), 't.csv')
  const made = await fetch(`${service.url}/tap/async`, { method: 'POST', body: form, redirect: 'manual' })
  const id = made.headers.get('location')!.split('/').at(-1)!
  assert.match(await jobs.ended(id), /<rows>2<[\s\S]*|COMPLETED/)
  const url = `${service.url}/tap/async/${id}/results/result`
  const whole = Buffer.from(await (await fetch(url)).arrayBuffer())
  assert.match(whole.toString(), /<\/VOTABLE>/)
  const part = await fetch(url, { headers: { Range: 'bytes=5-20' } })
  assert.equal(part.status, 206)
  assert.deepEqual(Buffer.from(await part.arrayBuffer()), whole.subarray(5, 21))
  assert.equal((await jobs.get(`/${id}/results/result?RESPONSEFORMAT=csv`)).text.split('\r\n').length, 4)
  await fetch(`${service.url}/tap/async/${id}`, { method: 'DELETE', redirect: 'manual' })
  const { sweepJobs } = await import('../../src/uws/sweep.ts')
  await sweepJobs(service.jobs)
  await assert.rejects(service.jobs.storage.read(`${id}/x`), { code: 'notFound' })
  await service.close()
})

it('a storage that does not answer is a passing state, not the job’s fault', async () => {
  const storage = bucketStorage({
    bucket: 'results',
    endpoint: 'http://127.0.0.1:9',
    region: 'us-east-1',
    prefix: '',
  })
  await assert.rejects(storage.read('a/b'), { code: 'unavailable' })
  const missing = bucketStorage({ bucket: 'nobody', endpoint, region: 'us-east-1', prefix: '' })
  await assert.rejects(missing.write('a/b', pieces(Buffer.from('x'), 1)), { code: 'unavailable' })
})
