/** Images for HiPS, made by astropy: noise, with overlaps and some pixels without a value; and how tests build them. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import type { BuildRequest } from '../../src/hips/build.ts'
import { FLOAT32 } from '../../src/hips/image-tile.ts'
import type { HipsImage } from '../../src/hips/input.ts'
import { python } from '../support/python.ts'

/** Writes images named a.fits, b.fits … around a place into a folder. */
export function makeImages(folder: string, ra: number, dec: number, projection = 'TAN', count = 3): void {
  python(
    `
import sys, numpy as np
from astropy.io import fits
folder, ra, dec, projection, count = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4], int(sys.argv[5])
rng = np.random.default_rng(7)
n, scale = 300, 2 / 3600
for k in range(count):
    h = fits.Header()
    a = np.radians(20 * k)
    h['CTYPE1'], h['CTYPE2'] = 'RA---' + projection, 'DEC--' + projection
    h['CRVAL1'], h['CRVAL2'] = ra, dec
    h['CRPIX1'], h['CRPIX2'] = n / 2 + .5 - 220 * (k % 2), n / 2 + .5 - 220 * (k // 2)
    h['CD1_1'], h['CD1_2'], h['CD2_1'], h['CD2_2'] = -scale * np.cos(a), scale * np.sin(a), scale * np.sin(a), scale * np.cos(a)
    h['RADESYS'] = 'ICRS'
    data = rng.normal(10, 1, (n, n)).astype('f4')
    data[40:44, 100:130] = np.nan
    fits.PrimaryHDU(data, h).writeto(f'{folder}/{"abcdefgh"[k]}.fits', overwrite=True)
`,
    '',
    [folder, String(ra), String(dec), projection, String(count)],
  )
}

/** All images of a folder, in the order of their names. */
export function imagesIn(dir: string): HipsImage[] {
  return readdirSync(dir)
    .filter(name => name.endsWith('.fits'))
    .sort()
    .map(name => {
      const location = path.join(dir, name)
      return { name, location, hdu: 0, stamp: `${statSync(location).size} ${statSync(location).mtimeMs}` }
    })
}

/** Path → checksum of every tile. */
export function tilesOf(root: string): Map<string, string> {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(name => /Npix/.test(name))
  return new Map(
    files
      .filter(name => statSync(path.join(root, name)).isFile())
      .sort()
      .map(name => [
        name,
        createHash('sha256')
          .update(readFileSync(path.join(root, name)))
          .digest('hex'),
      ]),
  )
}

/** What a test asks for when it says nothing else. */
export function treeRequest(
  root: string,
  images: readonly HipsImage[],
  spool: string,
  more: Partial<BuildRequest> = {},
): BuildRequest {
  return {
    root,
    images,
    order: undefined,
    frame: 'equatorial',
    formats: ['fits', 'png'],
    storage: FLOAT32,
    look: { stretch: 'linear', cuts: undefined },
    levelled: false,
    force: false,
    spool,
    memoryBytes: 64e6,
    threads: 1,
    report: () => {},
    ...more,
  }
}

export const ABOUT = {
  did: 'ivo://test.invalid/hips/t',
  title: 'Test',
  description: 'A test',
  collection: 't',
  progenitor: 'astropy',
  regime: 'Optical',
  tMin: 60000,
  tMax: 60001,
  emMin: 5e-7,
  emMax: 6e-7,
}
