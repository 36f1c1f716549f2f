/**
 * Tables that come with a query (TAP 1.1 §2.7.6). They are read whole before the query is compiled: only then are
 * their types known, and a row that cannot be read is told before the database is asked for anything. In the query's
 * own transaction they become temporary tables, which end with it and which nobody else sees.
 */
import path from 'node:path'
import type { ColumnMeta, TableMeta } from '../adql/tables.ts'
import type { Limits } from '../config.ts'
import { noRoom, type Upload } from '../dali/uploads.ts'
import type { Client } from '../db/database.ts'
import { sqlStateOf } from '../db/error.ts'
import { sqlType } from '../db/sql-type.ts'
import { ServiceError } from '../error.ts'
import { openTable } from '../formats/read/open.ts'
import { type Spool, spool } from '../formats/spool.ts'
import type { Field } from '../votable/field.ts'
import { wireType } from '../votable/field.ts'
import { degreesIn, findPair } from '../votable/position.ts'
import { fieldAfter, type Systems } from '../votable/table-source.ts'
import { COPY_SIGNATURE, COPY_TRAILER, type TableBatch } from '../votable/tuple.ts'
import { indexWherePays } from './upload-index.ts'

export interface UploadedTables {
  readonly metas: readonly TableMeta[]
  readonly systems: Systems
  /** Sentences for INFO elements: names that had to be changed. */
  readonly infos: readonly string[]
  /** Makes the temporary tables in the transaction in which `sql` will run under the role. */
  create(client: Client, role: string, sql: string): Promise<void>
  close(): Promise<void>
}

interface Loaded {
  readonly meta: TableMeta
  readonly systems: Systems
  readonly infos: readonly string[]
  readonly rows: Spool
}

export type UploadLimits = Pick<Limits, 'uploadBytes' | 'uploadRows' | 'uploadColumns'>

/** What a gzip file may unpack to, as a multiple of what may come in. */
const UNPACKED = 10

/** Throws `usage` for what cannot be read, naming table, row and column; `tooLarge` for too much of it. */
export async function readUploads(
  uploads: readonly Upload[],
  limits: UploadLimits,
  signal: AbortSignal,
): Promise<UploadedTables> {
  const loaded: Loaded[] = []
  const close = async () => {
    for (const { rows } of loaded) await rows.close()
  }
  try {
    for (const [i, upload] of uploads.entries())
      loaded.push(await load(upload, `upload_${i + 1}`, limits, signal))
  } catch (error) {
    await close()
    throw noRoom(error) ?? error
  }
  return {
    metas: loaded.map(one => one.meta),
    systems: {
      cooSys: loaded.flatMap(one => one.systems.cooSys),
      timeSys: loaded.flatMap(one => one.systems.timeSys),
    },
    infos: loaded.flatMap(one => one.infos),
    async create(client, role, sql) {
      for (const { meta, rows } of loaded) {
        await createTable(client, meta, rows, signal)
        // Estimates need no more: 3,000 rows of a sample in place of 30,000.
        await client.query('SET LOCAL default_statistics_target = 10')
        await client.query(`ANALYZE pg_temp.${meta.sqlName}`)
        await client.query(`GRANT SELECT ON pg_temp.${meta.sqlName} TO "${role}"`)
      }
      const metas = loaded.map(one => one.meta)
      await indexWherePays(client, metas, sql)
    },
    close,
  }
}

async function load(
  upload: Upload,
  sqlName: string,
  limits: UploadLimits,
  signal: AbortSignal,
): Promise<Loaded> {
  const title = `TAP_UPLOAD.${upload.name}`
  const folder = path.dirname(upload.path)
  const source = await openTable(upload.path, {
    title,
    folder,
    mostBytes: UNPACKED * limits.uploadBytes,
  })
  try {
    const { uploadColumns } = limits
    if (source.fields.length === 0) throw new ServiceError('usage', `${title}: the table has no columns`)
    if (source.fields.length > uploadColumns) {
      throw new ServiceError(
        'tooLarge',
        `${title}: ${source.fields.length} columns; ${uploadColumns} are allowed`,
      )
    }
    const pair = positionIn(source.fields)
    const onSky = pair && skyCheck(source.fields, pair)
    let read = 0
    const look = (batch: TableBatch) => {
      signal.throwIfAborted()
      for (const [row, reason] of batch.bad)
        throw new ServiceError('usage', `${title}, row ${read + row + 1}: ${reason}`)
      read += batch.count
      if (read > limits.uploadRows) {
        throw new ServiceError('tooLarge', `${title}: more than ${limits.uploadRows} rows`)
      }
      onSky?.look(batch)
    }
    const rows = await spool(
      source.batches(),
      async () => folder,
      batch => look(batch as TableBatch),
    )
    const fields = source.fields.map((field, i) => fieldAfter(field, i, source.text))
    const { columns, infos } = nameColumns(fields, title)
    const position = pair && onSky!.all() ? { ra: `c${pair.ra + 1}`, dec: `c${pair.dec + 1}` } : undefined
    return {
      meta: {
        schema: 'TAP_UPLOAD',
        name: upload.name,
        sqlSchema: 'pg_temp',
        sqlName,
        columns,
        rows: rows.rows,
        ...(position && { position }),
      },
      systems: source.systems,
      infos: [...source.notices.map(notice => `${title}: ${notice}`), ...infos],
      rows,
    }
  } finally {
    await source.close()
  }
}

/** Names are kept as they are; only an empty one, and one that is there already, must change to be reached. */
function nameColumns(fields: readonly Field[], title: string): { columns: ColumnMeta[]; infos: string[] } {
  const taken = new Set(fields.map(field => field.name))
  const used = new Set<string>()
  const infos: string[] = []
  const columns = fields.map((field, i) => {
    let name = field.name
    if (name === '' || used.has(name)) {
      const stem = name === '' ? `col${i + 1}` : name
      for (let n = 1; name === '' || taken.has(name); n++)
        name = n === 1 && field.name === '' ? stem : `${stem}_${n}`
      taken.add(name)
      infos.push(
        `${title}: column ${i + 1}, ${field.name === '' ? 'without a name' : `a second ${field.name}`}, is "${name}".`,
      )
    }
    used.add(name)
    return { field: { ...field, name }, sqlName: `c${i + 1}`, indexed: false, principal: true }
  })
  return { columns, infos }
}

/** Columns with positions in degrees; values are never converted here. */
function positionIn(fields: readonly Field[]): { ra: number; dec: number } | undefined {
  const pair = findPair(fields)
  if (!pair) return undefined
  const inDegrees = ({ unit }: Field) => !unit || degreesIn(unit) === 1
  return inDegrees(fields[pair.ra]!) && inDegrees(fields[pair.dec]!) ? pair : undefined
}

/** Whether all positions are on the sky, without which pgSphere would index something else. */
function skyCheck(fields: readonly Field[], { ra, dec }: { ra: number; dec: number }) {
  let all = true
  const widths = [ra, dec].map(i => (wireType(fields[i]!) === 'float4' ? 4 : 8))
  const last = Math.max(ra, dec)
  return {
    all: () => all,
    look({ data, starts, count }: TableBatch): void {
      for (let row = 0; row < count && all; row++) {
        let p = starts[row]! + 2
        for (let c = 0; c <= last; c++) {
          const length = data.readInt32BE(p)
          p += 4
          if (length > 0 && (c === ra || c === dec)) {
            const value = widths[c === ra ? 0 : 1] === 4 ? data.readFloatBE(p) : data.readDoubleBE(p)
            if (!(Math.abs(value) <= (c === ra ? 720 : 90))) all = false
          }
          if (length > 0) p += length
        }
      }
    },
  }
}

async function createTable(client: Client, meta: TableMeta, rows: Spool, signal: AbortSignal): Promise<void> {
  const columns = meta.columns.map(({ sqlName, field }) => `${sqlName} ${sqlType(field)}`)
  try {
    await client.query(`CREATE TEMP TABLE ${meta.sqlName} (${columns.join(', ')}) ON COMMIT DROP`)
    await client.copyFrom(`COPY pg_temp.${meta.sqlName} FROM STDIN (FORMAT binary)`, copyData(rows, signal))
  } catch (error) {
    throw uploadFailure(error, meta)
  }
}

function uploadFailure(error: unknown, { name }: TableMeta): unknown {
  const state = sqlStateOf(error)
  if (state === '54000' || state === '54011') {
    return new ServiceError('tooLarge', `TAP_UPLOAD.${name}: ${(error as Error).message}`, { cause: error })
  }
  if (state?.startsWith('53') !== true) return error
  const message = 'The database has no room for the upload at this moment.'
  return new ServiceError('unavailable', message, { retryAfter: 600, cause: error })
}

/** Tuples of COPY BINARY are what batches are made of. */
async function* copyData(rows: Spool, signal: AbortSignal): AsyncGenerator<Buffer> {
  yield COPY_SIGNATURE
  for await (const { data } of rows.batches()) {
    signal.throwIfAborted()
    yield data
  }
  yield COPY_TRAILER
}
