/** Which axes are the sky, in what projection and system (FITS Standard 4.0 §8.2, §8.3; Paper II §2.4, §3.1). */
import { fitsError } from '../header.ts'
import type { WcsKeywords } from './keywords.ts'

export interface CelestialAxes {
  /** World axes of longitude and latitude, from 1. */
  readonly lon: number
  readonly lat: number
  /** What the axes are: RA, GLON, ELON … */
  readonly type: string
  /** Three letters; undefined for linear axes. */
  readonly projection: string | undefined
  /** CTYPEs end with -SIP. */
  readonly sip: boolean
}

interface Kind {
  readonly side: 'lon' | 'lat'
  readonly type: string
  readonly projection: string | undefined
  readonly sip: boolean
}

/** Undefined where no axes are the sky; an error where one of a pair is missing or they do not go together. */
export function celestialAxes(keywords: WcsKeywords): CelestialAxes | undefined {
  const kinds: { axis: number; kind: Kind }[] = []
  for (let axis = 1; axis <= keywords.axes; axis++) {
    const kind = kindOf(keywords.text(`CTYPE${axis}`) ?? '')
    if (kind) kinds.push({ axis, kind })
  }
  // A projected pair comes before a linear one, and of several linear axes the first counts.
  const projected = kinds.filter(({ kind }) => kind.projection !== undefined)
  const candidates = projected.length > 0 ? projected : kinds
  const lon = candidates.find(({ kind }) => kind.side === 'lon')
  const lat = candidates.find(({ kind }) => kind.side === 'lat')
  const refuse = (why: string) => {
    const types = candidates.map(({ axis }) => `CTYPE${axis} = '${keywords.text(`CTYPE${axis}`)}'`).join(', ')
    return fitsError(keywords.title, `${why} (${types})`)
  }
  if (!lon || !lat) {
    // A slice through the sky with one linear axis of it is no image of the sky.
    if (projected.length === 0) return undefined
    throw refuse('a celestial axis has no partner')
  }
  if (projected.length > 2) throw refuse('more than two axes are celestial')
  if (lon.kind.type !== lat.kind.type) {
    if (projected.length === 0) return undefined
    throw refuse('the celestial axes are of two systems')
  }
  if (lon.kind.projection !== lat.kind.projection) throw refuse('the celestial axes have two projections')
  const { type, projection } = lon.kind
  return { lon: lon.axis, lat: lat.axis, type, projection, sip: lon.kind.sip && lat.kind.sip }
}

function kindOf(ctype: string): Kind | undefined {
  const sip = /^.{8}-SIP$/.test(ctype)
  const code = /^(.{4})-(\w{3})(?:-\w{3})?$/.exec(ctype)
  const name = (code ? code[1]! : ctype).replace(/-+$/, '')
  const place = sideOf(name)
  if (!place) return undefined
  const projection = code && code[2] !== 'LOG' ? code[2] : undefined
  return { ...place, projection, sip }
}

/** RA and DEC, xLON and xLAT, xyLN and xyLT. */
function sideOf(name: string): { side: 'lon' | 'lat'; type: string } | undefined {
  if (name === 'RA' || name === 'DEC') return { side: name === 'RA' ? 'lon' : 'lat', type: 'RA' }
  const match = /^(\w)(LON|LAT)$/.exec(name) ?? /^(\w\w)(LN|LT)$/.exec(name)
  if (!match) return undefined
  const side = match[2]!.endsWith('N') ? 'lon' : 'lat'
  return { side, type: `${match[1]}${match[2]!.length === 3 ? 'LON' : 'LN'}` }
}
