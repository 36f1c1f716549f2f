/**
 * {links} (DataLink 1.1): for each object its row, its light curves, a picture, and the service that makes them; for
 * each image what `image-links` has.
 */

import { ANONYMOUS, type Identity } from '../auth/identity.ts'
import { labelled } from '../dali/faults.ts'
import type { Database } from '../db/database.ts'
import type { ServiceError } from '../error.ts'
import { chooseFormat } from '../formats/index.ts'
import { LINKS_ID } from '../votable/descriptor.ts'
import type { DocumentHead } from '../votable/document.ts'
import type { Field } from '../votable/field.ts'
import type { Outcome, RowBatch } from '../votable/row.ts'
import { selfDescriptor, timeSeriesDescriptor } from './descriptor.ts'
import { idFault, parseId } from './ids.ts'
import { imageLinks } from './image-links.ts'
import type { LightCurve } from './light-curve.ts'
import { type Cell, rowBatch } from './rows.ts'
import { arrayText } from './select.ts'

const text = (name: string, ucd: string, description: string): Field => ({
  name,
  datatype: 'char',
  arraysize: '*',
  ucd,
  description,
})

/** XML ID of the column of identifiers. */
const ID_REF = 'ID'

/** DataLink 1.1 §3.2. */
const FIELDS: readonly Field[] = [
  { ...text('ID', 'meta.id;meta.main', 'Identifier as it was given'), id: ID_REF },
  text('access_url', 'meta.ref.url', 'Where the resource is'),
  text('service_def', 'meta.ref', 'ID of the service descriptor in this document'),
  text('error_message', 'meta.code.error', 'Why there is no link'),
  text('description', 'meta.note', 'What it is'),
  text('semantics', 'meta.code', 'Term of http://www.ivoa.net/rdf/datalink/core'),
  text('content_type', 'meta.code.mime', 'Media type'),
  {
    name: 'content_length',
    datatype: 'long',
    unit: 'byte',
    ucd: 'phys.size;meta.file',
    description: 'Size of the resource',
  },
  text('content_qualifier', 'meta.code', 'Kind of the data'),
  text('local_semantics', 'meta.code', 'What the link is, in words of this service'),
  text('link_auth', 'meta.code', 'Whether login is needed'),
  {
    name: 'link_authorized',
    datatype: 'boolean',
    ucd: 'meta.code',
    description: 'Whether you may follow the link',
  },
]

const INTEGER_ID: Field = { name: 'ID', datatype: 'long', ucd: 'meta.id;meta.main', id: ID_REF }

/** DataLink 1.1 §3.3. */
export const LINKS_TYPE = 'application/x-votable+xml;content=datalink'

export interface LinksAnswer {
  readonly contentType: string
  readonly chunks: AsyncIterable<Uint8Array>
  readonly outcome: Outcome
}

/**
 * `origin` is the URL of the whole service. `integerIds`: IDs that are all integers come as such, against the standard,
 * for pyvo, whose iter_datalinks compares them with the values of the column that it sent. What is wrong with one
 * identifier is a row of its own.
 */
export async function links(
  db: Database,
  curves: readonly LightCurve[],
  origin: string,
  given: readonly string[],
  responseFormat: string | undefined,
  identity: Identity,
  integerIds: boolean,
): Promise<LinksAnswer> {
  const datalink = /^application\/x-votable\+xml\s*;\s*content="?datalink"?$/i.test(
    responseFormat?.trim() ?? '',
  )
  const format = chooseFormat(
    !responseFormat || datalink ? 'application/x-votable+xml;serialization=TABLEDATA' : responseFormat,
  )
  const baseUrl = `${origin}/datalink`
  const images = await imageLinks(db, identity, origin, given, ID_REF)
  const objects = given.filter(id => !images.rows.has(id))
  const found = await knownIds(db, curves, objects, identity)
  const closed = found.size > 0 ? await closedTables(db, curves) : new Set<Table>()
  const rows = given.flatMap((id): readonly (readonly Cell[])[] => {
    const image = images.rows.get(id)
    if (image) return image
    const target = targetOf(curves, id)
    if (typeof target === 'string') return [faultRow(id, target)]
    if (!found.has(keyOf(target))) {
      const { table } = target.curve.object
      return [faultRow(id, `NotFoundFault: ${table.schema}.${table.name} has no object ${target.id}`)]
    }
    return linkRows(curves, closed, target, origin, id)
  })
  const outcome: Outcome = { rows: rows.length, overflow: false, error: undefined }
  const integers =
    integerIds && given.length > 0 && given.every(id => idFault({ idType: 'bigint' }, id) === undefined)
  const fields = integers ? [INTEGER_ID, ...FIELDS.slice(1)] : FIELDS
  const head: DocumentHead = {
    infos: [{ name: 'standardID', value: LINKS_ID }],
    resources: [
      ...(objects.length > 0 || given.length === 0 ? curves : []).map((curve, n) =>
        timeSeriesDescriptor(curve, baseUrl, descriptorId(n), undefined, given.length === 1 ? given[0] : ''),
      ),
      ...images.resources,
      selfDescriptor(baseUrl),
    ],
  }
  const batches = inOne(fields, rows, format.writer.wire)
  return {
    contentType: responseFormat && !datalink ? format.contentType : LINKS_TYPE,
    chunks: format.writer.write({ fields, batches, outcome }, head),
    outcome,
  }
}

async function* inOne(
  fields: readonly Field[],
  rows: readonly (readonly Cell[])[],
  wire: 'binary' | 'text',
): AsyncGenerator<RowBatch> {
  if (rows.length > 0) yield rowBatch(fields, rows, wire)
}

const descriptorId = (n: number) => `lightcurve_${n + 1}`

/** An object, with the light curve whose object table it is in. */
interface Target {
  readonly curve: LightCurve
  readonly id: string
}

const objectTable = ({ object: { table } }: LightCurve) => `${table.schema}.${table.name}`
const keyOf = ({ curve, id }: Target) => `${objectTable(curve)}?${id}`

/** The object that an identifier means, or the fault (DataLink 1.1 §3.4). */
function targetOf(curves: readonly LightCurve[], given: string): Target | string {
  const { table, id } = parseId(given)
  const curve =
    table === undefined
      ? curves[0]
      : curves.find(one => objectTable(one).toLowerCase() === table.toLowerCase())
  if (!curve) return `NotFoundFault: there are no links for ${table ?? 'any table'}`
  const fault = idFault(curve, id)
  if (fault) return `UsageFault: ${id.slice(0, 60)} ${fault}`
  return { curve, id: curve.idType === 'text' ? id : String(BigInt(id.replace(/^\+/, ''))) }
}

async function knownIds(
  db: Database,
  curves: readonly LightCurve[],
  given: readonly string[],
  identity: Identity,
): Promise<ReadonlySet<string>> {
  const byTable = new Map<string, Target[]>()
  for (const id of given) {
    const target = targetOf(curves, id)
    if (typeof target === 'string') continue
    const same = byTable.get(objectTable(target.curve))
    if (same) same.push(target)
    else byTable.set(objectTable(target.curve), [target])
  }
  const known = new Set<string>()
  for (const targets of byTable.values()) {
    const { curve } = targets[0]!
    const { table, id } = curve.object
    const rows = await db.transaction(async client => {
      await client.query(`SET LOCAL ROLE ${quoted(identity.role)}`)
      return client.query<{ id: string }>(
        `SELECT ${quoted(id.sqlName)}::text AS id FROM ${quoted(table.sqlSchema)}.${quoted(table.sqlName)}
          WHERE ${quoted(id.sqlName)} = ANY($1::${curve.idType}[])`,
        [arrayText(targets.map(target => target.id))],
      )
    })
    for (const row of rows) known.add(keyOf({ curve, id: row.id }))
  }
  return known
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

function faultRow(id: string, message: string): readonly Cell[] {
  return [id, null, null, message, null, '#this', null, null, null, null, null, null]
}

type Table = LightCurve['tables'][number]

/** Tables of light curves that are not for everybody (src/db/roles.ts). */
async function closedTables(db: Database, curves: readonly LightCurve[]): Promise<ReadonlySet<Table>> {
  const tables = [...new Set(curves.flatMap(curve => curve.tables))]
  const rows = await db.query<{ closed: boolean }>(
    `SELECT NOT has_table_privilege($2::name, name, 'SELECT') AS closed
       FROM unnest($1::text[]) WITH ORDINALITY AS t(name, n) ORDER BY n`,
    [tables.map(({ sqlSchema, sqlName }) => `${quoted(sqlSchema)}.${quoted(sqlName)}`), ANONYMOUS.role],
  )
  return new Set(tables.filter((_, i) => rows[i]!.closed))
}

function linkRows(
  curves: readonly LightCurve[],
  closed: ReadonlySet<Table>,
  { curve, id }: Target,
  origin: string,
  given: string,
): readonly (readonly Cell[])[] {
  const link = (
    semantics: string,
    url: string,
    description: string,
    type: string,
    qualifier: string | null,
    local: string,
    auth: string,
  ): readonly Cell[] => [
    given,
    url,
    null,
    null,
    description,
    semantics,
    type,
    null,
    qualifier,
    local,
    auth,
    true,
  ]
  const { table, id: idColumn } = curve.object
  const loginFor = (tables: readonly Table[]) => (tables.some(one => closed.has(one)) ? 'true' : 'false')
  const literal = curve.idType === 'text' ? `'${id.replaceAll("'", "''")}'` : id
  const query = `SELECT * FROM ${quoted(table.schema)}.${quoted(table.name)} WHERE ${quoted(idColumn.field.name)} = ${literal}`
  const rows = [
    link(
      '#this',
      `${origin}/tap/sync?${new URLSearchParams({ LANG: 'ADQL', QUERY: query })}`,
      `The row of ${objectTable(curve)}`,
      'application/x-votable+xml',
      null,
      'row',
      loginFor([table]),
    ),
  ]
  curves.forEach((one, n) => {
    if (objectTable(one) !== objectTable(curve)) return
    const auth = loginFor(one.tables)
    const url = `${origin}/datalink/timeseries?${new URLSearchParams({ TABLE: one.name, ID: id, DETAIL: 'principal' })}`
    rows.push(
      link('#auxiliary', url, one.title, 'application/x-votable+xml', '#timeseries', 'light-curve', auth),
      [
        given,
        null,
        descriptorId(n),
        null,
        `${one.title}: bands, times, bins, folding, periodogram`,
        '#proc',
        'application/x-votable+xml',
        null,
        '#timeseries',
        'light-curve-service',
        auth,
        true,
      ],
      link(
        '#preview',
        `${url}&RESPONSEFORMAT=image%2Fsvg%2Bxml`,
        'Light curve as a picture',
        'image/svg+xml',
        '#image',
        'light-curve-picture',
        auth,
      ),
      link(
        '#preview-plot',
        `${url}&RESPONSEFORMAT=image%2Fpng`,
        'Light curve as a picture',
        'image/png',
        '#image',
        'light-curve-picture',
        auth,
      ),
    )
  })
  return rows
}

/** Whole requests that cannot be answered (DataLink 1.1 §3.4): the label before the message. */
export function linksError(error: ServiceError): ServiceError {
  return labelled(error, { notFound: 'NotFoundFault' })
}
