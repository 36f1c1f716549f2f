import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { after, test } from 'node:test'
import type { CommandSetting } from '../../src/command.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { ingestTableCommand } from '../../src/ingest/command.ts'
import { openLog } from '../../src/log.ts'
import { testDatabase } from '../support/database.ts'
import { python, withoutPython } from '../support/python.ts'

const url = await testDatabase()
const db = await openDatabase({ url, log: openLog('silent') })
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
after(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const setting = { stdout, stderr, database: async () => ({ db }) } as unknown as CommandSetting
  const code = await ingestTableCommand.run(argv, setting)
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') }
}

test('ingest table prints a sentence or JSON, notices on standard error', {
  skip: withoutPython('astropy.io.fits', 'numpy'),
}, async () => {
  const file = path.join(folder, 'a.fits')
  python(
    `
import sys, numpy as np
from astropy.io import fits
fits.BinTableHDU.from_columns([fits.Column('ra', 'D', array=[1, 2, 3]), fits.Column('dec', 'D', array=[1, 99, 3])]).writeto(sys.argv[1])`,
    '',
    [file],
  )
  const rejects = path.join(folder, 'rejects.csv')
  const { code, out, err } = await run(file, '--table', 'sky.a', '--json', '--rejects', rejects)
  assert.equal(code, 0)
  const result = JSON.parse(out)
  assert.deepEqual([result.table, result.rows, result.rejected, result.rejectFile], ['sky.a', 2, 1, rejects])
  assert.equal(typeof result.seconds, 'number')
  assert.match(err, /Column ra has no unit: taken as degrees/)
  const again = await run(file, '--table', 'sky.a', '--replace', '--rejects', rejects)
  assert.match(again.out, /^sky\.a: 2 rows in [\d.]+ s, 1 rejected \(see .*rejects\.csv\)\n$/)
})

test('wrong options are told', async () => {
  await assert.rejects(run('a.fits'), /--table/)
  await assert.rejects(run('--table', 'a.b'), /at least one file/)
  await assert.rejects(run('a.fits', '--table', 'a.b', '--append', '--replace'), /choose one/)
  await assert.rejects(run('a.fits', '--tabel', 'a.b'), /Unknown option '--tabel'/)
  assert.match(ingestTableCommand.help, /--replace/)
})
