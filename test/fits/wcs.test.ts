/** Every celestial image of the shared files, and headers of every projection and convention, against astropy. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { ServiceError } from '../../src/error.ts'
import { type Header, parseHeader } from '../../src/fits/header.ts'
import { imageOf } from '../../src/fits/image.ts'
import { lookupTables, windowTables } from '../../src/fits/wcs/lookup.ts'
import { windowCards } from '../../src/fits/wcs/shift.ts'
import { type CelestialWcs, celestialWcs } from '../../src/fits/wcs/wcs.ts'
import { readWindow } from '../../src/fits/window.ts'
import { imageHdu } from '../../src/fits/write.ts'
import { python, withoutPython, withoutShared } from '../support/python.ts'
import { astropyWcs, type WcsCase } from './astropy-wcs.ts'
import { allHdus, imageFiles, imagePath, withFile } from './support.ts'
import { compare, grid } from './wcs-compare.ts'

const skip = withoutPython('astropy')

function headerOf(text: string): Header {
  const cards = [...text.split('\n'), 'END'].map(card => card.padEnd(80)).join('')
  return parseHeader(Buffer.from(cards.padEnd(Math.ceil(cards.length / 2880) * 2880), 'latin1'), 0)
}

type Values = Record<string, string | number>

function headerText(values: Values): string {
  return Object.entries(values)
    .map(([keyword, value]) =>
      typeof value === 'string'
        ? `${keyword.padEnd(8)}= '${value.padEnd(8)}'`
        : `${keyword.padEnd(8)}= ${String(value).toUpperCase()}`,
    )
    .join('\n')
}

const SIZE = 101

/** An image of 101 x 101 pixels around the reference point. */
function image(code: string, values: Values = {}): Values {
  return {
    NAXIS: 2,
    NAXIS1: SIZE,
    NAXIS2: SIZE,
    CTYPE1: `RA---${code}`,
    CTYPE2: `DEC--${code}`,
    CRPIX1: 50.7,
    CRPIX2: 48.3,
    CRVAL1: 83.2,
    CRVAL2: -23.7,
    CDELT1: -1.9,
    CDELT2: 1.7,
    ...values,
  }
}

/** Compares headers with astropy; `tolerance` in pixels. */
function agree(headers: [name: string, values: Values][], tolerance = 1e-5): void {
  const cases: WcsCase[] = headers.map(([name, values]) => ({
    name,
    header: headerText(values),
    pixels: grid(Number(values.NAXIS1), Number(values.NAXIS2), 14),
  }))
  const answers = astropyWcs(cases)
  for (const [i, testCase] of cases.entries()) {
    const answer = answers[i]!
    if (answer.error !== undefined) {
      assert.throws(
        () => celestialWcs(headerOf(testCase.header!)),
        ServiceError,
        `${testCase.name}: ${answer.error}`,
      )
      continue
    }
    const wcs = celestialWcs(headerOf(testCase.header!))
    assert.ok(wcs, testCase.name)
    const { world, icrs, back, offSky, compared } = compare(wcs, testCase, answer)
    const told = `${testCase.name}: world ${world} px, ICRS ${icrs} px, back ${back} px, ${offSky} off the sky, ${compared} compared`
    assert.ok(Math.max(world, icrs, back) < tolerance && offSky === 0 && compared > 20, told)
  }
}

describe('world coordinates', { skip }, () => {
  it('of every shared image, to a millionth of a pixel', { skip: withoutShared('data/images') }, async () => {
    const cases: WcsCase[] = []
    const found: (CelestialWcs | undefined)[] = []
    for (const name of imageFiles()) {
      await withFile(imagePath(name), async source => {
        for (const hdu of await allHdus(source)) {
          const data = imageOf(hdu)
          if (!data || data.shape.length < 2) continue
          const wcs = celestialWcs(data.header)
          const [x, y] = wcs?.axes ?? [0, 1]
          const pixels = grid(data.shape[x]!, data.shape[y]!, 20)
          cases.push({ name: `${name}, HDU ${hdu.index}`, file: imagePath(name), hdu: hdu.index, pixels })
          found.push(wcs)
        }
      })
    }
    const answers = astropyWcs(cases)
    let celestial = 0
    for (const [i, testCase] of cases.entries()) {
      const [wcs, answer] = [found[i], answers[i]!]
      assert.equal(wcs === undefined, answer.error !== undefined, `${testCase.name}: ${answer.error}`)
      if (!wcs) continue
      celestial++
      const { world, icrs, back, offSky } = compare(wcs, testCase, answer)
      assert.ok(Math.max(world, icrs, back) < 1e-6, `${testCase.name}: ${world} ${icrs} ${back} px`)
      assert.equal(offSky, 0, testCase.name)
    }
    assert.ok(celestial >= 76, `${celestial} images on the sky`)
  })

  const PROJECTIONS: [code: string, ...parameters: Values[]][] = [
    ['TAN', {}],
    ['STG', {}],
    ['ARC', {}],
    ['ZEA', {}],
    ['SIN', {}, { PV2_1: 0.1, PV2_2: -0.3 }, { PV2_1: 0, PV2_2: 0 }],
    [
      'ZPN',
      { PV2_1: 1 },
      { PV2_1: 0.95, PV2_3: -0.05, PV2_5: 0.01 },
      { PV2_0: 0.001, PV2_1: 1, PV2_2: 0.1 },
      { PV2_1: 1, PV2_3: 42 },
    ],
    ['AIR', {}, { PV2_1: 45 }],
    ['AZP', {}, { PV2_1: 2, PV2_2: 30 }, { PV2_1: 0.5, PV2_2: -20 }],
    ['SZP', {}, { PV2_1: 2, PV2_2: 180, PV2_3: 60 }, { PV2_1: 0.5, PV2_2: 30, PV2_3: 45 }],
    ['CYP', {}, { PV2_1: 1, PV2_2: 0.7 }],
    ['CEA', {}, { PV2_1: 0.75 }],
    ['CAR', {}],
    ['MER', {}],
    ['SFL', {}],
    ['PAR', {}],
    ['MOL', {}],
    ['AIT', {}],
    ['COP', { PV2_1: 45, PV2_2: 25 }, { PV2_1: -40 }],
    ['COE', { PV2_1: 45, PV2_2: 25 }, { PV2_1: -40 }],
    ['COD', { PV2_1: 45, PV2_2: 25 }, { PV2_1: -40 }],
    ['COO', { PV2_1: 45, PV2_2: 25 }, { PV2_1: -40 }],
    ['BON', { PV2_1: 45 }, { PV2_1: -30 }, { PV2_1: 0 }],
    ['PCO', {}],
    ['TSC', {}],
    ['QSC', {}],
    ['HPX', {}, { PV2_1: 4, PV2_2: 3 }, { PV2_1: 6, PV2_2: 3 }, { PV2_1: 3, PV2_2: 4 }],
    ['XPH', {}],
  ]
  /** Ways to turn the sphere under the map. */
  const POLES: Values[] = [
    {},
    { CRVAL1: 0, CRVAL2: 0 },
    { CRVAL1: 250, CRVAL2: 0, LONPOLE: 60, LATPOLE: 50 },
    { CRVAL1: -10, CRVAL2: 30, LONPOLE: 150 },
    { CRVAL1: 30, CRVAL2: 90 },
    { CRVAL1: 200, CRVAL2: -90, LONPOLE: 999 },
  ]

  for (const [code, ...parameters] of PROJECTIONS) {
    it(`${code}, both ways, on the whole sky and close to the reference point`, () => {
      const headers: [string, Values][] = []
      for (const pv of parameters) {
        for (const pole of POLES) {
          headers.push([`${code} ${JSON.stringify({ ...pv, ...pole })}`, image(code, { ...pv, ...pole })])
        }
        // With a first parameter that is not 0 there is a hole around the pole.
        if (pv.PV2_0) continue
        headers.push([`${code} of small pixels`, image(code, { ...pv, CDELT1: -1e-4, CDELT2: 1e-4 })])
      }
      agree(headers)
    })
  }

  it('CSC, whose polynomials wcslib has in single precision', () => {
    agree([['CSC', image('CSC', { CDELT1: -3.3, CDELT2: 2.5 })]], 0.01)
  })

  it('all ways to write the linear transformation', () => {
    const small = { CDELT1: -1.4e-4, CDELT2: 1.2e-4 }
    const { CDELT1, CDELT2, ...noCdelt } = image('TAN')
    const cd = { CD1_1: -1e-4, CD1_2: 3e-5, CD2_1: 2e-5, CD2_2: 9e-5 }
    const pc = { PC1_1: 0.9, PC1_2: 0.2, PC2_1: -0.3, PC2_2: 1.1 }
    agree([
      ['CDELT', image('TAN', small)],
      ['nothing but CTYPE and CRVAL', noCdelt],
      ['CROTA2', image('TAN', { ...small, CROTA2: 33 })],
      ['CROTA1 only', image('TAN', { ...small, CROTA1: 33 })],
      ['CROTA2 with CROTA1', image('TAN', { ...small, CROTA1: 10, CROTA2: 33 })],
      ['CD', { ...noCdelt, ...cd }],
      ['CD with CDELT', image('TAN', { ...small, ...cd })],
      ['CD with CDELT and CROTA2', image('TAN', { ...small, ...cd, CROTA2: 12 })],
      ['CD with gaps', { ...noCdelt, CD1_2: 1e-4, CD2_1: 1.1e-4 }],
      ['PC', image('TAN', { ...small, ...pc })],
      ['PC with gaps', image('TAN', { ...small, PC1_2: 0.4 })],
      ['PC and CD', image('TAN', { ...small, ...pc, ...cd })],
      ['PC and CROTA2', image('TAN', { ...small, ...pc, CROTA2: 45 })],
      ['PC001001', image('TAN', { ...small, PC001001: 0.9, PC001002: 0.2, PC002001: -0.3, PC002002: 1.1 })],
      ['CD001001', { ...noCdelt, CD001001: -1e-4, CD001002: 3e-5, CD002001: 2e-5, CD002002: 9e-5 }],
      ['PC01_01', image('TAN', { ...small, PC01_01: 0.9, PC01_02: 0.2, PC02_01: -0.3, PC02_02: 1.1 })],
      [
        'arcsec',
        image('TAN', {
          CUNIT1: 'arcsec',
          CUNIT2: 'arcsec',
          CDELT1: -0.3,
          CDELT2: 0.3,
          CRVAL1: 36000,
          CRVAL2: -72000,
        }),
      ],
      [
        'arcmin and degrees, turned',
        image('TAN', {
          CUNIT1: 'arcmin',
          CUNIT2: 'DEGREES',
          CDELT1: -0.1,
          CDELT2: 0.002,
          CRVAL1: 3600,
          CROTA2: 20,
        }),
      ],
      ['radians by CD', { ...noCdelt, ...cd, CUNIT1: 'rad', CUNIT2: 'rad', CRVAL1: 1, CRVAL2: -0.5 }],
      [
        'latitude first',
        image('TAN', {
          ...small,
          CTYPE1: 'DEC--TAN',
          CTYPE2: 'RA---TAN',
          CRVAL1: 20,
          CRVAL2: 120,
          CROTA1: 30,
        }),
      ],
      [
        'latitude first by CD',
        { ...noCdelt, ...cd, CTYPE1: 'DEC--SIN', CTYPE2: 'RA---SIN', CRVAL1: 20, CRVAL2: 120 },
      ],
      ['linear axes', image('TAN', { ...small, CTYPE1: 'RA', CTYPE2: 'DEC' })],
    ])
  })

  it('a keyword that is there twice: the last one counts', () => {
    const text = `${headerText(image('TAN', { CDELT1: -1e-4, CDELT2: 1e-4 }))}\nCRVAL1  = 10.0\nCTYPE1  = 'RA---SIN'\nCTYPE2  = 'DEC--SIN'`
    const testCase = { name: 'twice', header: text, pixels: grid(SIZE, SIZE, 4) }
    const { world } = compare(celestialWcs(headerOf(text))!, testCase, astropyWcs([testCase])[0]!)
    assert.ok(world < 1e-6)
  })

  it('frames and their defaults', () => {
    const small = { CDELT1: -1e-4, CDELT2: 1e-4 }
    const of = (values: Values): [string, Values] => [
      JSON.stringify(values),
      image('TAN', { ...small, ...values }),
    ]
    agree([
      of({ RADESYS: 'ICRS' }),
      of({ RADESYS: 'FK5' }),
      of({ RADESYS: 'FK5', EQUINOX: 1975 }),
      of({ RADESYS: 'FK4' }),
      of({ RADESYS: 'FK4', EQUINOX: 1900 }),
      of({ RADESYS: 'FK4-NO-E', EQUINOX: 1950 }),
      of({ EQUINOX: 2000 }),
      of({ EQUINOX: 1950 }),
      of({ EPOCH: 1950 }),
      of({ EPOCH: 1950, EQUINOX: 2000 }),
      of({ RADECSYS: 'FK4' }),
      of({ RADECSYS: 'FK5', EQUINOX: 2000, RADESYS: 'ICRS' }),
      of({ RADESYS: 'ICRS', EQUINOX: 1950 }),
      of({ CTYPE1: 'GLON-TAN', CTYPE2: 'GLAT-TAN' }),
      of({ CTYPE1: 'GLON-TAN', CTYPE2: 'GLAT-TAN', RADESYS: 'FK5', EQUINOX: 1950 }),
    ])
  })

  it('native coordinates of the reference point, offsets, old names', () => {
    agree([
      ['PV1_3 and PV1_4', image('CAR', { CRVAL2: 10, PV1_3: 170, PV1_4: 80 })],
      ['PV1_1 and PV1_2', image('ZEA', { PV1_1: 20, PV1_2: 60 })],
      ['PV1_0', image('ZEA', { PV1_0: 1, PV1_1: 20, PV1_2: 60 })],
      ['PV1_0 of a cylinder', image('MER', { CRVAL1: 3, CRVAL2: 40, PV1_0: 1, PV1_1: 0, PV1_2: 40 })],
      ['GLS', image('GLS', { CRVAL1: 50, CRVAL2: 30 })],
      ['GLS at the origin', image('GLS', { CRVAL1: 0, CRVAL2: 0 })],
      ['NCP', image('NCP', { CRVAL2: 60, CDELT1: -0.1, CDELT2: 0.1 })],
      ['NCP in the south', image('NCP', { CRVAL2: -35, CDELT1: -0.1, CDELT2: 0.1 })],
      ['LATPOLE', image('AIT', { CRVAL1: 10, CRVAL2: 0, LONPOLE: 90, LATPOLE: -40 })],
      ['LONPOLE 0 of a zenithal one', image('TAN', { LONPOLE: 0, CDELT1: -0.01, CDELT2: 0.01 })],
    ])
  })

  it('the sky among other axes of a cube', () => {
    const cube = { NAXIS: 3, NAXIS3: 7, CTYPE3: 'FREQ', CRVAL3: 1.4e9, CDELT3: 1e6, CRPIX3: 1 }
    const small = { CDELT1: -1e-3, CDELT2: 1e-3 }
    agree([
      ['behind', image('SIN', { ...small, ...cube })],
      ['with PC of the third axis', image('SIN', { ...small, ...cube, PC3_3: 1, PC1_2: 0.1 })],
      [
        'with more world axes',
        image('SIN', {
          ...small,
          WCSAXES: 4,
          CTYPE3: 'VOPT-F2W',
          RESTFRQ: 1.42e9,
          CRVAL3: 1e6,
          CTYPE4: 'STOKES',
        }),
      ],
    ])
    const first = image('TAN', {
      ...small,
      NAXIS: 3,
      NAXIS3: SIZE,
      CTYPE1: 'VELO',
      CTYPE2: 'RA---TAN',
      CTYPE3: 'DEC--TAN',
      CRVAL2: 30,
      CRVAL3: 50,
      CDELT3: 1e-3,
      CRPIX3: 4,
    })
    assert.deepEqual(celestialWcs(headerOf(headerText(first)))!.axes, [1, 2])
    agree([['before', first]])
  })

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

  it('what cannot be placed for certain is refused, with a reason', () => {
    const refused: [Values, RegExp][] = [
      [image('XYZ'), /the projection XYZ is not known/],
      [image('TAB'), /the projection TAB is not known/],
      [image('TAN', { CTYPE2: 'DEC--SIN' }), /two projections/],
      [image('TAN', { CTYPE2: 'FREQ' }), /has no partner/],
      [image('TAN', { CTYPE2: 'GLAT-TAN' }), /two systems/],
      [image('TAN', { CDELT1: 0 }), /singular/],
      [image('TAN', { CD1_1: 1e-4, CD1_2: 1e-4, CD2_1: 1e-4, CD2_2: 1e-4 }), /singular/],
      [image('TAN', { CUNIT1: 'm' }), /CUNIT1 = 'm' is no unit of an angle/],
      [image('TAN', { CRVAL1: '83.2' }), /CRVAL1 is "83.2[^"]*", not a number/],
      [image('TAN', { CRVAL2: 95 }), /CRVAL2 is 95, which is no latitude/],
      [image('TAN', { RADESYS: 'GAPPT' }), /RADESYS = 'GAPPT' cannot be placed/],
      [image('TAN', { RADESYS: 'FK4', EQUINOX: 0 }), /EQUINOX is 0/],
      [image('TAN', { CTYPE1: 'HPLN-TAN', CTYPE2: 'HPLT-TAN' }), /HPLN is no system/],
      [image('SIN', { PV1_7: 1 }), /PV1_7 means nothing/],
      [image('COE'), /COE needs PV_1/],
      [image('ZPN'), /ZPN without PV_1/],
      [image('CEA', { PV2_1: 7 }), /CEA with PV_1/],
      [image('CAR', { CRVAL2: 40, LONPOLE: 90 }), /LONPOLE/],
      [image('TNX'), /they do not say what the projection is/],
      [image('TPV', { CTYPE1: 'DEC--TPV', CTYPE2: 'RA---TPV' }), /ambiguous/],
      [image('TAN', { A_ORDER: 2 }), /A_ORDER is there without its partner|without its partner/],
      [image('TAN', { CQDIS1: 'Polynomial' }), /CQDIS1 = 'Polynomial' cannot be applied/],
      [image('TAN', { NAXIS: 3, NAXIS3: 5, PC1_3: 0.1 }), /depends on pixel axis 3/],
      [image('TAN', { WCSAXES: 4000 }), /4000 axes/],
    ]
    for (const [values, reason] of refused) {
      assert.throws(
        () => celestialWcs(headerOf(headerText(values))),
        (error: Error) => error instanceof ServiceError && reason.test(error.message),
        JSON.stringify(values),
      )
    }
    for (const none of [
      { NAXIS: 2 },
      image('TAN', { CTYPE1: 'LINEAR', CTYPE2: 'LINEAR' }),
      image('TAN', { CTYPE1: 'FREQ', CTYPE2: 'RA' }),
    ]) {
      assert.equal(celestialWcs(headerOf(headerText(none))), undefined)
    }
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
