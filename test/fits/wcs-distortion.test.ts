/** SIP, TPV, TNX, ZPX, plate solutions and tables of distortion, against astropy. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { imageOf } from '../../src/fits/image.ts'
import { lookupTables, windowTables } from '../../src/fits/wcs/lookup.ts'
import { windowCards } from '../../src/fits/wcs/shift.ts'
import { type CelestialWcs, celestialWcs } from '../../src/fits/wcs/wcs.ts'
import { readWindow } from '../../src/fits/window.ts'
import { imageHdu } from '../../src/fits/write.ts'
import { python, withoutPython } from '../support/python.ts'
import { astropyWcs } from './astropy-wcs.ts'
import { allHdus, withFile } from './support.ts'
import { compare, grid } from './wcs-compare.ts'
import { agree, headerOf, headerText, image, SIZE, type Values } from './wcs-headers.ts'

const skip = withoutPython('astropy')

describe('distorted coordinates', { skip }, () => {
  it('SIP, with and without its suffix and its inverse', () => {
    const { CDELT1, CDELT2, ...noCdelt } = image('TAN-SIP', {
      CTYPE1: 'RA---TAN-SIP',
      CTYPE2: 'DEC--TAN-SIP',
    })
    const cd = { CD1_1: -1e-4, CD1_2: 3e-5, CD2_1: 2e-5, CD2_2: 9e-5 }
    const a = { A_ORDER: 3, A_2_0: 3e-5, A_0_2: -2e-5, A_1_1: 1e-5, A_3_0: 4e-7, A_1_2: -3e-7 }
    const b = { B_ORDER: 2, B_2_0: -1e-5, B_0_2: 2.5e-5, B_1_1: 4e-5 }
    const sip = { ...noCdelt, ...cd, ...a, ...b }
    agree([
      ['forward only', sip],
      ['with linear terms', { ...sip, A_1_0: 1e-3, B_0_1: -2e-3, A_0_1: 4e-4 }],
      ['with an inverse', { ...sip, AP_ORDER: 2, AP_2_0: -3e-5, BP_ORDER: 2, BP_0_2: -2e-5 }],
      ['without the suffix', { ...sip, CTYPE1: 'RA---TAN', CTYPE2: 'DEC--TAN' }],
      ['order 1 is none', { ...sip, A_ORDER: 1, B_ORDER: 1 }],
      ['with another projection', { ...sip, CTYPE1: 'RA---ZEA-SIP', CTYPE2: 'DEC--ZEA-SIP' }],
    ])
  })

  const PV: Values = {
    PV1_0: 1e-4,
    PV1_1: 1.01,
    PV1_2: -0.002,
    PV1_4: 0.02,
    PV1_5: -0.01,
    PV1_6: 0.005,
    PV1_7: 0.1,
    PV1_8: -0.03,
    PV1_9: 0.05,
    PV1_10: 0.01,
    PV2_0: -2e-4,
    PV2_1: 0.99,
    PV2_2: 0.003,
    PV2_4: -0.01,
    PV2_5: 0.02,
    PV2_6: 0.004,
    PV2_7: -0.08,
    PV2_8: 0.02,
    PV2_9: 0.07,
    PV2_10: -0.04,
  }
  /** By CD: with CDELT wcslib takes the polynomials in pixels, though they are defined in degrees. */
  const WIDE = { CD1_1: -0.005, CD1_2: 1e-4, CD2_1: 2e-4, CD2_2: 0.0047 }

  it('TPV, to its highest terms', () => {
    const high: Values = {}
    for (let m = 12; m <= 39; m++) {
      high[`PV1_${m}`] = 0.03 / m
      high[`PV2_${m}`] = -0.02 / m
    }
    agree([
      ['third degree', image('TPV', { ...WIDE, ...PV })],
      [
        'with radial terms',
        image('TPV', { ...WIDE, ...PV, PV1_3: 1e-3, PV2_3: 2e-3, PV1_11: 0.02, PV2_11: -0.03 }),
      ],
      ['seventh degree', image('TPV', { ...WIDE, ...PV, ...high })],
    ])
  })

  it('SCAMP called it TAN before 2012: the same as TPV', () => {
    const tpv = celestialWcs(headerOf(headerText(image('TPV', { ...WIDE, ...PV }))))!
    const linear = { PV1_0: 0.01, PV1_1: 1.01, PV1_2: 0.1, PV2_0: -0.01, PV2_1: 0.98, PV2_2: -0.1 }
    const pairs: [Values, CelestialWcs][] = [
      [{ ...WIDE, ...PV }, tpv],
      // SIP beside it goes (astropy since 6.0).
      [{ ...WIDE, ...PV, A_ORDER: 2, B_ORDER: 2, A_2_0: 1e-5, B_2_0: 1e-5 }, tpv],
      [{ ...WIDE, ...linear }, celestialWcs(headerOf(headerText(image('TPV', { ...WIDE, ...linear }))))!],
    ]
    for (const [values, expected] of pairs) {
      const tan = celestialWcs(headerOf(headerText(image('TAN', values))))!
      for (const [x, y] of grid(SIZE, SIZE, 5)) assert.deepEqual(tan.skyOf(x, y), expected.skyOf(x, y))
    }
    // Parameters that are zero, as CASA writes them, change nothing.
    agree([['zeros', image('TAN', { ...WIDE, PV2_1: 0, PV2_2: 0 })]])
    // With TAN-SIP the PV are left over from before.
    const left = {
      CTYPE1: 'RA---TAN-SIP',
      CTYPE2: 'DEC--TAN-SIP',
      A_ORDER: 2,
      B_ORDER: 2,
      A_2_0: 1e-4,
      B_1_1: 1e-4,
    }
    const [withPv, without] = [{ ...left, ...PV }, left].map(
      v => celestialWcs(headerOf(headerText(image('TAN', { ...WIDE, ...v }))))!,
    )
    for (const [x, y] of grid(SIZE, SIZE, 5)) assert.deepEqual(withPv!.skyOf(x, y), without!.skyOf(x, y))
  })

  /** Cards of 68 characters, as IRAF cuts them. */
  function wat(axis: number, text: string): Values {
    const cards: Values = {}
    for (let n = 0; n * 68 < text.length; n++) {
      cards[`WAT${axis}_${String(n + 1).padStart(3, '0')}`] = text.slice(n * 68, n * 68 + 68)
    }
    return cards
  }

  it('TNX and ZPX in every kind of polynomial', () => {
    const { CDELT1, CDELT2, ...rest } = image('TNX')
    const cd = { CD1_1: -0.004, CD1_2: 3e-4, CD2_1: 2e-4, CD2_2: 0.0045 }
    // Blanks at the ends of cards are lost to wcslib: figures of equal width keep them away.
    const numbers = (count: number, size: number) =>
      Array.from(
        { length: count },
        (_, i) => `${i % 3 === 1 ? '-' : '+'}${(size / (1 + i)).toExponential(6)}`,
      ).join(' ')
    const headers: [string, Values][] = []
    for (const kind of [1, 2, 3]) {
      for (const [cross, count] of [
        [0, 7],
        [1, 16],
        [2, 10],
      ] as const) {
        const surface = (name: string, size: number) =>
          `${name} = "${kind}. 4. 4. ${cross}. -0.25 0.26 -0.3 0.31 ${numbers(count, size)} "`
        for (const code of ['TNX', 'ZPX']) {
          const type = code.toLowerCase()
          const projp = code === 'ZPX' ? 'projp1=1.0 projp3=40.0 ' : ''
          headers.push([
            `${code} kind ${kind} cross ${cross}`,
            {
              ...rest,
              CTYPE1: `RA---${code}`,
              CTYPE2: `DEC--${code}`,
              ...cd,
              ...wat(1, `wtype=${type} axtype=ra ${projp}${surface('lngcor', 1e-3)}`),
              ...wat(2, `wtype=${type} axtype=dec ${projp}${surface('latcor', 2e-3)}`),
            },
          ])
        }
      }
    }
    agree(headers)
  })

  it('plate solutions of the Digitized Sky Survey', () => {
    const plate: Values = {
      NAXIS: 2,
      NAXIS1: 891,
      NAXIS2: 893,
      EQUINOX: 2000,
      CNPIX1: 8000,
      CNPIX2: 5000,
      PPO3: 177500,
      PPO6: 177500,
      XPIXELSZ: 25.28,
      YPIXELSZ: 25.28,
      PLTRAH: 5,
      PLTRAM: 40,
      PLTRAS: 10.5,
      PLTDECSN: '-',
      PLTDECD: 4,
      PLTDECM: 59,
      PLTDECS: 30.5,
      AMDX1: 67.15,
      AMDX2: -0.05,
      AMDX3: -200.5,
      AMDX4: -2e-5,
      AMDX5: 3e-5,
      AMDX6: 1e-5,
      AMDX7: 2e-6,
      AMDX8: 2e-6,
      AMDX9: -1e-7,
      AMDX10: 2e-6,
      AMDX11: 3e-7,
      AMDX12: 1e-7,
      AMDX13: 1e-9,
      AMDY1: 67.17,
      AMDY2: 0.04,
      AMDY3: 70.2,
      AMDY4: 1e-5,
      AMDY5: -2e-5,
      AMDY6: 4e-6,
      AMDY7: -3e-6,
      AMDY8: 2e-6,
      AMDY9: 2e-7,
      AMDY10: 2e-6,
      AMDY11: -1e-7,
      AMDY12: 2e-7,
      AMDY13: 2e-9,
    }
    const tan = {
      CTYPE1: 'RA---TAN',
      CTYPE2: 'DEC--TAN',
      CRPIX1: 400,
      CRPIX2: 400,
      CRVAL1: 85.1,
      CRVAL2: -4,
      CDELT1: -4e-4,
      CDELT2: 4e-4,
    }
    agree([
      ['alone', plate],
      ['beside an approximation', { ...plate, ...tan }],
      ['in the north', { ...plate, PLTDECSN: '+' }],
    ])
  })

  it('tables of distortion in other HDUs, as Hubble has them', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'almagest-wcs-'))
    after(() => rmSync(folder, { recursive: true }))
    const file = path.join(folder, 'hst.fits')
    python(HUBBLE, '', [file])
    await withFile(file, async source => {
      const hdus = await allHdus(source)
      for (const hdu of [1, 2, 3]) {
        const { header } = hdus[hdu]!
        const wcs = celestialWcs(header, await lookupTables(source, hdus, header))!
        const testCase = { name: `HDU ${hdu}`, file, hdu, pixels: grid(200, 100, 14) }
        const { world, back, compared } = compare(wcs, testCase, astropyWcs([testCase])[0]!)
        assert.ok(compared > 100 && world < 1e-6 && back < 1e-5, `${testCase.name}: ${world} ${back}`)
        assert.throws(() => celestialWcs(header), /tables of other HDUs/)
        // A window takes its part of the tables along.
        const window = { start: [60, 30], size: [90, 50] }
        const cut = path.join(folder, `cut${hdu}.fits`)
        const pixels = await readWindow(source, imageOf(hdus[hdu]!)!, window)
        const tables = await windowTables(source, hdus, header, window.start)
        const written = imageHdu(pixels, windowCards(header, window.start), 'primary')
        writeFileSync(cut, Buffer.concat([...written, ...tables]))
        const [answer] = astropyWcs([{ name: 'cut', file: cut, hdu: 0, pixels: [[10, 20]] }])
        const [ra, dec] = wcs.worldOf(70, 50)!
        assert.ok(Math.hypot(answer!.world![0]![0] - ra, answer!.world![0]![1] - dec) < 1e-11)
      }
      await assert.rejects(
        lookupTables(source, hdus.slice(0, 2), hdus[1]!.header),
        /no HDU (D2IMARR|WCSDVARR)/,
      )
    })
  })
})

const HUBBLE = `
import sys
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS, Sip, DistortionLookupTable
rng = np.random.default_rng(4)
def table(scale, shape):
    return (rng.normal(0, scale, shape)).cumsum(axis=0).cumsum(axis=1).astype('f4')
def image(sip, cpdis, d2im):
    w = WCS(naxis=2)
    w.wcs.ctype = ['RA---TAN-SIP', 'DEC--TAN-SIP'] if sip else ['RA---TAN', 'DEC--TAN']
    w.wcs.crval = [150, 2]; w.wcs.crpix = [100, 50]
    w.wcs.cd = [[-1.1e-5, 2e-6], [1e-6, 1.2e-5]]
    if sip:
        a = np.zeros((3, 3)); a[2, 0] = 1e-5; b = np.zeros((3, 3)); b[1, 1] = -2e-5
        w.sip = Sip(a, b, None, None, (100, 50))
    if cpdis:
        w.cpdis1 = DistortionLookupTable(table(0.01, (9, 17)), (1, 1), (1, 1), (12.5, 12.5))
        w.cpdis2 = DistortionLookupTable(table(0.01, (9, 17)), (3, 2), (20, 10), (10, 11))
    if d2im:
        w.det2im1 = DistortionLookupTable(table(0.005, (1, 200)), (0, 0), (0, 0), (1, 1))
    return w.to_fits(relax=True)
out = [fits.PrimaryHDU()]
extra = []
version = 0
for options in ((True, True, True), (False, True, False), (True, False, True)):
    hdus = image(*options)
    h = fits.ImageHDU(np.zeros((100, 200), 'i2'))
    for c in hdus[0].header.cards:
        if c.keyword not in ('SIMPLE', 'BITPIX', 'NAXIS', 'EXTEND'): h.header.append(c, end=True)
    # The same EXTVERs would be there three times: number them on.
    for t in hdus[1:]:
        version += 1
        old = t.header['EXTVER']
        t.header['EXTVER'] = version
        for card in h.header.cards:
            prefix = 'DP' if t.name == 'WCSDVARR' else 'D2IM'
            if card.keyword in (prefix + '1.EXTVER', prefix + '2.EXTVER') and card.value == old:
                h.header[card.keyword] = 1000 + version
        extra.append(t)
    for card in h.header.cards:
        if card.keyword.endswith('.EXTVER') and card.value > 1000: h.header[card.keyword] = card.value - 1000
    out.append(h)
fits.HDUList(out + extra).writeto(sys.argv[1])
`
