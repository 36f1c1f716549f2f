/** From an instrument's and a filter's name to wavelengths: rows of the site, then what Almagest knows. */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { Client } from '../../db/database.ts'
import { ServiceError } from '../../error.ts'

export interface Band {
  /** Metres. */
  readonly emMin: number
  readonly emMax: number
  /** Arcseconds; where it is the telescope's own. */
  readonly resolution?: number | undefined
  /** What the filter is called, where headers only number it. */
  readonly title?: string | undefined
}

interface FilterRow extends Band {
  readonly instrument: RegExp
  readonly filter: RegExp
}

export type Filters = (instrument: string, names: readonly string[]) => (Band & { name: string }) | undefined

/** The shape of filters.yaml and of files that an operator gives. */
interface Entry {
  readonly instrument: string
  /** Pattern of the name → edges in nm. */
  readonly filters: Readonly<Record<string, readonly [number, number]>>
  readonly resolutions?: readonly number[]
  readonly names?: readonly string[]
  readonly exact?: boolean
}

/** The filters that count for this site. */
export async function openFilters(client: Client): Promise<Filters> {
  const rows = await client.query<{
    instrument: string
    filter: string
    em_min: number
    em_max: number
    s_resolution: number | null
  }>('SELECT * FROM almagest.image_filter ORDER BY instrument, filter')
  const own = rows.map(row => ({
    instrument: new RegExp(row.instrument, 'i'),
    filter: whole(row.filter, 'i'),
    emMin: row.em_min,
    emMax: row.em_max,
    resolution: row.s_resolution ?? undefined,
  }))
  const text = readFileSync(new URL('./filters.yaml', import.meta.url), 'utf8')
  const all: FilterRow[] = [...own, ...(parse(text) as Entry[]).flatMap(rowsOf)]
  return (instrument, names) => {
    const candidates = names.length > 0 ? names : ['']
    for (const row of all) {
      if (!row.instrument.test(instrument)) continue
      const name = candidates.find(one => row.filter.test(one))
      if (name !== undefined) return { ...row, name }
    }
    return undefined
  }
}

const whole = (pattern: string, flags: string) => new RegExp(`^(?:${pattern})$`, flags)

function rowsOf({ instrument, filters, resolutions, names, exact }: Entry): FilterRow[] {
  const flags = exact ? '' : 'i'
  return Object.entries(filters).map(([filter, [low, high]], i) => ({
    instrument: new RegExp(instrument, flags),
    filter: whole(filter, flags),
    emMin: low / 1e9,
    emMax: high / 1e9,
    resolution: resolutions?.[i],
    title: names?.[i],
  }))
}

/**
 * Keeps the filters of a YAML file for this and later ingests: a list of `{ instrument, filters: { name: [nm, nm] } }`
 * as in filters.yaml. Resolves to how many there are in it; throws `usage` for what is wrong with it.
 */
export async function addFilters(client: Client, file: string): Promise<number> {
  const refuse = (why: string) => new ServiceError('usage', `${file}: ${why}`)
  let entries: unknown
  try {
    entries = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw refuse((error as Error).message)
  }
  if (!Array.isArray(entries))
    throw refuse('it must be a list of { instrument, filters: { name: [nm, nm] } }')
  let count = 0
  for (const [n, entry] of entries.entries()) {
    const where = `entry ${n + 1}`
    const { instrument, filters, resolutions } = requireEntry(entry, why => refuse(`${where}: ${why}`))
    for (const [i, [filter, [low, high]]] of Object.entries(filters).entries()) {
      await client.query(
        `INSERT INTO almagest.image_filter VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (instrument, filter) DO UPDATE
           SET em_min = excluded.em_min, em_max = excluded.em_max, s_resolution = excluded.s_resolution`,
        [instrument, filter, low / 1e9, high / 1e9, resolutions?.[i] ?? null],
      )
      count++
    }
  }
  return count
}

function requireEntry(entry: unknown, refuse: (why: string) => ServiceError): Entry {
  const { instrument, filters, resolutions, ...others } = (entry ?? {}) as Record<string, unknown>
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    throw refuse(`unknown key '${unknown}'; known are instrument, filters, resolutions`)
  if (typeof instrument !== 'string') throw refuse(`instrument must be a text, '' for any`)
  if (typeof filters !== 'object' || filters === null) throw refuse('filters must be a mapping of names')
  for (const pattern of [instrument, ...Object.keys(filters)]) {
    try {
      new RegExp(pattern)
    } catch (error) {
      throw refuse((error as Error).message)
    }
  }
  for (const [name, edges] of Object.entries(filters)) {
    const [low, high] = Array.isArray(edges) ? (edges as unknown[]) : []
    const ok = typeof low === 'number' && typeof high === 'number' && low > 0 && high > low && high < 1e12
    if (!ok) throw refuse(`filter ${name} must have two wavelengths in nm, the shorter first`)
  }
  const sizes = resolutions ?? []
  if (!Array.isArray(sizes) || sizes.some(size => typeof size !== 'number' || !(size > 0)))
    throw refuse('resolutions must be a list of arcseconds')
  return { instrument, filters: filters as Entry['filters'], resolutions: sizes as number[] }
}
