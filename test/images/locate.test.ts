import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { ANONYMOUS } from '../../src/auth/identity.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { locate, locateAll } from '../../src/images/locate.ts'
import { openLog } from '../../src/log.ts'
import { testDatabase } from '../support/database.ts'

const db = await openDatabase({ url: await testDatabase(), log: openLog('silent') })
after(() => db.close())
await db.query(`INSERT INTO almagest.image_collection (collection) VALUES ('c')`)
await db.query(`INSERT INTO almagest.image_file (collection, key, location, bytes, modified, media_type)
  VALUES ('c', 'a/b.fits', '/somewhere/a/b.fits', 5000000000, now(), 'image/fits')`)
await db.query(`INSERT INTO almagest.image (file_id, hdu, calib_level, obs_collection, obs_id, obs_publisher_did, s_region,
    s_ra, s_dec, s_xel1, em_min, bitpix)
  SELECT file_id, 3, 2, 'c', 'b', 'ivo://x.y/c?a/b.fits/3', spoly '{(10d,20d),(11d,20d),(11d,21.123456789d)}',
         10.5, 20.5, 100, 5e-7, -32 FROM almagest.image_file`)

it('finds an image with its file by the publisher DID', async () => {
  const image = await locate(db, ANONYMOUS, 'ivo://x.y/c?a/b.fits/3')
  assert.ok(image)
  assert.equal(image.location, '/somewhere/a/b.fits')
  assert.equal(image.hdu, 3)
  assert.equal(image.bytes, 5e9)
  assert.equal(image.sXel1, 100)
  assert.equal(image.sXel2, undefined)
  assert.equal(image.emMin, 5e-7)
  assert.equal(image.region!.length, 3)
  const expected = [10, 20, 11, 20, 11, 21.123456789]
  image.region!.flat().forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]!) < 1e-9, `${value}`)
  })
})

it('gives nothing for other DIDs, whatever is in them', async () => {
  const dids = [
    'ivo://x.y/c?a/b.fits',
    'ivo://x.y/c?../../etc/passwd',
    'ivo://x.y/c?a/b.fits/3\0',
    '',
    '%',
    "'; --",
  ]
  assert.equal((await locateAll(db, ANONYMOUS, dids)).size, 0)
  assert.equal((await locateAll(db, ANONYMOUS, [...dids, 'ivo://x.y/c?a/b.fits/3'])).size, 1)
})
