/** Frames of images, as astropy turns them into ICRS and back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Frame, frameChange } from '../../src/sphere/frames.ts'
import { angle, unitVector } from '../../src/sphere/vector.ts'
import { python, withoutPython } from '../support/python.ts'

const DEGREE = Math.PI / 180
const MAS = DEGREE / 3.6e6

const ASTROPY = `
import json, sys, warnings
import numpy as np
from astropy.coordinates import *
from astropy.time import Time
import astropy.units as u
warnings.simplefilter('ignore')
FRAMES = {
    'ICRS': lambda e: ICRS(),
    'GALACTIC': lambda e: Galactic(),
    'SUPERGALACTIC': lambda e: Supergalactic(),
    'FK5': lambda e: FK5(equinox=Time(e, format='jyear')),
    'FK4': lambda e: FK4(equinox=Time(e, format='byear')),
    'FK4-NO-E': lambda e: FK4NoETerms(equinox=Time(e, format='byear')),
    'ECLIPTIC': lambda e: BarycentricMeanEcliptic(equinox=Time(e, format='jyear')),
}
spec = json.load(sys.stdin)
lon, lat = np.array(spec['positions']).T * u.deg
print(json.dumps([
    np.array([c.ra.deg, c.dec.deg]).T.tolist()
    for c in (SkyCoord(lon, lat, frame=FRAMES[f['name']](f.get('equinox'))).icrs for f in spec['frames'])
]))
`

/** The frame, and within how many milliarcseconds it must agree. */
const FRAMES: [Frame, number][] = [
  [{ name: 'ICRS' }, 1e-6],
  [{ name: 'GALACTIC' }, 1e-3],
  [{ name: 'SUPERGALACTIC' }, 1e-3],
  [{ name: 'FK5', equinox: 2000 }, 1e-3],
  [{ name: 'FK5', equinox: 1975.5 }, 1e-3],
  [{ name: 'FK5', equinox: 2026 }, 1e-3],
  [{ name: 'FK4', equinox: 1950 }, 0.01],
  [{ name: 'FK4', equinox: 1975 }, 0.01],
  [{ name: 'FK4', equinox: 1900 }, 0.01],
  [{ name: 'FK4-NO-E', equinox: 1950 }, 0.01],
  // astropy takes the frame bias of IAU 2006 here, not that of FK5.
  [{ name: 'ECLIPTIC', equinox: 2000 }, 40],
  [{ name: 'ECLIPTIC', equinox: 1950 }, 40],
]

test('all over the sky', { skip: withoutPython('astropy') }, () => {
  const positions: [number, number][] = [
    [0, 90],
    [0, -90],
    [123, 89.999],
  ]
  for (let i = 0; i < 60; i++) positions.push([(i * 137.508) % 360, Math.asin(-0.99 + i / 30.2) / DEGREE])
  const spec = JSON.stringify({ positions, frames: FRAMES.map(([frame]) => frame) })
  const expected = JSON.parse(python(ASTROPY, spec).toString()) as [number, number][][]
  for (const [n, [frame, tolerance]] of FRAMES.entries()) {
    const change = frameChange(frame)
    for (const [i, [lon, lat]] of positions.entries()) {
      const from = unitVector(lon * DEGREE, lat * DEGREE)
      const icrs = change.toIcrs(from)
      const [ra, dec] = expected[n]![i]!
      const off = angle(icrs, unitVector(ra * DEGREE, dec * DEGREE)) / MAS
      assert.ok(off < tolerance, `${JSON.stringify(frame)} at ${lon} ${lat}: ${off} mas off`)
      assert.ok(angle(change.fromIcrs(icrs), from) / MAS < 1e-4, `${JSON.stringify(frame)} and back`)
    }
  }
})
