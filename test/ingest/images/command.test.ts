/** `npx almagest ingest images` as people type it. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import type { CommandSetting } from '../../../src/command.ts'
import { openDatabase } from '../../../src/db/postgres.ts'
import { ingestImagesCommand } from '../../../src/ingest/images-command.ts'
import { openLog } from '../../../src/log.ts'
import { testDatabase } from '../../support/database.ts'
import { withoutPython } from '../../support/python.ts'
import { writeZoo } from './zoo.ts'

const db = await openDatabase({ url: await testDatabase(), log: openLog('silent') })
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-images-'))
after(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const config = { authority: 'example.org' }
  const setting = { stdout, stderr, config, database: async () => ({ db }) } as unknown as CommandSetting
  const code = await ingestImagesCommand.run(argv, setting)
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') }
}

describe('ingest images', { skip: withoutPython('astropy.io.fits', 'numpy') }, () => {
  before(() => writeZoo(folder))

  it('says what it did', async () => {
    const { code, out } = await run(path.join(folder, 'b'), '--collection', 'zoo', '--title', 'Zoo')
    assert.equal(code, 0)
    assert.match(out, /^zoo: 4 images of 2 files in [\d.]+ s\n$/)
    const again = await run(path.join(folder, 'b'), '--collection', 'zoo')
    assert.match(again.out, /^zoo: 0 images of 0 files in [\d.]+ s; 2 files unchanged\n$/)
  })

  it('tells broken files by name, harmless to a terminal, and as JSON', async () => {
    const name = path.join(folder, 'b', 'bad\u001b[31m.fits')
    writeFileSync(name, 'nothing')
    const { code, out, err } = await run(path.join(folder, 'b'), '--collection', 'zoo', '--json')
    assert.equal(code, 0)
    assert.match(err, /bad\\x1b\[31m\.fits: not a FITS file/)
    const result = JSON.parse(out) as Record<string, unknown>
    assert.deepEqual(
      { ...result, seconds: 0, problems: 0 },
      {
        collection: 'zoo',
        images: 0,
        files: 0,
        unchanged: 2,
        without: 0,
        broken: 1,
        removed: 0,
        others: 0,
        seconds: 0,
        problems: 0,
      },
    )
    assert.match((result.problems as { reason: string }[])[0]!.reason, /does not begin with the card SIMPLE/)
    const alone = await run(name, '--collection', 'broken')
    assert.equal(alone.code, 1, 'nothing could be taken')
  })

  it('refuses options that are wrong', async () => {
    await assert.rejects(run(folder), /--collection NAME says/)
    await assert.rejects(run('--collection', 'x'), /name at least one folder or file/)
    await assert.rejects(
      run(folder, '--collection', 'x', '--calib-level', '7'),
      /--calib-level is 0, 1, 2, 3 or 4/,
    )
    await assert.rejects(run('/nowhere', '--collection', 'x'), /there is no \/nowhere/)
  })

  it('forgets a collection', async () => {
    const { code, out } = await run('--remove', '--collection', 'zoo')
    assert.deepEqual([code, out], [0, 'zoo is forgotten; its files stay where they are\n'])
    assert.deepEqual(await db.query('SELECT 1 FROM almagest.image WHERE obs_collection = $1', ['zoo']), [])
    await assert.rejects(run('--remove', '--collection', 'zoo'), /there is no collection zoo/)
    await assert.rejects(run('--remove', folder, '--collection', 'zoo'), /name no files with it/)
  })

  it('leaves an ivoa.ObsCore of the site alone', async () => {
    await db.query('DELETE FROM almagest.published_table')
    await db.query('DROP VIEW ivoa.obscore')
    await db.query('CREATE TABLE ivoa.obscore (obs_id text)')
    await assert.rejects(
      run(folder, '--collection', 'zoo'),
      /there is a table ivoa.ObsCore that was not made from image files/,
    )
  })
})
