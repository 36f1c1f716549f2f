/** Every celestial image of the shared files, and headers of every projection and frame, against astropy. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ServiceError } from '../../src/error.ts'
import { imageOf } from '../../src/fits/image.ts'
import { type CelestialWcs, celestialWcs } from '../../src/fits/wcs/wcs.ts'
import { withoutPython, withoutShared } from '../support/python.ts'
import { astropyWcs, type WcsCase } from './astropy-wcs.ts'
import { allHdus, imageFiles, imagePath, withFile } from './support.ts'
import { compare, grid } from './wcs-compare.ts'
import { agree, headerOf, headerText, image, SIZE, type Values } from './wcs-headers.ts'

const skip = withoutPython('astropy')

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
