import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { openTable } from '../../../src/formats/read/open.ts'
import { shared, withoutPython, withoutShared } from '../../support/python.ts'
import { readByAstropy, readBySource, type Value } from './astropy.ts'

const CATALOGS = 'data/catalogs'
const skip = withoutShared(CATALOGS) || withoutPython('astropy.io.fits', 'numpy')
const files = skip ? [] : readdirSync(shared(CATALOGS)).filter(file => /\.fits?(\.gz)?$/.test(file))

function same(a: Value, b: Value | undefined): boolean {
  return a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b))
}

/** Compares our reading of a table with astropy's, column by column. */
async function compare(file: string, hdu: number): Promise<void> {
  const source = await openTable(file, { select: String(hdu) })
  try {
    const [theirs, ours] = [readByAstropy(file, hdu), await readBySource(source)]
    assert.deepEqual(ours.bad, [])
    assert.deepEqual(
      ours.columns.map(({ name, unit, ucd }) => ({ name, unit, ucd })),
      theirs.map(({ name, unit, ucd }) => ({ name, unit, ucd })),
    )
    for (const [c, column] of theirs.entries()) {
      const mine = ours.columns[c]!.values
      assert.equal(mine.length, column.values.length, `rows of ${column.name}`)
      const wrong = column.values.findIndex((value, row) => !same(value, mine[row]))
      if (wrong < 0) continue
      assert.deepEqual(
        mine[wrong],
        column.values[wrong],
        `${file} HDU ${hdu}: ${column.name}, row ${wrong + 1}`,
      )
    }
  } finally {
    await source.close()
  }
}

test('the catalogues, as astropy reads them', { skip }, async t => {
  for (const file of files) await t.test(file, () => compare(shared(`${CATALOGS}/${file}`), 1))
  await t.test('the other tables of HSC and Fermi', async () => {
    for (const hdu of [2, 3, 4, 5]) {
      await compare(shared(`${CATALOGS}/hsc_deepCoadd_meas.fits`), hdu)
      await compare(shared(`${CATALOGS}/fermi_3fgl_gll_psc_v16.fit.gz`), hdu)
    }
  })
})
