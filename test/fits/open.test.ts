/** Image files behind one `read`, packed or not. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openImage } from '../../src/fits/open.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-open-'))
const spool = path.join(folder, 'spool')
after(() => rmSync(folder, { recursive: true, force: true }))

const plain = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => ((i * 2654435761) >>> 9) & 0xff))
const write = (name: string, bytes: Buffer) => {
  writeFileSync(path.join(folder, name), bytes)
  return path.join(folder, name)
}

test('a plain file is read where it lies, also beyond its end', async () => {
  const { source, close } = await openImage(write('plain.fits', plain), spool)
  assert.equal(source.size, plain.length)
  assert.ok((await source.read(1_000_000, 5000)).equals(plain.subarray(1_000_000, 1_005_000)))
  assert.equal((await source.read(plain.length - 5, 2 ** 40)).length, 5, 'no memory for what is not there')
  assert.equal((await source.read(2 ** 40, 10)).length, 0)
  await close()
  await close()
  assert.equal(existsSync(spool), false)
})

test('a packed file is unpacked once, for several readers at once and later ones', async () => {
  const file = write('packed.fits.gz', gzipSync(plain))
  const open = await Promise.all([openImage(file, spool), openImage(file, spool)])
  for (const { source } of open) {
    assert.equal(source.size, plain.length)
    assert.equal(source.random, true)
    assert.ok((await source.read(2_999_000, 5000)).equals(plain.subarray(2_999_000)))
    assert.ok((await source.read(10, 50)).equals(plain.subarray(10, 60)))
  }
  await Promise.all(open.map(({ close }) => close()))
  const [name, ...others] = readdirSync(path.join(spool, 'images'))
  assert.deepEqual(others, [])
  assert.match(name!, /^[0-9a-f]{32}\.fits$/)
  // A file that has changed is another one.
  writeFileSync(file, gzipSync(plain.subarray(0, 1000)))
  utimesSync(file, new Date(), new Date(Date.now() + 5000))
  const changed = await openImage(file, spool)
  assert.equal(changed.source.size, 1000)
  await changed.close()
})

test('what cannot be opened says why, and leaves nothing behind', async () => {
  const before = readdirSync(path.join(spool, 'images')).length
  const cut = write('cut.fits.gz', gzipSync(plain).subarray(0, 40_000))
  await assert.rejects(openImage(cut, spool), /cannot be unpacked: .*truncated or damaged/)
  await assert.rejects(openImage(write('a.zip', Buffer.from('PK\x03\x04....')), spool), /compress or zip/)
  assert.equal(readdirSync(path.join(spool, 'images')).length, before)
  await assert.rejects(openImage(path.join(folder, 'none.fits'), spool), /cannot be read: ENOENT/)
  await assert.rejects(openImage(folder, spool), /is no regular file/)
  await assert.rejects(openImage('https://example.org/a.fits', spool), /only files on this machine/)
  const pipe = path.join(folder, 'pipe.fits')
  execFileSync('mkfifo', [pipe])
  await assert.rejects(openImage(pipe, spool), /is no regular file/)
  if (process.getuid?.() !== 0) {
    const closed = write('closed.fits', plain)
    chmodSync(closed, 0)
    await assert.rejects(openImage(closed, spool), /cannot be read: EACCES/)
  }
})
