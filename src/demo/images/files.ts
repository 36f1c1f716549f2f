/** A patch as FITS files: an image and a weight map in each band. */
import { rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { parseCard } from '../../fits/card.ts'
import { cardText } from '../../fits/card-text.ts'
import { imageHdu } from '../../fits/write.ts'
import { BANDS, EXPOSURE_SECONDS } from '../bands.ts'
import type { Survey } from '../survey.ts'
import { coaddOf, type Patch, PIXEL, SEEING, tangentPoint } from './plan.ts'

/** Keys below the collection's folder, and so names of files. */
export function fileNames(band: number, patch: Patch): { image: string; weight: string } {
  const name = `${BANDS[band]}/demo_${BANDS[band]}_${patch.name}`
  return { image: `${name}.fits`, weight: `${name}_weight.fits.gz` }
}

/** Writes both; a file is there when it is whole. */
export async function writePatch(
  folder: string,
  survey: Survey,
  patch: Patch,
  band: number,
  plane: Float32Array<ArrayBuffer>,
  weight: number,
): Promise<void> {
  const { image, weight: weightName } = fileNames(band, patch)
  const cards = headerCards(survey, patch, band)
  const { size } = patch
  const floats = (stored: Float32Array<ArrayBuffer>) =>
    ({ bitpix: -32, shape: [size, size], stored, scale: 1, zero: 0, blank: undefined }) as const
  const weights = floats(new Float32Array(size * size).fill(weight))
  const weightBytes = imageHdu(
    weights,
    [...cards, card('BUNIT', 'nJy-2', 'inverse variance of the sky')],
    'primary',
  )
  await put(path.join(folder, weightName), [gzipSync(Buffer.concat(weightBytes), { level: 1 })])
  const imageCards = [
    ...cards,
    card('BUNIT', 'nJy', 'per pixel'),
    card('MAGZERO', 31.4, 'AB magnitude of 1 nJy'),
  ]
  await put(path.join(folder, image), imageHdu(floats(plane), imageCards, 'primary'))
}

async function put(file: string, pieces: readonly Buffer[]): Promise<void> {
  await writeFile(`${file}.part`, pieces)
  await rename(`${file}.part`, file)
}

const card = (keyword: string, value: string | number, comment = '') =>
  parseCard(cardText(keyword, value, comment))

function headerCards(survey: Survey, { name, x0, y0 }: Patch, band: number) {
  const [ra, dec] = tangentPoint(survey.footprint)
  const { visits, first, last } = coaddOf(survey, band)
  const half = EXPOSURE_SECONDS / 2 / 86_400
  return [
    card('CTYPE1', 'RA---TAN'),
    card('CTYPE2', 'DEC--TAN'),
    card('CRVAL1', ra, '[deg]'),
    card('CRVAL2', dec, '[deg]'),
    card('CRPIX1', 1 - x0),
    card('CRPIX2', 1 - y0),
    card('CD1_1', -PIXEL / 3600, '[deg]'),
    card('CD1_2', 0),
    card('CD2_1', 0),
    card('CD2_2', PIXEL / 3600, '[deg]'),
    card('CUNIT1', 'deg'),
    card('CUNIT2', 'deg'),
    card('RADESYS', 'ICRS'),
    card('OBJECT', `demo patch ${name.replace('_', ',')}`, 'column, row from the south-east'),
    card('TELESCOP', 'Almagest demo', 'simulated'),
    card('INSTRUME', 'Simulated camera'),
    card('FILTER', BANDS[band]!),
    card('TIMESYS', 'TAI'),
    card('MJD-BEG', first - half, '[d] start of the first visit'),
    card('MJD-END', last + half, '[d] end of the last visit'),
    card('EXPTIME', visits * EXPOSURE_SECONDS, '[s] of all visits'),
    card('NCOMBINE', visits, 'visits'),
    card('SEEING', SEEING, '[arcsec] FWHM of a point source'),
    card('CALIBLEV', 3),
    card('SEED', survey.seed, 'of the simulation'),
  ]
}
