import assert from 'node:assert/strict'
import { test } from 'node:test'
import { galacticToIcrs, icrsToGalactic } from '../../src/sphere/galactic.ts'
import { angle, distance, lonLat, positiveAngle, unitVector } from '../../src/sphere/vector.ts'

const DEGREE = Math.PI / 180
const ARCSEC = DEGREE / 3600

test('distance is exact for small angles, right angles and antipodes', () => {
  const cases: [number, number, number, number, number][] = [
    [0, 0, 0, 0, 0],
    [10, 20, 10, 20 + 1e-9, 1e-9],
    [10, 89.9999999, 190, 89.9999999, 2e-7],
    [0, 0, 90, 0, 90],
    [0, 90, 123, -90, 180],
    [30, 40, 210, -40, 180],
    [359.9999999, 0, 0.0000001, 0, 2e-7],
  ]
  for (const [lon1, lat1, lon2, lat2, want] of cases) {
    const got = distance(lon1 * DEGREE, lat1 * DEGREE, lon2 * DEGREE, lat2 * DEGREE) / DEGREE
    assert.ok(
      Math.abs(got - want) <= 2e-14 + want * 1e-7,
      `${lon1} ${lat1} ${lon2} ${lat2}: ${got}, not ${want}`,
    )
    const byVectors = angle(
      unitVector(lon1 * DEGREE, lat1 * DEGREE),
      unitVector(lon2 * DEGREE, lat2 * DEGREE),
    )
    assert.ok(Math.abs(byVectors / DEGREE - want) < 1e-13)
  }
})

test('longitudes come back in [0, 2π)', () => {
  assert.equal(positiveAngle(-Number.MIN_VALUE), 0)
  assert.equal(positiveAngle(2 * Math.PI), 0)
  assert.ok(Math.abs(positiveAngle(-0.5) - (2 * Math.PI - 0.5)) < 1e-15)
  const [lon, lat] = lonLat(unitVector(-1, 0.25))
  assert.ok(Math.abs(lon - (2 * Math.PI - 1)) < 1e-15 && Math.abs(lat - 0.25) < 1e-15)
})

test('Galactic coordinates agree with ERFA icrs2g', () => {
  // erfa.icrs2g of pyerfa, degrees.
  const cases: [number, number, number, number][] = [
    [0, 0, 96.33727234341765, -60.188553267593726],
    [266.4168, -29.0078, 359.94424320969074, -0.04613171564527002],
    [83.633, 22.0145, 184.5574102192424, -5.78442475479411],
    [10, 89.9, 122.92631968211657, 27.0283744002413],
    [123.4, -67.8, 281.12864878614397, -17.70965995019928],
    [0, -90, 302.93192, -27.128250000000005],
  ]
  for (const [ra, dec, l, b] of cases) {
    const there = icrsToGalactic(ra * DEGREE, dec * DEGREE)
    assert.ok(distance(...there, l * DEGREE, b * DEGREE) < 1e-5 * ARCSEC, `${ra} ${dec} to Galactic`)
    const back = galacticToIcrs(...there)
    assert.ok(distance(...back, ra * DEGREE, dec * DEGREE) < 1e-9 * ARCSEC, `${ra} ${dec} and back`)
  }
})
