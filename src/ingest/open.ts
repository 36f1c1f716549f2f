/** Opens a file to load: galactic coordinates get equatorial ones beside them, where there are no others. */
import { type OpenOptions, type OpenTable, openTable } from '../formats/read/open.ts'
import { galacticToIcrs } from '../sphere/galactic.ts'
import { freeName, realOf, withColumns } from '../votable/added-columns.ts'
import type { Field } from '../votable/field.ts'
import { degreesIn, findGalactic, findPair } from '../votable/position.ts'

const DEGREE = Math.PI / 180

export async function openFile(path: string, options: OpenOptions): Promise<OpenTable> {
  const source = await openTable(path, options)
  const { fields } = source
  const pair = findPair(fields) ? undefined : findGalactic(fields)
  const scale = pair && [pair.ra, pair.dec].map(i => degreesIn(fields[i]!.unit ?? 'deg'))
  if (!pair || !scale || scale.includes(undefined)) return source
  const [lon, lat] = [fields[pair.ra]!, fields[pair.dec]!]
  const equatorial = (name: string, ucd: string, what: string): Field => ({
    name: freeName(name, fields),
    datatype: 'double',
    unit: 'deg',
    ucd: `${ucd};meta.main`,
    description: `${what} (ICRS), worked out from ${lon.name} and ${lat.name}`,
  })
  const added = [
    equatorial('ra', 'pos.eq.ra', 'Right ascension'),
    equatorial('dec', 'pos.eq.dec', 'Declination'),
  ]
  const notice = `Columns ${lon.name} and ${lat.name} are galactic: ${added[0]!.name} and ${added[1]!.name} have the ICRS position.`
  const compute: Parameters<typeof withColumns>[1]['compute'] = ([l, b]) => {
    if (!l || !b) return [null, null]
    const [ra, dec] = galacticToIcrs(realOf(l, lon) * scale[0]! * DEGREE, realOf(b, lat) * scale[1]! * DEGREE)
    return Number.isNaN(ra) ? [null, null] : [ra / DEGREE, dec / DEGREE]
  }
  const longer = withColumns(source, { fields: added, from: [pair.ra, pair.dec], compute }, notice)
  return { ...longer, close: source.close }
}
