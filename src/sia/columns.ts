/** The columns of an answer: ObsCore's, with the systems of their coordinates, and their SQL. */
import { OBSCORE_COLUMNS } from '../images/obscore.ts'
import type { CooSys, TimeSys } from '../votable/document.ts'
import type { Field } from '../votable/field.ts'

const ICRS: CooSys = { id: 'icrs', system: 'ICRS' }
/** DALI 1.1 §3.3.3: UTC, with a reference position that is not known. */
const MJD: TimeSys = { id: 'mjd', timescale: 'UTC', refposition: 'UNKNOWN', timeorigin: 'MJD-origin' }

export const SYSTEMS = { cooSys: [ICRS], timeSys: [MJD] } as const

export const FIELDS: readonly Field[] = OBSCORE_COLUMNS.map(({ field }) => {
  const ref = /^s_(ra|dec|region)$/.test(field.name)
    ? ICRS.id
    : /^t_m(in|ax)$/.test(field.name)
      ? MJD.id
      : undefined
  return ref === undefined ? field : { ...field, ref }
})

/** Of `almagest.obscore AS o`. */
export const SELECT_LIST = OBSCORE_COLUMNS.map(({ field: { name }, sqlType }) =>
  sqlType === 'spoly'
    ? `adql.degrees(o.${name}) AS ${name}`
    : sqlType === 'timestamp'
      ? `btrim(to_json(o.${name})::text, '"') AS ${name}`
      : `o.${name}`,
).join(', ')
