/** Exposures and their footprints from a table of visits, or of images as ObsCore has them. */
import { compile } from '../adql/index.ts'
import type { TableMeta, Tables } from '../adql/tables.ts'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { tableInAdql } from './catalogue-rows.ts'
import type { Exposure } from './exposure-map.ts'
import { circle, polygon } from './footprint.ts'
import { ownRows, type TextRow } from './own-rows.ts'

export interface ExposureRequest {
  readonly table: TableMeta
  readonly tables: Tables
  /** ADQL of circles around positions, all in degrees, or the column of regions. */
  readonly footprint:
    | { readonly ra: string; readonly dec: string; readonly radius: string }
    | { readonly region: string }
  /** ADQL; undefined where values are not asked for. */
  readonly value: string | undefined
  readonly weight: string | undefined
  readonly where: string | undefined
  readonly signal: AbortSignal
}

export interface Exposures {
  readonly all: readonly Exposure[]
  /** Rows without a footprint, or without the value that is asked for. */
  readonly leftOut: number
}

export async function selectExposures(db: Database, request: ExposureRequest): Promise<Exposures> {
  const { table, tables, footprint, value, weight, where, signal } = request
  const shape = 'region' in footprint ? [footprint.region] : [footprint.ra, footprint.dec, footprint.radius]
  const sql = compile(
    `SELECT ${value ?? '0'} AS map_value, ${weight ?? '1'} AS map_weight, ${shape.join(', ')}
       FROM ${tableInAdql(table)}${where ? ` WHERE ${where}` : ''}`,
    tables,
    { maxrec: undefined },
  )
  const xtype = sql.fields[2]?.xtype
  const footprintOf = 'region' in footprint ? regionReader(footprint.region, xtype) : circleOf
  const all: Exposure[] = []
  let leftOut = 0
  for await (const rows of ownRows(db, sql, signal)) {
    for (const [one, by, ...cells] of rows) {
      const [v, w] = [Number(one ?? Number.NaN), Number(by ?? Number.NaN)]
      const place = cells.some(cell => cell === undefined) ? undefined : footprintOf(cells)
      if (place && Number.isFinite(v) && w > 0) all.push({ footprint: place, value: v, weight: w })
      else leftOut++
    }
  }
  return { all, leftOut }
}

function circleOf(cells: TextRow) {
  const [ra, dec, radius] = cells.map(Number) as [number, number, number]
  return Number.isFinite(ra) && Math.abs(dec) <= 90 && radius > 0 ? circle(ra, dec, radius) : undefined
}

const REGIONS = ['polygon', 'circle', 'adql:REGION']

/** Degrees: DALI 1.1 §3.3.6–7 as PostgreSQL prints an array, or STC-S (TAP 1.0 §6) of one polygon or circle. */
function regionReader(name: string, xtype: string | undefined) {
  if (!REGIONS.includes(xtype ?? ''))
    throw new ServiceError('usage', `${name} is no column of regions; its xtype is ${xtype ?? 'none'}`)
  return ([text]: TextRow) => {
    const kind = /^\s*([a-z]+)/i.exec(text!)?.[1]?.toLowerCase() ?? xtype
    const numbers = text!.match(/(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?/gi) ?? []
    if (kind === 'circle') return circleOf(numbers)
    return kind === 'polygon' && numbers.length >= 6 ? polygon(numbers.map(Number)) : undefined
  }
}
