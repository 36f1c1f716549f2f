/** A cone search as the ADQL that it is, so that it is planned as a query is; its answer with the columns SCS wants. */
import { type Compiled, compile } from '../adql/index.ts'
import { type TableMeta, type Tables, tablesOf } from '../adql/tables.ts'
import type { Identity } from '../auth/identity.ts'
import type { Limits } from '../config.ts'
import { noRows } from '../dali/maxrec.ts'
import { type TableAnswer, tableAnswer } from '../dali/table.ts'
import type { Database } from '../db/database.ts'
import { selectRows } from '../db/select.ts'
import { shardsAsked } from '../db/shard-hash.ts'
import { ServiceError } from '../error.ts'
import { chooseFormat } from '../formats/index.ts'
import type { Field } from '../votable/field.ts'
import { type ConeColumns, coneColumns } from './columns.ts'
import type { ConeParameters } from './params.ts'

/** What other services have to say about the columns of a result. */
export type Describe = (
  fields: readonly Field[],
  sources: Compiled['sources'],
  identity: Identity,
) => Promise<{ readonly fields: readonly Field[]; readonly resources: readonly string[] }>

export interface ConeDependencies {
  readonly db: Database
  readonly limits: Limits
  readonly describe: Describe
  readonly identity: Identity
  readonly folder: () => Promise<string>
  readonly signal: AbortSignal
}

/** The table of a name, in any case; `notFound` where there is none that can be searched. */
export function searchable(tables: Tables, name: string): TableMeta {
  const table = tables.all.find(one => `${one.schema}.${one.name}`.toLowerCase() === name.toLowerCase())
  if (table && coneColumns(table, 1)) return table
  const [schema = '', inner = ''] = name.split('.')
  const closed = tables.closed?.({ text: schema, delimited: false }, { text: inner, delimited: false })
  if (closed) throw new ServiceError(closed.code, closed.message)
  const why = table
    ? `${name} has no position that can be searched`
    : `there is no table ${name.slice(0, 100)}`
  throw new ServiceError('notFound', `${why}; /tap/tables lists what there is`)
}

export async function runCone(
  deps: ConeDependencies,
  table: TableMeta,
  params: ConeParameters,
): Promise<TableAnswer> {
  const { db, limits, identity, folder, signal } = deps
  const columns = coneColumns(table, params.verb)!
  const maxrec = Math.min(params.maxrec ?? limits.maxrecDefault, limits.maxrecHard)
  const compiled = compile(queryOf(table, columns, params), tablesOf([table]), { maxrec })
  const described = await deps.describe(fieldsOf(compiled.fields, columns), compiled.sources, identity)
  return tableAnswer({
    // Clients of SCS are older than BINARY2.
    format: params.responseFormat
      ? chooseFormat(params.responseFormat)
      : { ...chooseFormat('votable/td'), contentType: 'text/xml;content=x-votable' },
    fields: described.fields,
    head: {
      infos: [{ name: 'standardID', value: 'ivo://ivoa.net/std/ConeSearch' }],
      resources: described.resources,
      cooSys: [ICRS],
      tableName: `${table.schema}.${table.name}`,
    },
    maxrec,
    shards: shardsAsked(compiled.asked),
    fileName: `${table.schema}_${table.name}`.replace(/[^\w.-]/g, '_'),
    rows: async wire =>
      params.sr === 0
        ? noRows()
        : selectRows(db, {
            text: castOf(compiled, columns),
            values: compiled.values,
            fields: described.fields,
            wire,
            role: identity.role,
            seconds: limits.syncSeconds,
            stallSeconds: limits.stallSeconds,
            signal,
            advice: 'Search a smaller cone, or send the query as ADQL to /tap/async.',
          }),
    folder,
  })
}

const ICRS = { id: 'icrs', system: 'ICRS' }

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

function queryOf(table: TableMeta, { all, ra, dec }: ConeColumns, params: ConeParameters): string {
  const names = all.map(({ field }) => quoted(field.name))
  return `SELECT ${names.join(', ')} FROM ${quoted(table.schema)}.${quoted(table.name)}
    WHERE 1 = CONTAINS(POINT(${names[ra]}, ${names[dec]}), CIRCLE(${params.ra}, ${params.dec}, ${params.sr}))`
}

/** The three columns with their UCDs and types; no other has a UCD of theirs. */
function fieldsOf(fields: readonly Field[], { id, ra, dec }: ConeColumns): readonly Field[] {
  return fields.map((field, i): Field => {
    const { arraysize: _, xtype: __, ...scalar } = field
    if (i === id) return { ...scalar, datatype: 'char', arraysize: '*', ucd: 'ID_MAIN' }
    if (i === ra) return { ...scalar, datatype: 'double', unit: 'deg', ucd: 'POS_EQ_RA_MAIN', ref: ICRS.id }
    if (i === dec) return { ...scalar, datatype: 'double', unit: 'deg', ucd: 'POS_EQ_DEC_MAIN', ref: ICRS.id }
    return field
  })
}

function castOf({ text, fields }: Compiled, { id, ra, dec }: ConeColumns): string {
  const names = fields.map((_, i) => `c${i}`)
  const list = names.map((name, i) =>
    i === id ? `q.${name}::text` : i === ra || i === dec ? `q.${name}::float8` : `q.${name}`,
  )
  return `SELECT ${list.join(', ')} FROM (${text}) AS q(${names.join(', ')})`
}
