/**
 * The nearest object of a reference catalogue to each object of light curves: one look into the catalogue's index of
 * positions for each, however many detections it has.
 */
import { sqlType } from '../db/sql-type.ts'
import type { Field } from '../votable/field.ts'
import type { LightCurve } from './light-curve.ts'

export interface Nearest {
  /** `WITH n …` */
  readonly with: string
  /** To `p.c…`, the points. */
  readonly join: string
  readonly select: readonly string[]
  readonly fields: readonly Field[]
}

/** `isAsked` makes the condition that a column has an identifier of those asked for. `curve` has a reference. */
export function nearestOf(curve: LightCurve, isAsked: (column: string) => string): Nearest {
  const { object, at } = curve
  const { table, columns, radiusArcsec } = curve.reference!
  const place = table.position!
  const [ra, dec] = [`r.${quoted(place.ra)}::float8`, `r.${quoted(place.dec)}::float8`]
  const [ora, odec] = [object.position!.ra, object.position!.dec].map(
    column => `o.${quoted(column.sqlName)}::float8`,
  )
  const half = (difference: string) => `sin(radians(${difference}) / 2) ^ 2`
  const distance = `2 * 3600 * degrees(asin(least(1, sqrt(${half(`${dec} - ${odec}`)} + cos(radians(${dec})) * cos(radians(${odec})) * ${half(`${ra} - ${ora}`)}))))`
  const point = `spoint(radians(r.${quoted(place.ra)}), radians(r.${quoted(place.dec)}))`
  const circle = `scircle(spoint(radians(${ora}), radians(${odec})), radians(${radiusArcsec} / 3600.0))`
  const values = columns.map(
    ({ field, sqlName }, i) => `r.${quoted(sqlName)}::${sqlType(field)} AS r${i + 1}`,
  )
  const id = `o.${quoted(object.id.sqlName)}`
  const title = `${table.schema}.${table.name}`
  return {
    with: [
      `WITH n AS MATERIALIZED (SELECT DISTINCT ON (${id}) ${id} AS id, r.* FROM ${sqlTable(object.table)} AS o CROSS JOIN LATERAL`,
      `(SELECT ${[...values, `${distance} AS distance`].join(', ')} FROM ${sqlTable(table)} AS r`,
      `WHERE ${point} <@ ${circle} ORDER BY distance LIMIT 1) AS r`,
      `WHERE ${isAsked(id)} AND ${ora} BETWEEN -360 AND 360 AND ${odec} BETWEEN -90 AND 90 ORDER BY ${id})`,
    ].join(' '),
    join: `LEFT JOIN n ON n.id = p.c${at.id + 1}`,
    select: [...columns.map((_, i) => `n.r${i + 1}`), 'n.distance'],
    fields: [
      ...columns.map(({ field: { id: _, ref: __, ...field } }) => ({
        ...field,
        name: `ref_${field.name}`,
        description: `Of the nearest object of ${title}${field.description ? `: ${field.description}` : ''}`,
      })),
      {
        name: 'ref_distance',
        datatype: 'double',
        unit: 'arcsec',
        ucd: 'pos.angDistance',
        description: `Distance to it; null where none is within ${radiusArcsec} arcsec`,
      },
    ],
  }
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
const sqlTable = (table: { sqlSchema: string; sqlName: string }) =>
  `${quoted(table.sqlSchema)}.${quoted(table.sqlName)}`
