/** `ingest images` on small files of many kinds. */
import assert from 'node:assert/strict'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openDatabase } from '../../../src/db/postgres.ts'
import { type IngestImagesOptions, ingestImages } from '../../../src/ingest/images/index.ts'
import { openLog } from '../../../src/log.ts'
import { testDatabase } from '../../support/database.ts'
import { withoutPython } from '../../support/python.ts'
import { writeZoo } from './zoo.ts'

const skip = withoutPython('astropy.io.fits', 'numpy')
const db = await openDatabase({ url: await testDatabase(), log: openLog('silent') })
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-images-'))
after(async () => {
  await db.close()
  rmSync(folder, { recursive: true, force: true })
})

async function ingest(sources: string | readonly string[], more: Partial<IngestImagesOptions> = {}) {
  const problems: string[] = []
  const result = await ingestImages(
    db,
    {
      sources: [sources].flat(),
      collection: 'zoo',
      authority: 'example.org',
      complain: ({ location, reason }) => problems.push(`${path.relative(folder, location)}: ${reason}`),
      ...more,
    },
    () => {},
    new AbortController().signal,
  )
  const { seconds, collection, ...counts } = result
  return { counts, problems }
}

interface Row {
  readonly key: string
  readonly [column: string]: unknown
}

const rows = (collection = 'zoo') =>
  db.query<Row>(
    `SELECT f.key, f.url_key, f.media_type, i.* FROM almagest.image AS i JOIN almagest.image_file AS f USING (file_id)
      WHERE f.collection = $1 ORDER BY f.key COLLATE "C", hdu`,
    [collection],
  )

describe('ingest images', { skip }, () => {
  const zoo = path.join(folder, 'zoo')
  it('takes every image of the sky, with what headers say of it', async () => {
    writeZoo(zoo)
    writeFileSync(path.join(zoo, 'README.txt'), 'words')
    const { counts, problems } = await ingest(zoo, { title: 'The zoo' })
    assert.deepEqual(problems, [])
    assert.deepEqual(counts, {
      images: 10,
      files: 8,
      unchanged: 0,
      without: 1,
      broken: 0,
      removed: 0,
      others: 1,
    })
    const found = await rows()
    const of = (key: string, hdu = 0) => found.find(row => row.key === key && row.hdu === hdu)!
    const one = of('a/one_r.fits')
    assert.equal(one.obs_publisher_did, 'ivo://example.org/zoo?a/one_r.fits')
    assert.equal(one.obs_id, 'a/one_r')
    assert.equal(one.media_type, 'image/fits')
    assert.deepEqual(
      [one.em_min, one.em_max, one.t_min, one.t_exptime, one.s_resolution, one.s_xel1, one.target_name],
      [5.68e-7, 7.16e-7, 57000.25, 120, 0.9, '20', 'field 7'],
    )
    assert.ok(Math.abs((one.t_max as number) - 57000.25 - 120 / 86400) < 1e-9)
    assert.ok(Math.abs((one.s_pixel_scale as number) - 3.6) < 1e-4)
    assert.ok(Math.abs((one.s_fov as number) - 0.02 * Math.SQRT2) < 1e-6)
    assert.equal(one.o_ucd, 'phot.flux.density')
    const weight = of('a/one_r_weight.fits')
    assert.deepEqual([weight.role, weight.science_did], ['weight', one.obs_publisher_did])
    assert.deepEqual([of('a/orphan_mask.fits').role, of('a/orphan_mask.fits').science_did], ['mask', null])
    const image = of('b/calexp.fits', 1)
    assert.equal(image.obs_publisher_did, 'ivo://example.org/zoo?b/calexp.fits/1')
    assert.deepEqual(
      [2, 3].map(hdu => [of('b/calexp.fits', hdu).role, of('b/calexp.fits', hdu).science_did]),
      [
        ['mask', image.obs_publisher_did],
        ['variance', image.obs_publisher_did],
      ],
    )
    // 2015-03-04T05:06:07 TAI is 35 s ahead of UTC.
    assert.ok(Math.abs((image.t_min as number) - (57085 + (5 * 3600 + 6 * 60 + 7 - 35) / 86400)) < 1e-9)
    assert.deepEqual([image.em_min, image.em_max, image.filter_name], [6.91e-7, 8.43e-7, 'HSC-I'])
    const cube = of('b/cube.fits')
    assert.deepEqual(
      [cube.dataproduct_type, cube.pol_states, cube.pol_xel, cube.em_xel, cube.s_resolution],
      ['cube', '/I/Q/U/', '3', '10', 36],
    )
    assert.ok(Math.abs((cube.em_max as number) - 299_792_458 / 1.3995e9) < 1e-12)
    assert.ok(Math.abs((cube.em_min as number) - 299_792_458 / 1.4095e9) < 1e-12)
    const odd = of("c/odd name+100%#?&'é.fits")
    assert.equal(odd.url_key, 'c/odd%20name%2B100%25%23%3F%26%27%C3%A9.fits')
    assert.equal(decodeURIComponent(odd.url_key as string), odd.key)
    assert.equal(odd.obs_publisher_did, `ivo://example.org/zoo?${odd.url_key}`)
    assert.equal(of('c/fpacked.fits.fz', 1).media_type, 'application/fits')
  })

  it('shows all but companions in ObsCore; an orphan is shown for what it is', async () => {
    const shown = await db.query<Row>(
      `SELECT obs_publisher_did, dataproduct_subtype, access_url, access_estsize FROM ivoa.obscore ORDER BY 1`,
    )
    assert.equal(shown.length, 7)
    assert.deepEqual(
      shown.filter(row => row.dataproduct_subtype !== null).map(row => row.obs_publisher_did),
      ['ivo://example.org/zoo?a/orphan_mask.fits'],
    )
  })

  it('reads again only what has changed, and forgets on request what is gone', async () => {
    assert.deepEqual((await ingest(zoo)).counts, {
      images: 0,
      files: 0,
      unchanged: 8,
      without: 1,
      broken: 0,
      removed: 0,
      others: 1,
    })
    copyFileSync(path.join(zoo, 'a/one_r.fits'), path.join(zoo, 'a/two_r.fits'))
    rmSync(path.join(zoo, 'a/one_r.fits'))
    utimesSync(path.join(zoo, 'b/cube.fits'), new Date(), new Date(Date.now() - 60_000))
    const { counts } = await ingest(zoo, { prune: true })
    assert.deepEqual([counts.files, counts.unchanged, counts.removed], [2, 6, 1])
    const found = await rows()
    assert.equal(
      found.some(row => row.key === 'a/one_r.fits'),
      false,
    )
    const weight = found.find(row => row.key === 'a/one_r_weight.fits')!
    assert.equal(weight.science_did, null, 'the image of this weight map is gone')
    // It comes back, and so does the weight map to it.
    copyFileSync(path.join(zoo, 'a/two_r.fits'), path.join(zoo, 'a/one_r.fits'))
    await ingest(path.join(zoo, 'a'), { idPrefix: 'a/' })
    const again = (await rows()).find(row => row.key === 'a/one_r_weight.fits')!
    assert.equal(again.science_did, 'ivo://example.org/zoo?a/one_r.fits')
    assert.equal((await ingest(zoo, { again: true })).counts.files, 9)
  })

  it('keeps a file that was moved, and refuses a second one of the same key', async () => {
    const other = path.join(folder, 'moved')
    mkdirSync(other)
    copyFileSync(path.join(zoo, 'a/one_r.fits'), path.join(other, 'm.fits'))
    await ingest(other, { collection: 'moved' })
    const elsewhere = path.join(folder, 'elsewhere')
    cpSync(other, elsewhere, { recursive: true })
    const { problems } = await ingest([other, elsewhere], { collection: 'moved' })
    assert.match(
      problems.join(),
      /elsewhere\/m.fits: the collection has m.fits already, from .*moved\/m.fits; --id-prefix/,
    )
    rmSync(other, { recursive: true })
    assert.deepEqual((await ingest(elsewhere, { collection: 'moved' })).problems, [])
    assert.equal((await rows('moved')).length, 1)
  })

  it('takes filters of the site before its own', async () => {
    const file = path.join(folder, 'filters.yaml')
    writeFileSync(file, `- { instrument: DECam, filters: { 'r': [600, 700] }, resolutions: [1.5] }\n`)
    await ingest(path.join(zoo, 'a'), { collection: 'filters', filters: file })
    const [row] = (await rows('filters')).filter(({ key }) => key === 'one_r.fits')
    assert.deepEqual([row!.em_min, row!.em_max, row!.s_resolution], [6e-7, 7e-7, 0.9])
    writeFileSync(file, `- { instrument: DECam, filters: { 'r': [700, 600] } }\n`)
    await assert.rejects(ingest(zoo, { filters: file }), /entry 1: filter r must have two wavelengths in nm/)
    writeFileSync(file, `- { instrument: '(', filters: {} }\n`)
    await assert.rejects(ingest(zoo, { filters: file }), /entry 1: Invalid regular expression/)
    await db.query('DELETE FROM almagest.image_filter')
  })
})

describe('files that are wrong', { skip }, () => {
  const bad = path.join(folder, 'bad')
  const source = path.join(folder, 'zoo', 'a', 'one_r_weight.fits')

  it('are told with the reason, and the others are taken', async () => {
    mkdirSync(bad)
    const bytes = readFileSync(source)
    const write = (name: string, content: Buffer) => writeFileSync(path.join(bad, name), content)
    const changed = (from: string, to: string) => {
      assert.ok(bytes.includes(from.slice(0, 8)))
      const text = bytes.toString('latin1')
      const at = text.indexOf(from)
      return Buffer.from(text.slice(0, at) + to.padEnd(80) + text.slice(at + 80), 'latin1')
    }
    write('good.fits', bytes)
    write('empty.fits', Buffer.alloc(0))
    write('words.fits', Buffer.from('This is not the FITS file that you are looking for.'.repeat(100)))
    write('cut.fits', bytes.subarray(0, bytes.length - 2880))
    write('header-only.fits', bytes.subarray(0, 2000))
    write('lying.fits', changed('NAXIS1  =', 'NAXIS1  =     2000000000000'))
    write('huge.fits', changed('NAXIS2  =', 'NAXIS2  =  9007199254740991'))
    write('many-axes.fits', changed('NAXIS   =', 'NAXIS   =       1000000000'))
    write('negative.fits', changed('NAXIS1  =', 'NAXIS1  =              -20'))
    write('nan.fits', changed('CRVAL1  =', "CRVAL1  = 'NaN     '"))
    write('flat.fits', changed('CDELT1  =', 'CDELT1  =                  0.0'))
    write('projection.fits', changed('CTYPE1  =', "CTYPE1  = 'RA---XYZ'"))
    write('cut.fits.gz', gzipSync(bytes).subarray(0, 300))
    const endless = `${"CONTINUE  '&'".padEnd(80)}`.repeat(72_000)
    write(
      'continue.fits',
      Buffer.from(`${'SIMPLE  =                    T'.padEnd(80)}${"LONG    = '&'".padEnd(80)}${endless}`),
    )
    symlinkSync(bad, path.join(bad, 'loop'))
    symlinkSync(path.join(bad, 'nowhere'), path.join(bad, 'dangling.fits'))
    mkdirSync(path.join(bad, 'folder.fits'))
    writeFileSync(
      Buffer.concat([Buffer.from(`${bad}/`), Buffer.from([0x66, 0xff, 0x2e]), Buffer.from('fits')]),
      bytes,
    )
    writeFileSync(path.join(bad, 'new\nline\u001b[31m.fits'), bytes)
    const before = process.memoryUsage().rss
    const { counts, problems } = await ingest(bad, { collection: 'bad' })
    assert.ok(process.memoryUsage().rss - before < 300e6, 'memory stays bounded')
    assert.deepEqual(
      (await rows('bad')).map(row => row.key),
      ['good.fits', 'new\nline\u001b[31m.fits'],
    )
    const told = problems.sort().join('\n')
    for (const expected of [
      /bad\/empty.fits: not a FITS file: it does not begin with the card SIMPLE/,
      /bad\/words.fits: not a FITS file/,
      /bad\/cut.fits: HDU 0: its data go up to byte \d+, but the file ends at byte \d+: it is truncated/,
      /bad\/header-only.fits: HDU 0: the file ends inside the header: it is truncated/,
      /bad\/lying.fits: HDU 0: its data go up to byte \d+, but the file ends/,
      /bad\/huge.fits: HDU 0: its data would be .* bytes long/,
      /bad\/many-axes.fits: HDU 0: /,
      /bad\/negative.fits: HDU 0: NAXIS1 is -20, less than 0/,
      /bad\/nan.fits: HDU 0: keyword CRVAL1 is "NaN", not a number/,
      /bad\/flat.fits: HDU 0: /,
      /bad\/projection.fits: HDU 0: /,
      /bad\/cut.fits.gz: .*truncated or damaged/,
      /bad\/continue.fits: HDU 0: no END card in 2000 header blocks/,
      /bad\/dangling.fits: the link leads nowhere/,
      /its name is not UTF-8/,
    ]) {
      assert.match(told, expected)
    }
    assert.equal(problems.length, 15, told)
    assert.deepEqual([counts.files, counts.images, counts.broken], [2, 2, 15])
  })

  it('are told again the next time, without being read', async () => {
    const { counts } = await ingest(bad, { collection: 'bad' })
    assert.deepEqual([counts.files, counts.unchanged, counts.broken], [0, 2, 15])
  })

  it('may become right', async () => {
    copyFileSync(source, path.join(bad, 'empty.fits'))
    const { counts } = await ingest(bad, { collection: 'bad' })
    assert.deepEqual([counts.files, counts.broken], [1, 14])
  })

  it('options that are wrong stop before anything is done', async () => {
    await assert.rejects(ingest(path.join(folder, 'none')), /there is no .*none/)
    await assert.rejects(ingest(bad, { collection: 'a/b' }), /'a\/b' cannot name a collection/)
    await assert.rejects(ingest(bad, { idPrefix: '../' }), /--id-prefix '..\/'/)
  })
})
