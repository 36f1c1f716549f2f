/** Which columns are the position of a row: by UCD, or else by name. */
import type { Field } from './field.ts'

/** UCD1+, then the old UCD1 of VizieR's files. */
const UCDS: readonly (readonly [RegExp, RegExp])[] = [
  [/^pos\.eq\.ra;meta\.main$/i, /^pos\.eq\.dec;meta\.main$/i],
  [/^POS_EQ_RA_MAIN$/i, /^POS_EQ_DEC_MAIN$/i],
  [/^pos\.eq\.ra$/i, /^pos\.eq\.dec$/i],
  [/^POS_EQ_RA$/i, /^POS_EQ_DEC$/i],
]

/** Pairs of names that surveys use, in the order of preference. */
const NAMES = `ra dec, raj2000 dej2000, _raj2000 _dej2000, ra_icrs de_icrs, ra_icrs dec_icrs, raicrs deicrs,
ra_deg dec_deg, radeg decdeg, radeg dedeg, coord_ra coord_dec, ra_j2000 dec_j2000, ra_j2000 de_j2000, raj2000 decj2000,
s_ra s_dec, alpha_j2000 delta_j2000, alphawin_j2000 deltawin_j2000, alphapeak_j2000 deltapeak_j2000, alpha delta,
ramean decmean, rastack decstack, ra_mean dec_mean, _ra _de, _ra.icrs _de.icrs, ra2000 dec2000, ra_2000 dec_2000,
right_ascension declination, rightascension declination, ra_1 dec_1, target_ra target_dec, obj_ra obj_dec, ra de`
  .split(/,\s*/)
  .map(pair => pair.split(' ') as [string, string])

const TO_DEGREES: readonly (readonly [RegExp, number])[] = [
  [/^(deg|degs|degree|degrees|°)$/i, 1],
  [/^(rad|rads|radian|radians)$/i, 180 / Math.PI],
  [/^(h|hr|hrs|hour|hours|hourangle)$/i, 15],
  [/^arcmin$/i, 1 / 60],
  [/^arcsec$/i, 1 / 3600],
]

export interface PositionPair {
  /** Indexes among the fields. */
  readonly ra: number
  readonly dec: number
}

/** Undefined when there is none, or more than one by UCD and none by name. Columns of floats by default. */
export function findPair(fields: readonly Field[], isCandidate = isReal): PositionPair | undefined {
  return byUcd(fields, isCandidate) ?? byName(fields, isCandidate)
}

/** Galactic longitude and latitude, in `ra` and `dec`. Columns `l` and `b` must be in degrees to be taken for that. */
export function findGalactic(fields: readonly Field[]): PositionPair | undefined {
  const having = (ucd: RegExp, names: readonly string[], letter: string) => {
    const found = fields.flatMap((field, i) => (isReal(field) && ucd.test(field.ucd ?? '') ? [i] : []))
    if (found.length === 1) return found[0]!
    return fields.findIndex(field => {
      const name = field.name.toLowerCase()
      return isReal(field) && (names.includes(name) || (name === letter && /^deg/.test(field.unit ?? '')))
    })
  }
  const ra = having(/^(pos\.galactic\.lon(;meta\.main)?|POS_GAL_LON)$/i, ['glon', 'gal_lon', 'gal_l'], 'l')
  const dec = having(/^(pos\.galactic\.lat(;meta\.main)?|POS_GAL_LAT)$/i, ['glat', 'gal_lat', 'gal_b'], 'b')
  return ra >= 0 && dec >= 0 ? { ra, dec } : undefined
}

/** What turns a value of the unit into degrees; undefined for a unit that is none of an angle. */
export function degreesIn(unit: string): number | undefined {
  return TO_DEGREES.find(([pattern]) => pattern.test(unit.trim()))?.[1]
}

function byUcd(fields: readonly Field[], isCandidate: typeof isReal): PositionPair | undefined {
  for (const [raUcd, decUcd] of UCDS) {
    const having = (ucd: RegExp) =>
      fields.flatMap((field, i) =>
        isCandidate(field) && ucd.test(field.ucd?.replace(/\s/g, '') ?? '') ? [i] : [],
      )
    const [ras, decs] = [having(raUcd), having(decUcd)]
    if (ras.length === 1 && decs.length === 1) return { ra: ras[0]!, dec: decs[0]! }
  }
  return undefined
}

function byName(fields: readonly Field[], isCandidate: typeof isReal): PositionPair | undefined {
  const named = (name: string) =>
    fields.findIndex(field => isCandidate(field) && field.name.toLowerCase() === name)
  for (const [raName, decName] of NAMES) {
    const [ra, dec] = [named(raName), named(decName)]
    if (ra >= 0 && dec >= 0) return { ra, dec }
  }
  return undefined
}

export function isReal(field: Field): boolean {
  return field.arraysize === undefined && (field.datatype === 'double' || field.datatype === 'float')
}
