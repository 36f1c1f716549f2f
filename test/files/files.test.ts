/** Whole files, as curl and wget fetch them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { startSurvey } from '../cutout/survey.ts'
import { python, withoutPython } from '../support/python.ts'
import { SMALL_IMAGES } from '../support/small-images.ts'

const run = promisify(execFile)
const skip = withoutPython('astropy')

describe('whole files', { skip }, async () => {
  if (skip) return
  const service = await startSurvey([], SMALL_IMAGES)
  const bytes = readFileSync(path.join(service.folder, 'plain.fits'))
  const url = `${service.url}/files/images/plain.fits`
  const get = (headers: Record<string, string> = {}, method = 'GET') => fetch(url, { headers, method })
  const digest = `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`

  it('come with type, name, length, ETag, date and, once one was sent, their hash', async () => {
    const first = await get()
    assert.equal(first.status, 200)
    assert.equal(first.headers.get('content-type'), 'image/fits')
    assert.equal(first.headers.get('content-disposition'), 'inline; filename="plain.fits"')
    assert.equal(first.headers.get('content-length'), String(bytes.length))
    assert.equal(first.headers.get('accept-ranges'), 'bytes')
    assert.ok(Buffer.from(await first.arrayBuffer()).equals(bytes))
    let head = await get({}, 'HEAD')
    for (let i = 0; i < 50 && head.headers.get('repr-digest') === null; i++) {
      await new Promise(resolve => setTimeout(resolve, 20))
      head = await get({}, 'HEAD')
    }
    assert.equal(head.headers.get('repr-digest'), digest)
    assert.equal(head.headers.get('etag'), first.headers.get('etag'))
    assert.equal(head.headers.get('content-length'), String(bytes.length))
    assert.equal((await head.arrayBuffer()).byteLength, 0)
  })

  it('come in pieces', async () => {
    const pieces: Record<string, readonly [number, number]> = {
      'bytes=0-99': [0, 99],
      'bytes=100-': [100, bytes.length - 1],
      'bytes=-10': [bytes.length - 10, bytes.length - 1],
      [`bytes=5-${bytes.length + 50}`]: [5, bytes.length - 1],
    }
    for (const [range, [start, end]] of Object.entries(pieces)) {
      const answer = await get({ Range: range })
      assert.equal(answer.status, 206, range)
      assert.equal(answer.headers.get('content-range'), `bytes ${start}-${end}/${bytes.length}`)
      assert.ok(Buffer.from(await answer.arrayBuffer()).equals(bytes.subarray(start, end + 1)), range)
    }
    assert.equal((await get({ Range: `bytes=${bytes.length}-` })).status, 416)
    // More bytes than there are, too many pieces: the whole.
    assert.equal((await get({ Range: `bytes=0-,0-${bytes.length}` })).status, 200)
    const many = Array.from({ length: 100 }, (_, i) => `${i}-${i}`).join(',')
    assert.equal((await get({ Range: `bytes=${many}` })).status, 200)
    assert.equal((await get({ Range: 'bytes=0-1,x' })).status, 200)
    assert.equal((await get({ Range: `bytes=${bytes.length}-,${bytes.length + 5}-` })).status, 416)
    const one = await get({ Range: `bytes=3-4, ${bytes.length}-` })
    assert.equal(one.headers.get('content-range'), `bytes 3-4/${bytes.length}`)
    assert.equal((await get({ Range: 'rows=0-1' })).status, 200)
    // RFC 9110 §14.2: of ranges only GET knows.
    for (const range of ['bytes=0-99', 'bytes=0-1,5-9', `bytes=${bytes.length}-`]) {
      const head = await get({ Range: range }, 'HEAD')
      assert.equal(head.status, 200, range)
      assert.equal(head.headers.get('content-length'), String(bytes.length))
      assert.equal(head.headers.get('content-range'), null)
    }
  })

  it('come in several pieces at once, as other readers take them apart', async () => {
    const wanted = [
      [0, 79],
      [2880, 2889],
      [bytes.length - 7, bytes.length - 1],
    ] as const
    const answer = await get({ Range: 'bytes=0-79, 2880-2889,-7' })
    assert.equal(answer.status, 206)
    assert.equal(answer.headers.get('content-range'), null)
    const body = Buffer.from(await answer.arrayBuffer())
    assert.equal(answer.headers.get('content-length'), String(body.length))
    // Python's mail parser knows multipart bodies.
    const script = `
import sys, json, base64, email, email.policy
body = sys.stdin.buffer.read()
message = email.message_from_bytes(b'Content-Type: ' + sys.argv[1].encode() + b'\\r\\n\\r\\n' + body, policy=email.policy.HTTP)
print(json.dumps([[p['Content-Range'], p['Content-Type'], base64.b64encode(p.get_payload(decode=True)).decode()] for p in message.iter_parts()]))`
    const parts = JSON.parse(python(script, body, [answer.headers.get('content-type')!]).toString())
    assert.deepEqual(
      parts,
      wanted.map(([start, end]) => [
        `bytes ${start}-${end}/${bytes.length}`,
        'image/fits',
        bytes.subarray(start, end + 1).toString('base64'),
      ]),
    )
  })

  it('are asked for under conditions', async () => {
    const { headers } = await get({}, 'HEAD')
    const [tag, date] = [headers.get('etag')!, headers.get('last-modified')!]
    assert.equal((await get({ 'If-None-Match': tag })).status, 304)
    assert.equal((await get({ 'If-None-Match': '"other"' })).status, 200)
    assert.equal((await get({ 'If-Modified-Since': date })).status, 304)
    assert.equal((await get({ 'If-Modified-Since': 'Thu, 01 Jan 2015 00:00:00 GMT' })).status, 200)
    assert.equal((await get({ 'If-Range': tag, Range: 'bytes=0-9' })).status, 206)
    assert.equal((await get({ 'If-Range': date, Range: 'bytes=0-9' })).status, 206)
    assert.equal((await get({ 'If-Range': '"other"', Range: 'bytes=0-9' })).status, 200)
  })

  it('have any name, and types of what they are packed in', async () => {
    const odd = await fetch(`${service.url}/files/images/sub%20dir/50%25%20(%C3%A9)%20%231.fits.gz`)
    assert.equal(odd.status, 200)
    assert.equal(odd.headers.get('content-type'), 'application/gzip')
    assert.equal(odd.headers.get('content-encoding'), null)
    assert.match(
      odd.headers.get('content-disposition')!,
      /filename\*=UTF-8''50%25%20%28%C3%A9%29%20%231.fits.gz/,
    )
    await odd.arrayBuffer()
  })

  it('are none but those of collections', async () => {
    writeFileSync(path.join(service.folder, 'secret.txt'), 'secret')
    for (const trick of [
      'images/secret.txt',
      'images/nothing.fits',
      'images/',
      'images',
      '',
      'images/../images/plain.fits/..',
      'images/%2e%2e/%2e%2e/etc/passwd',
      'images/..%2f..%2fetc%2fpasswd',
      'images/%00',
      'images/%zz',
      'images/%252e%252e/plain.fits',
      '%2fetc/passwd',
      'images//plain.fits',
      "images/' OR 1=1 --",
    ]) {
      // fetch and URL resolve dots, curl sends them as they are.
      const { stdout } = await run('curl', [
        '-s',
        '--path-as-is',
        '-w',
        '%{http_code}',
        `${service.url}/files/${trick.replaceAll(' ', '%20')}`,
      ])
      assert.match(stdout, /404$/, trick)
      assert.doesNotMatch(stdout, /secret$|root:/)
    }
    assert.equal((await get({}, 'POST')).status, 405)
    assert.equal((await get({}, 'DELETE')).status, 405)
  })

  it('curl and wget go on with what was broken off', async () => {
    const partial = path.join(service.folder, 'partial.fits.part')
    writeFileSync(partial, bytes.subarray(0, 5000))
    await run('curl', ['-s', '-f', '-C', '-', '-o', partial, url])
    assert.ok(readFileSync(partial).equals(bytes))
    if (!existsSync('/usr/bin/wget')) return
    writeFileSync(partial, bytes.subarray(0, 7000))
    await run('wget', ['-q', '-c', '-O', partial, url]).catch(() => {})
    const list = path.join(service.folder, 'list.txt')
    const urls = await (
      await fetch(`${service.url}/sia2/query?RESPONSEFORMAT=text/uri-list&POS=CIRCLE+150+2+0.001`)
    ).text()
    writeFileSync(list, urls)
    await run('wget', ['-q', '-c', '-P', service.folder + '/out', '-i', list])
    assert.ok(readFileSync(path.join(service.folder, 'out/plain.fits')).equals(bytes))
  })

  it('that have changed since they were read have a new ETag and no hash', async () => {
    const before = (await get({}, 'HEAD')).headers.get('etag')
    utimesSync(path.join(service.folder, 'plain.fits'), new Date(), new Date('2030-01-01'))
    const { headers } = await get()
    assert.notEqual(headers.get('etag'), before)
    assert.equal(headers.get('repr-digest'), null)
  })
})
