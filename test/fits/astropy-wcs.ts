/** World coordinates by astropy for the same pixels. */
import { python } from '../support/python.ts'

export interface WcsCase {
  readonly name: string
  /** A file and its HDU, or the header as text. */
  readonly file?: string
  readonly hdu?: number
  readonly header?: string
  /** Pixels, 0-based, along the two celestial axes. */
  readonly pixels: readonly (readonly [number, number])[]
}

export interface WcsAnswer {
  /** Why astropy cannot place the image. */
  readonly error?: string
  /** In the frame of the image and in ICRS; null off the sky. */
  readonly world?: readonly (readonly [number, number] | null)[]
  readonly icrs?: readonly (readonly [number, number] | null)[]
  /** Pixels of those positions again. */
  readonly back?: readonly (readonly [number, number] | null)[]
  /** calc_footprint(center=False) in ICRS. */
  readonly corners?: readonly (readonly [number, number])[]
}

const SCRIPT = `
import json, sys, warnings
import astropy
import numpy as np
warnings.simplefilter('ignore')
import logging; logging.disable(logging.CRITICAL)
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame
from astropy.coordinates import SkyCoord
import astropy.units as u
np.seterr(all='ignore')
def pairs(a):
    return [None if np.isnan(p).any() else [float(p[0]), float(p[1])] for p in a]
opened = {}
def answer(case):
    fobj = None
    if case.get('file'):
        name = case['file']
        if name not in opened:
            opened.clear(); opened[name] = fits.open(name)
        fobj = opened[name]
        header = fobj[case['hdu']].header
    else:
        text = case['header']
        header = fits.Header.fromstring(''.join(l.ljust(80) for l in text.split('\\n')))
    w = WCS(header, fobj, naxis=2) if 'A_ORDER' in header else WCS(header, fobj)
    # Tables were read one node off before astropy 6.1 (#16163).
    if astropy.__version__ < '6.1':
        for t in (w.cpdis1, w.cpdis2, w.det2im1, w.det2im2):
            if t: t.crpix = [c - 1 + 1 / d for c, d in zip(t.crpix, t.cdelt)]
    if w.naxis != 2:
        w = w.celestial
    if w.wcs.lng < 0 or w.wcs.lat < 0: return dict(error='not celestial')
    frame = wcs_to_celestial_frame(w)
    order = [w.wcs.lng, w.wcs.lat]
    world = w.all_pix2world(np.array(case['pixels'], float), 0)
    sky = world[:, order]
    icrs = SkyCoord(sky[:, 0] * u.deg, sky[:, 1] * u.deg, frame=frame).icrs
    good = ~np.isnan(world).any(axis=1)
    back = np.full(world.shape, np.nan)
    try:
        back[good] = w.all_world2pix(world[good], 0, quiet=True)
    except Exception:
        pass
    out = dict(world=pairs(sky), icrs=pairs(np.array([icrs.ra.deg, icrs.dec.deg]).T), back=pairs(back))
    try:
        c = w.calc_footprint(center=False)[:, order]
        c = SkyCoord(c[:, 0] * u.deg, c[:, 1] * u.deg, frame=frame).icrs
        if not np.isnan(c.ra.deg).any(): out['corners'] = pairs(np.array([c.ra.deg, c.dec.deg]).T)
    except Exception: pass
    return out
for case in json.load(sys.stdin):
    try: a = answer(case)
    except Exception as e: a = dict(error=type(e).__name__ + ': ' + str(e).strip().split('\\n')[-1])
    print(json.dumps(a))
`

export function astropyWcs(cases: readonly WcsCase[]): WcsAnswer[] {
  const lines = python(SCRIPT, JSON.stringify(cases)).toString('utf8').trim().split('\n')
  return lines.map(line => JSON.parse(line) as WcsAnswer)
}
