/** Footprints of the shared images against astropy's corners, and of images over poles, RA 0 and the whole sky. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseHeader } from '../../src/fits/header.ts'
import { imageOf } from '../../src/fits/image.ts'
import { type Footprint, footprint } from '../../src/fits/wcs/footprint.ts'
import { type CelestialWcs, celestialWcs, type Position } from '../../src/fits/wcs/wcs.ts'
import { angle, cross, distance, dot, unitVector, type Vector } from '../../src/sphere/vector.ts'
import { withoutPython, withoutShared } from '../support/python.ts'
import { astropyWcs, type WcsCase } from './astropy-wcs.ts'
import { allHdus, imageFiles, imagePath, withFile } from './support.ts'

const DEGREE = Math.PI / 180
const vector = ([lon, lat]: Position) => unitVector(lon * DEGREE, lat * DEGREE)
const apart = (a: Position, b: Position) =>
  distance(a[0] * DEGREE, a[1] * DEGREE, b[0] * DEGREE, b[1] * DEGREE)

/** Distance to a great-circle arc shorter than half a turn. */
function toArc(v: Vector, a: Vector, b: Vector): number {
  const pole = cross(a, b)
  const inside = dot(cross(pole, a), v) >= 0 && dot(cross(b, pole), v) >= 0
  if (!inside || Math.hypot(...pole) < 1e-15) return Math.min(angle(v, a), angle(v, b))
  return Math.abs(Math.asin(dot(v, pole) / Math.hypot(...pole)))
}

/** The outer edge, sampled finely, lies on the polygon within a pixel; the polygon turns the way it should. */
function checkOutline(
  name: string,
  wcs: CelestialWcs,
  width: number,
  height: number,
  shape: Footprint,
): void {
  assert.equal(shape.kind, 'polygon', name)
  if (shape.kind !== 'polygon') return
  const outline = shape.vertices.map(vector)
  const pixel = apart(wcs.skyOf(width / 2, height / 2)!, wcs.skyOf(width / 2 + 1, height / 2)!)
  for (let i = 0; i < 100; i++) {
    const t = i / 100
    for (const [x, y] of [
      [t * width - 0.5, -0.5],
      [t * width - 0.5, height - 0.5],
      [-0.5, t * height - 0.5],
      [width - 0.5, t * height - 0.5],
    ] as const) {
      const v = vector(wcs.skyOf(x, y)!)
      const off = Math.min(...outline.map((a, n) => toArc(v, a, outline[(n + 1) % outline.length]!)))
      assert.ok(off < 1.5 * pixel, `${name}: the edge at ${x} ${y} is ${off / pixel} px from the polygon`)
    }
  }
  const center = vector(wcs.skyOf((width - 1) / 2, (height - 1) / 2)!)
  const turning = outline.reduce(
    (sum, v, n) => sum + dot(cross(v, outline[(n + 1) % outline.length]!), center),
    0,
  )
  assert.ok(turning < 0, `${name} is not counter-clockwise from inside`)
}

const skip = withoutPython('astropy') || withoutShared('data/images')

test('corners of every shared image', { skip }, async () => {
  const cases: WcsCase[] = []
  const found: (Footprint | undefined)[] = []
  for (const name of imageFiles()) {
    await withFile(imagePath(name), async source => {
      for (const hdu of await allHdus(source)) {
        const image = imageOf(hdu)
        const wcs = image && image.shape.length > 1 ? celestialWcs(image.header) : undefined
        if (!image || !wcs) continue
        const [width, height] = [image.shape[wcs.axes[0]]!, image.shape[wcs.axes[1]]!]
        const shape = footprint(wcs, width, height)
        cases.push({
          name: `${name}, HDU ${hdu.index}`,
          file: imagePath(name),
          hdu: hdu.index,
          pixels: [[0, 0]],
        })
        found.push(shape)
        assert.ok(shape, name)
        if (!name.startsWith('allsky_')) checkOutline(name, wcs, width, height, shape)
        else assert.deepEqual(shape, { kind: 'circle', center: [0, 0], radiusDeg: 180 })
      }
    })
  }
  const answers = astropyWcs(cases)
  let compared = 0
  for (const [i, { name }] of cases.entries()) {
    const shape = found[i]!
    if (shape.kind !== 'polygon') continue
    for (const [n, corner] of answers[i]!.corners!.entries()) {
      const off = apart(corner, shape.corners[n]!) / DEGREE
      assert.ok(off < 1e-9, `${name}: corner ${n} is ${off}° off`)
    }
    compared++
  }
  assert.ok(compared >= 74, `${compared} polygons compared`)
})

function synthetic(values: Record<string, string | number>): CelestialWcs {
  const cards = Object.entries(values).map(([keyword, value]) =>
    (typeof value === 'string'
      ? `${keyword.padEnd(8)}= '${value}'`
      : `${keyword.padEnd(8)}= ${value}`
    ).padEnd(80),
  )
  const text = [...cards, 'END'.padEnd(80)].join('')
  return celestialWcs(parseHeader(Buffer.from(text.padEnd(5760), 'latin1'), 0))!
}

const tan = (ra: number, dec: number, step: number, more: Record<string, string | number> = {}) =>
  synthetic({
    CTYPE1: 'RA---TAN',
    CTYPE2: 'DEC--TAN',
    CRVAL1: ra,
    CRVAL2: dec,
    CRPIX1: 50.5,
    CRPIX2: 50.5,
    CDELT1: -step,
    CDELT2: step,
    ...more,
  })

test('straight edges need four vertices, over the poles and RA 0 too', () => {
  for (const [ra, dec] of [
    [150, 2],
    [0, 0],
    [0, 90],
    [123, -90],
    [10, 89.99],
  ] as const) {
    const wcs = tan(ra, dec, 0.001)
    const shape = footprint(wcs, 100, 100)!
    checkOutline(`${ra} ${dec}`, wcs, 100, 100, shape)
    assert.ok(shape.kind === 'polygon' && shape.vertices.length === 4)
  }
})

test('curved edges have more vertices, and not too many', () => {
  const car = tan(0, 0, 0.1, { CTYPE1: 'GLON-CAR', CTYPE2: 'GLAT-CAR', CRPIX2: -600 })
  const sip = tan(30, 40, 0.001, { A_ORDER: 2, B_ORDER: 2, A_0_2: 1e-3, B_2_0: -2e-3 })
  for (const wcs of [car, sip]) {
    const shape = footprint(wcs, 100, 100)!
    checkOutline('curved', wcs, 100, 100, shape)
    assert.ok(shape.kind === 'polygon' && shape.vertices.length > 4 && shape.vertices.length <= 256)
  }
})

test('what no polygon outlines has a circle', () => {
  const sphere = { kind: 'circle', center: [0, 0], radiusDeg: 180 }
  for (const code of ['AIT', 'MOL', 'CAR', 'HPX', 'TSC']) {
    const wcs = tan(30, 0, 4, { CTYPE1: `RA---${code}`, CTYPE2: `DEC--${code}` })
    assert.deepEqual(footprint(wcs, 100, 100), sphere, code)
  }
  const disk = tan(30, 40, 1, {
    CTYPE1: 'RA---SIN',
    CTYPE2: 'DEC--SIN',
    CDELT1: -0.5,
    CDELT2: 0.5,
    CRPIX1: 150,
    CRPIX2: 150,
  })
  const shape = footprint(disk, 300, 300)!
  assert.deepEqual(shape, sphere)
  // Half of the disk is off the image: less than a hemisphere.
  const part = footprint(
    tan(30, 40, 1, { CTYPE1: 'RA---SIN', CTYPE2: 'DEC--SIN', CRPIX1: 1, CRPIX2: 1 }),
    60,
    60,
  )!
  assert.ok(part.kind === 'circle' && part.radiusDeg < 90)
  for (const [x, y] of [
    [0, 0],
    [55, 10],
    [10, 55],
    [39, 39],
  ] as const) {
    const sky = tan(30, 40, 1, { CTYPE1: 'RA---SIN', CTYPE2: 'DEC--SIN', CRPIX1: 1, CRPIX2: 1 }).skyOf(x, y)!
    assert.ok(apart(sky, part.center) / DEGREE < part.radiusDeg)
  }
  assert.equal(
    footprint(tan(0, 0, 1, { CTYPE1: 'RA---AIT', CTYPE2: 'DEC--AIT', CRPIX1: 900 }), 10, 10),
    undefined,
  )
})
