/** The key lightCurves: the shipped examples pass, and what is wrong is named. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import type { CommandSetting } from '../../src/command.ts'
import { lightCurveBlocks } from '../../src/datalink/block.ts'
import { openLightCurves } from '../../src/datalink/source.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { openLog } from '../../src/log.ts'
import { schemaApplyCommand } from '../../src/schema-command.ts'
import { readCatalog } from '../../src/tap/tap-schema.ts'
import { testDatabase } from '../support/database.ts'
import { fillSmallDemo } from '../support/demo.ts'
import { shared, withoutShared } from '../support/python.ts'

const db = await openDatabase({ url: await testDatabase(), log: openLog('silent') })
after(() => db.close())

/** A block as YAML has it, to be broken. */
// biome-ignore lint/suspicious/noExplicitAny: what is tested is whatever people write
type Loose = any

const read = (path: string) => parse(readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8'))

describe('the key lightCurves', () => {
  before(() => fillSmallDemo(db))

  const open = async (configured: unknown) => {
    const catalog = await readCatalog(db)
    return (await openLightCurves(configured, async () => catalog)).current('operator')
  }

  it('of the demo passes, said or unsaid', async () => {
    const demo = read('../../src/datalink/demo.yaml')
    for (const configured of [demo, undefined]) {
      const { all, problem } = await open(configured)
      assert.deepEqual(
        all.map(curve => curve.name),
        ['demo.forcedsource'],
      )
      assert.equal(problem, undefined)
    }
  })

  it('names what is missing', async () => {
    const wrong = async (change: (block: Loose) => void, message: RegExp) => {
      const blocks = structuredClone(read('../../src/datalink/demo.yaml'))
      change(blocks[0])
      await assert.rejects(open(blocks), message)
    }
    await wrong(
      b => (b.object.id = 'oid'),
      /^ConfigError|lightCurves\[0\]\.object\.id: demo\.object has no column oid/,
    )
    await wrong(b => (b.object.table = 'demo.star'), /lightCurves\[0\]\.object\.table: .*demo\.star/)
    await wrong(
      b => (b.detections[0].flux.error = 'err'),
      /detections\[0\]\.flux\.error: demo\.forcedsource has no column err/,
    )
    await wrong(b => (b.detections[0].time.column = 'mjd'), /time\.column: demo\.visit has no column mjd/)
    await wrong(b => (b.detections[0].time.table = 'demo.object'), /time\.column: demo\.object has no column/)
    await wrong(b => (b.detections[0].time.scale = 'MJD'), /time\.scale: must be one of TAI/)
    await wrong(b => (b.detections[0].flux.column = 'band'), /band is not a column of numbers/)
    await wrong(b => (b.detections[0].magnitude = { column: 'psfflux' }), /either flux or magnitude/)
    await wrong(b => (b.detections[0].colour = 'red'), /detections\[0\]\.colour: unknown; known are/)
    await wrong(
      b => (b.detections[0].quality.bits = 'flags'),
      /quality\.bits: demo\.forcedsource has no column flags/,
    )
    await wrong(
      b => (b.detections[0].bands.g.zeroPoint = -1),
      /bands\.g\.zeroPoint: must be a positive number/,
    )
    assert.throws(() => lightCurveBlocks({}), /lightCurves: must be a list/)
  })

  it('for Rubin DP1 and DP0.2 passes against empty tables of their schemas', {
    skip: withoutShared('data/schemas/dp1.yaml', 'data/schemas/dp02_dc2.yaml'),
  }, async () => {
    const setting = { stdout: new PassThrough(), stderr: new PassThrough(), database: async () => ({ db }) }
    for (const name of ['dp1', 'dp02_dc2'])
      assert.equal(
        await schemaApplyCommand.run(
          [shared(`data/schemas/${name}.yaml`)],
          setting as unknown as CommandSetting,
        ),
        0,
      )
    const { all } = await open(read('../../docs/lightcurves-rubin.yaml'))
    assert.deepEqual(
      all.map(curve => curve.name),
      ['dp1.ForcedSource', 'dp1.DiaSource', 'dp02_dc2_catalogs.ForcedSource'],
    )
    assert.match(all[0]!.sql, /"visit"/)
    for (const curve of all) await db.query(`SELECT * FROM (${curve.sql}) AS p LIMIT 1`)
  })
})
