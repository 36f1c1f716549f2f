import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { readRequest, uploadsOf } from '../../src/dali/uploads.ts'

const run = promisify(execFile)

describe('a request with uploads (DALI 1.1 §3.4.5)', () => {
  let server: Server
  let url = ''
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
  const spool = path.join(folder, 'spool')
  const big = path.join(folder, 'big.bin')
  const bytes = randomBytes(300_000)
  let failures = 0

  before(async () => {
    writeFileSync(big, bytes)
    server = createServer(async (request, response) => {
      try {
        const content = await readRequest(request, { bytes: 1000, uploadBytes: 400_000 }, spool)
        const answer = await uploadsOf(content)
          .then(uploads => uploads.map(({ name, path }) => [name, readFileSync(path).toString('base64')]))
          .finally(content.discard)
        response.end(JSON.stringify(Object.fromEntries(answer)))
      } catch (error) {
        failures++
        response.writeHead(400).end((error as Error).message)
      }
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  })
  after(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })

  const curl = async (...args: string[]) => (await run('curl', ['-s', url, ...args])).stdout
  const nothingLeft = () => assert.deepEqual(readdirSync(spool), [])

  it('has its files and fields as tables, byte by byte', async () => {
    writeFileSync(path.join(folder, 'small'), 'ü')
    const answer = JSON.parse(
      await curl(
        '--form-string',
        'UPLOAD=a,param:x;b,param:y',
        '-F',
        'upload=C_1, param:z',
        '-F',
        `x=@${big}`,
        '-F',
        'y=ra,dec',
        '-F',
        `z=@${path.join(folder, 'small')};type=text/csv`,
      ),
    )
    assert.deepEqual(Object.keys(answer), ['a', 'b', 'C_1'])
    assert.equal(answer.a, bytes.toString('base64'))
    assert.equal(Buffer.from(answer.b, 'base64').toString(), 'ra,dec')
    assert.equal(Buffer.from(answer.C_1, 'base64').toString(), 'ü')
    nothingLeft()
  })

  it('is refused where it is wrong, and leaves nothing', async () => {
    const file = `x=@${big}`
    assert.match(await curl('-F', 'UPLOAD=a,param:y', '-F', file), /no part named 'y'/)
    assert.match(
      await curl('-F', 'UPLOAD=a,param:x', '-F', 'UPLOAD=A,param:x', '-F', file),
      /two tables are named A/,
    )
    assert.match(await curl('-F', 'UPLOAD=a b,param:x', '-F', file), /not of the form/)
    assert.match(await curl('-F', 'UPLOAD=x', '-F', file), /not of the form/)
    assert.match(await curl('-F', file, '-F', file), /two parts named 'x'/)
    assert.match(await curl('-F', file, '-F', `y=@${big}`), /part 'y': uploads exceed 400000 bytes/)
    assert.match(await curl('-F', `x=${'y'.repeat(2000)}`), /exceeds 1000 bytes/)
    assert.match(await curl('-d', 'UPLOAD=a,param:x'), /no part named 'x'/)
    for (const uri of [
      'http://127.0.0.1/t',
      'HTTPS://example.org/t',
      'file:///etc/passwd',
      'ftp://[::1]/',
      '//x/',
      'param:',
    ]) {
      assert.match(await curl('-F', `UPLOAD=a,${uri}`), /fetches nothing/, uri)
    }
    assert.deepEqual(JSON.parse(await curl('-F', 'UPLOAD=', '-F', file)), {})
    nothingLeft()
  })

  it('that breaks off leaves nothing', async () => {
    const before = failures
    await new Promise<void>(resolve => {
      const request = httpRequest(url, {
        method: 'POST',
        headers: { 'Content-Type': 'multipart/form-data; boundary=B', 'Content-Length': 1e6 },
      })
      request.on('error', () => resolve())
      request.write(
        '--B\r\nContent-Disposition: form-data; name="x"; filename="x"\r\n\r\nabc'.padEnd(100_000),
      )
      setTimeout(() => request.destroy(), 100)
    })
    for (let i = 0; i < 50 && failures === before; i++) await new Promise(resolve => setTimeout(resolve, 20))
    assert.equal(failures, before + 1)
    nothingLeft()
  })
})
