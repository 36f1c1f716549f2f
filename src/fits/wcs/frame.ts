/** The reference frame of an image: CTYPE, RADESYS and EQUINOX with their defaults (FITS Standard 4.0 §8.3). */
import type { Frame } from '../../sphere/frames.ts'
import { fitsError } from '../header.ts'
import type { WcsKeywords } from './keywords.ts'

export function frameOf(keywords: WcsKeywords, type: string): Frame {
  if (type === 'GLON') return { name: 'GALACTIC' }
  if (type === 'SLON') return { name: 'SUPERGALACTIC' }
  if (type !== 'RA' && type !== 'ELON') {
    throw fitsError(keywords.title, `${type} is no system of the sky that images can be placed in`)
  }
  const system = equatorial(keywords)
  if (type === 'RA') return system
  if (system.name === 'FK4' || system.name === 'FK4-NO-E') {
    throw fitsError(keywords.title, `ecliptic coordinates of ${system.name} cannot be placed`)
  }
  return { name: 'ECLIPTIC', equinox: 'equinox' in system ? system.equinox : 2000 }
}

function equatorial(keywords: WcsKeywords): Frame {
  // RADECSYS is the old spelling; wcslib takes the later of the two, archives write the same.
  const system = (keywords.text('RADESYS') ?? keywords.text('RADECSYS') ?? '').trim().toUpperCase()
  const equinox = keywords.number('EQUINOX') ?? keywords.number('EPOCH')
  const name = system !== '' ? system : equinox === undefined ? 'ICRS' : equinox < 1984 ? 'FK4' : 'FK5'
  switch (name) {
    case 'ICRS':
      return { name }
    case 'FK5':
      return { name, equinox: reasonable(keywords, equinox ?? 2000) }
    case 'FK4':
    case 'FK4-NO-E':
      return { name, equinox: reasonable(keywords, equinox ?? 1950) }
    default:
      throw fitsError(
        keywords.title,
        `RADESYS = '${system}' cannot be placed; ICRS, FK5, FK4 and FK4-NO-E can`,
      )
  }
}

/** Precession is known for some centuries only. */
function reasonable(keywords: WcsKeywords, equinox: number): number {
  if (equinox >= 1800 && equinox <= 2200) return equinox
  throw fitsError(keywords.title, `EQUINOX is ${equinox}; it must be a year between 1800 and 2200`)
}
