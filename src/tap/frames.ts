/** Coordinate and time systems of a result's columns (VOTable 1.4 §3.4–3.5), as far as they are known. */
import type { ColumnSource } from '../adql/index.ts'
import type { Tables } from '../adql/tables.ts'
import type { CooSys } from '../votable/document.ts'
import type { Field } from '../votable/field.ts'
import type { Systems } from '../votable/table-source.ts'

const ICRS: CooSys = { id: 'icrs', system: 'ICRS' }

/**
 * Fields that refer to their COOSYS or TIMESYS: to the one that came with the column, in a file or an upload. Other
 * positions, proper motions and their errors (UCDs with `pos.eq`) are ICRS when their table is searched by position,
 * since that search takes them for ICRS; of other tables nothing is known.
 */
export function withFrames(
  fields: readonly Field[],
  sources: readonly (ColumnSource | undefined)[],
  tables: Tables,
  known: readonly Systems[],
): { readonly fields: readonly Field[] } & Systems {
  const isSearched = (source: ColumnSource | undefined) =>
    source !== undefined &&
    tables.all.some(t => t.schema === source.schema && t.name === source.table && t.position !== undefined)
  const framed = fields.map((field, i) =>
    field.ref === undefined && /(^|;)pos\.eq(\.|;|$)/.test(field.ucd ?? '') && isSearched(sources[i])
      ? { ...field, ref: ICRS.id }
      : field,
  )
  const used = new Set(framed.map(field => field.ref))
  const usedOf = <T extends { readonly id: string }>(systems: readonly T[]) => [
    ...new Map(systems.filter(({ id }) => used.has(id)).map(system => [system.id, system])).values(),
  ]
  return {
    fields: framed,
    cooSys: usedOf([ICRS, ...known.flatMap(one => one.cooSys)]),
    timeSys: usedOf(known.flatMap(one => one.timeSys)),
  }
}

/** The table that all columns come from, as `schema.table`; undefined when they come from several or from none. */
export function onlyTable(sources: readonly (ColumnSource | undefined)[]): string | undefined {
  const names = new Set(sources.map(source => source && `${source.schema}.${source.table}`))
  const [name] = names
  return names.size === 1 ? name : undefined
}
