/** Where images are, by astropy. */
import { python } from '../../support/python.ts'

export interface AstropyCase {
  readonly file: string
  readonly hdu: number
}

export interface AstropyPlace {
  readonly error?: string
  /** ICRS degrees, of the outer pixel edges; absent where one is off the sky. */
  readonly corners?: readonly (readonly [number, number])[]
  readonly center?: readonly [number, number]
  /** Arcseconds at the centre; absent for what is distorted. */
  readonly scale?: number
  readonly shape: readonly [number, number]
}

const SCRIPT = `
import json, sys, warnings, logging
import numpy as np
warnings.simplefilter('ignore'); logging.disable(logging.CRITICAL)
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame
from astropy.coordinates import SkyCoord
import astropy.units as u
np.seterr(all='ignore')
opened = None
for case in json.load(sys.stdin):
    if opened is None or opened[0] != case['file']: opened = (case['file'], fits.open(case['file']))
    try:
        header = opened[1][case['hdu']].header
        w = WCS(header, opened[1], naxis=2) if 'A_ORDER' in header else WCS(header, opened[1])
        sizes = [header['NAXIS%d' % (i + 1)] for i in range(header['NAXIS'])]
        axes = [w.wcs.lng, w.wcs.lat]
        order = sorted(axes)
        if w.naxis != 2: w = w.celestial
        nx, ny = sizes[order[0]], sizes[order[1]]
        frame = wcs_to_celestial_frame(w)
        pixels = np.array([[-.5, -.5], [-.5, ny - .5], [nx - .5, ny - .5], [nx - .5, -.5], [(nx - 1) / 2, (ny - 1) / 2], [(nx - 1) / 2 + .5, (ny - 1) / 2], [(nx - 1) / 2 - .5, (ny - 1) / 2], [(nx - 1) / 2, (ny - 1) / 2 + .5], [(nx - 1) / 2, (ny - 1) / 2 - .5]])
        sky = w.all_pix2world(pixels, 0)[:, [w.wcs.lng, w.wcs.lat]]
        c = SkyCoord(sky[:, 0] * u.deg, sky[:, 1] * u.deg, frame=frame).icrs
        pairs = [[float(a), float(b)] for a, b in zip(c.ra.deg, c.dec.deg)]
        answer = dict(shape=[sizes[a] for a in axes])
        if not np.isnan(pairs[:4]).any(): answer['corners'] = pairs[:4]
        if not np.isnan(pairs[4]).any(): answer['center'] = pairs[4]
        if not np.isnan(pairs).any():
            v = c.cartesian.xyz.value.T
            answer['scale'] = float(np.degrees(np.sqrt(np.linalg.norm(np.cross(v[5] - v[6], v[7] - v[8])))) * 3600)
    except Exception as e:
        answer = dict(error=repr(e))
    print(json.dumps(answer))
`

export function obscoreOf(cases: readonly AstropyCase[]): AstropyPlace[] {
  const lines = python(SCRIPT, JSON.stringify(cases)).toString('utf8').trim().split('\n')
  return lines.map(line => JSON.parse(line) as AstropyPlace)
}
