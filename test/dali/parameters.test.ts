import assert from 'node:assert/strict'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { integerParameter, parametersOf, readParameters } from '../../src/dali/parameters.ts'

describe('parameters (DALI 1.1 §3)', () => {
  it('match names without case and keep values', () => {
    const parameters = parametersOf([
      ['MaxRec', '5'],
      ['query', 'SELECT Abc'],
    ])
    assert.equal(parameters.single('MAXREC'), '5')
    assert.equal(parameters.single('QUERY'), 'SELECT Abc')
    assert.equal(parameters.single('LANG'), undefined)
  })

  it('refuse a repeated single-valued parameter in any spelling', () => {
    const parameters = parametersOf([
      ['QUERY', 'a'],
      ['query', 'a'],
      ['UPLOAD', 'x'],
      ['Upload', 'y'],
    ])
    assert.throws(() => parameters.single('QUERY'), /QUERY is given 2 times/)
    assert.deepEqual(parameters.all('UPLOAD'), ['x', 'y'])
  })

  it('read integers strictly', () => {
    const read = (value: string) => integerParameter(parametersOf([['MAXREC', value]]), 'MAXREC')
    assert.equal(read('0'), 0)
    assert.equal(read(' 12 '), 12)
    assert.equal(read(''), undefined)
    for (const bad of ['-1', '1.5', '1e3', 'ten', '99999999999999999999', '0x10']) {
      assert.throws(() => read(bad), /is not a non-negative integer/, bad)
    }
  })

  it('are limited in number', () => {
    assert.throws(
      () => parametersOf(Array.from({ length: 1001 }, (_, i) => [`p${i}`, ''] as const)),
      /more than 1000/,
    )
  })
})

describe('a request body', () => {
  let server: Server
  let port = 0

  before(async () => {
    server = createServer(async (request, response) => {
      try {
        const parameters = await readParameters(request, { bytes: 1000 })
        response.end(JSON.stringify(['LANG', 'QUERY', 'UPLOAD'].map(name => parameters.all(name))))
      } catch (error) {
        response.writeHead(400).end((error as Error).message)
      }
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  after(() => server.close())

  function ask(
    path: string,
    headers: Record<string, string>,
    chunks: string[],
    method = 'POST',
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = httpRequest({ port, path, method, headers }, response => {
        let text = ''
        response.on('data', chunk => {
          text += chunk
        })
        response.on('end', () => resolve(text))
      })
      request.on('error', reject)
      for (const chunk of chunks) request.write(chunk)
      request.end()
    })
  }

  // As stilts sends it: chunked, without Content-Length, with a quoted boundary and typed fields.
  const boundary = '<<<--------------MULTIPART-BOUNDARY------->>>'
  const part = (name: string, value: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n${value}\r\n`
  const multipart = { 'Content-Type': `multipart/form-data; boundary="${boundary}"` }

  it('is read chunked and multipart with a quoted boundary', async () => {
    const text = await ask('/', multipart, [
      part('LANG', 'ADQL-2.1'),
      part('query', "SELECT 'ü'"),
      `--${boundary}--\r\n`,
    ])
    assert.deepEqual(JSON.parse(text), [['ADQL-2.1'], ["SELECT 'ü'"], []])
  })

  it('is read urlencoded, joined with the query string', async () => {
    const form = { 'Content-Type': 'application/x-www-form-urlencoded; charset=UTF-8' }
    const text = await ask('/?lang=ADQL&query=a', form, ['QUERY=SELECT+1%2B1', '&UPLOAD=u'])
    assert.deepEqual(JSON.parse(text), [['ADQL'], ['a', 'SELECT 1+1'], ['u']])
  })

  it('is limited and its type is checked', async () => {
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
    assert.match(await ask('/', form, ['QUERY=', 'x'.repeat(2000)]), /exceeds 1000 bytes/)
    assert.match(
      await ask('/', multipart, [part('QUERY', 'x'.repeat(2000)), `--${boundary}--\r\n`]),
      /exceeds 1000 bytes/,
    )
    assert.match(await ask('/', { 'Content-Type': 'application/json' }, ['{}']), /cannot be read/)
    assert.match(await ask('/', { 'Content-Type': 'multipart/form-data' }, ['x']), /multipart body is broken/)
    assert.match(await ask('/', multipart, [part('QUERY', 'x')]), /multipart body is broken/)
  })
})
