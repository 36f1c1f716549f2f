/** Identifiers of objects: bare, as ivo:// of a row, in lists, in a file, in an uploaded table, from a job's result. */
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type UploadContent, uploadsOf } from '../dali/uploads.ts'
import { ServiceError } from '../error.ts'
import { openTable } from '../formats/read/open.ts'
import type { Job } from '../uws/job.ts'
import type { Storage } from '../uws/storage.ts'
import type { Field } from '../votable/field.ts'
import { wireType } from '../votable/field.ts'
import type { LightCurve } from './light-curve.ts'

/** Identifiers as they were given. */
export interface GivenIds {
  readonly ids: readonly string[]
  /** `schema.table` of ivo:// identifiers. */
  readonly table: string | undefined
  /** Whether one object alone was asked for. */
  readonly one: boolean
}

/** The part of a job's request that holds its identifiers, one a line. */
export const IDS_PART = 'ids'

/**
 * Every identifier of a request: ID, repeated or as a list with commas or blanks; files of them (a part named ID, or
 * `ids`); the tables of UPLOAD.
 */
export async function givenIds(content: UploadContent): Promise<GivenIds> {
  const given = content.parameters.all('ID').flatMap(splitIds)
  const lists: string[] = []
  for (const [part, file] of content.files) {
    if (/^ids?$/i.test(part) && !isUpload(content, part))
      lists.push(...splitIds(await readFile(file, 'utf8')))
  }
  const column = content.parameters.single('COLUMN')
  for (const upload of await uploadsOf(content)) {
    for await (const id of idsOfTable(upload.path, `TAP_UPLOAD.${upload.name}`, column)) lists.push(id)
  }
  const rows = [...given, ...lists].map(parseId)
  const tables = new Set(rows.map(row => row.table).filter(table => table !== undefined))
  if (tables.size > 1)
    throw new ServiceError(
      'usage',
      `ID: identifiers of several tables, ${[...tables].join(' and ')}; ask for one table at a time`,
    )
  const ids = [...new Set(rows.map(row => row.id))]
  return { ids, table: [...tables][0], one: ids.length === 1 && lists.length === 0 }
}

const isUpload = ({ parameters }: UploadContent, part: string) =>
  parameters.all('UPLOAD').some(value => value.toLowerCase().endsWith(`param:${part.toLowerCase()}`))

function splitIds(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter(one => one !== '')
}

/** `ivo://authority/schema.table?id`, or the identifier alone. */
export function parseId(text: string): { table: string | undefined; id: string } {
  const match = /^ivo:\/\/[^/?#]+\/([^?#]+)\?([^?#]+)$/i.exec(text)
  if (!match) return { table: undefined, id: text }
  return { table: decoded(match[1]!), id: decoded(match[2]!) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const RANGE: Readonly<Record<string, bigint>> = { bigint: 63n, integer: 31n, smallint: 15n }

/** Why a text is no identifier of the light curve's objects, or undefined. */
export function idFault(curve: Pick<LightCurve, 'idType'>, id: string): string | undefined {
  if (curve.idType === 'text') return id.includes('\0') ? 'holds a NUL character' : undefined
  if (!/^[+-]?\d+$/.test(id)) return 'is not an integer'
  const limit = 1n << RANGE[curve.idType]!
  const value = id.length > 40 ? limit : BigInt(id.replace(/^\+/, ''))
  return value >= limit || value < -limit
    ? `is beyond the ${RANGE[curve.idType]! + 1n} bits of an identifier`
    : undefined
}

/** The identifiers in the form of the object column, each once, and those that can be none. */
export function sortedIds(
  curve: Pick<LightCurve, 'idType'>,
  given: readonly string[],
): { ids: readonly string[]; badIds: readonly string[] } {
  const ids = new Set<string>()
  const badIds = new Set<string>()
  for (const id of given) {
    if (idFault(curve, id)) badIds.add(id.length > 60 ? `${id.slice(0, 60)}…` : id.replaceAll('\0', ''))
    else ids.add(curve.idType === 'text' ? id : String(BigInt(id.replace(/^\+/, ''))))
  }
  return { ids: [...ids], badIds: [...badIds] }
}

/** The identifiers in a column of a finished job's result. */
export async function idsOfJob(
  job: Job,
  storage: Storage,
  column: string | undefined,
  folder: string,
): Promise<readonly string[]> {
  const result = job.results.find(one => one.id === 'result')
  if (job.phase !== 'COMPLETED' || !result)
    throw new ServiceError(
      'usage',
      `JOB=${job.id} is ${job.phase}; only a COMPLETED job with a result has identifiers`,
    )
  const file = path.join(folder, `job-${job.id}`)
  await pipeline(await storage.read(result.key), createWriteStream(file))
  const ids: string[] = []
  for await (const id of idsOfTable(file, `The result of job ${job.id}`, column)) ids.push(id)
  return ids
}

/** The column named, or the one that can only be meant: `ID`, or the only one with integers. */
async function* idsOfTable(file: string, title: string, column: string | undefined): AsyncGenerator<string> {
  const table = await openTable(file, { title, folder: path.dirname(file) })
  try {
    const index = columnIndex(table.fields, title, column)
    const type = wireType(table.fields[index]!)
    for await (const { data, starts, count } of table.batches()) {
      for (let row = 0; row < count; row++) {
        let p = starts[row]! + 2
        for (let c = 0; c < index; c++) p += 4 + Math.max(0, data.readInt32BE(p))
        const length = data.readInt32BE(p)
        if (length >= 0) yield cellText(data, p + 4, length, type)
      }
    }
  } finally {
    await table.close()
  }
}

function columnIndex(fields: readonly Field[], title: string, column: string | undefined): number {
  const names = fields.map(field => field.name)
  if (column) {
    const exact = names.indexOf(column)
    const index = exact >= 0 ? exact : names.findIndex(name => name.toLowerCase() === column.toLowerCase())
    if (index >= 0) return index
    throw new ServiceError('usage', `COLUMN=${column.slice(0, 60)}: ${title} has no such column`, {
      detail: `It has ${names.join(', ')}.`,
    })
  }
  const named = names.findIndex(name => /^(id|object_?id|source_?id)$/i.test(name))
  if (named >= 0) return named
  const integers = fields.filter(field => /^int\d$/.test(wireType(field)))
  if (fields.length === 1) return 0
  if (integers.length === 1) return fields.indexOf(integers[0]!)
  throw new ServiceError('usage', `${title}: say by COLUMN which column has the identifiers`, {
    detail: `It has ${names.join(', ')}.`,
  })
}

function cellText(data: Buffer, at: number, length: number, type: string): string {
  if (type === 'int8') return String(data.readBigInt64BE(at))
  if (type === 'int4') return String(data.readInt32BE(at))
  if (type === 'int2') return String(data.readInt16BE(at))
  if (type === 'float8') return String(data.readDoubleBE(at))
  if (type === 'text') return data.toString('utf8', at, at + length).trim()
  throw new ServiceError('usage', 'The column with the identifiers has neither integers nor texts.')
}
