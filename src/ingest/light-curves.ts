/** `ingest light-curves`: files of any kind become two published tables, and the block of the site file for them. */
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { DetectionBlock, LightCurveBlock } from '../datalink/block.ts'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { openFile } from '../formats/read/file.ts'
import { openTable } from '../formats/read/open.ts'
import type { Report } from '../progress.ts'
import { writeBinary2 } from '../votable/binary.ts'
import type { LightCurveFiles, Part } from './light-curve-files.ts'
import { missionHeaders, readMission } from './light-curve-fits.ts'
import { isSnana, readSnana } from './light-curve-snana.ts'
import { isHead, readSnanaFits } from './light-curve-snana-fits.ts'
import { readTables } from './light-curve-table.ts'
import { isWide, readWide } from './light-curve-wide.ts'
import { type IngestResult, ingestTable } from './table.ts'

export interface LightCurveOptions {
  readonly files: readonly string[]
  /** `schema.table` of the objects; the detections go to `schema.table_detection`. */
  readonly table: string
  readonly mode: 'create' | 'replace'
  /** A table of the objects, where the files have the detections alone. */
  readonly objects?: string | undefined
  /** Its column with the identifier. */
  readonly id?: string | undefined
  /** Where the files do not tell: TAI, UTC …; TOPOCENTER … */
  readonly scale?: string | undefined
  readonly refposition?: string | undefined
}

export interface LightCurveResult {
  readonly objects: IngestResult
  readonly detections: IngestResult
  /** For the key `lightCurves` of the site file. */
  readonly block: LightCurveBlock
  readonly notices: readonly string[]
}

export async function ingestLightCurves(
  db: Database,
  options: LightCurveOptions,
  report: Report,
  signal: AbortSignal,
): Promise<LightCurveResult> {
  const { table, mode } = options
  if (options.objects !== undefined && options.id === undefined)
    throw new ServiceError('usage', '--objects needs --id: its column with the names of the files')
  const read = await readFiles(options.files)
  const folder = await mkdtemp(path.join(tmpdir(), 'almagest-light-curves-'))
  try {
    const id = options.objects === undefined ? read.id : options.id!
    const objectFile = options.objects ?? (await written(read.objects, path.join(folder, 'objects.vot')))
    const detectionFile = await written(read.detections, path.join(folder, 'detections.vot'))
    const objects = await ingestTable(db, { table, mode, files: [objectFile], id }, report, signal)
    const detectionTable = table.endsWith('"') ? table.replace(/"$/, '_detection"') : `${table}_detection`
    const detections = await ingestTable(
      db,
      {
        table: detectionTable,
        mode,
        files: [detectionFile],
        id: read.id,
        foreignKeys: [`${read.id}=${table}.${id}`],
      },
      report,
      signal,
    )
    const position = options.objects === undefined ? read.position : await positionOf(db, table)
    return {
      objects,
      detections,
      block: {
        object: { table, id, ...position },
        detections: [
          { table: detectionTable, object: read.id, ...read.block, time: timeOf(read.block, options) },
        ],
      },
      notices: read.notices,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function timeOf(
  { time }: Pick<DetectionBlock, 'time'>,
  { scale, refposition }: LightCurveOptions,
): DetectionBlock['time'] {
  return { ...time, ...(scale && { scale }), ...(refposition && { refposition }) }
}

/** The kind of the files is told by the bytes of the first. */
async function readFiles(files: readonly string[]): Promise<LightCurveFiles> {
  const first = files[0]!
  if (await missionHeaders(first)) return readMission(files)
  const text = await headOf(first)
  if (isSnana(text)) return readSnana(files, textOf)
  if (isWide(text)) return readWide(files, textOf)
  const table = await openTable(first)
  await table.close()
  return isHead(table.fields) ? readSnanaFits(files) : readTables(files)
}

async function headOf(file: string): Promise<string> {
  const { head, close } = await openFile(file)
  await close()
  return head.toString('latin1')
}

async function textOf(file: string): Promise<string> {
  const open = await openFile(file)
  try {
    const chunks: Buffer[] = []
    for await (const chunk of open.chunks()) chunks.push(chunk)
    return Buffer.concat(chunks).toString('utf8')
  } finally {
    await open.close()
  }
}

/** A VOTable, which `ingest table` takes with all that it says of the columns. */
async function written({ fields, batches }: Part, file: string): Promise<string> {
  const outcome = { rows: 0, overflow: false, error: undefined }
  const bytes = writeBinary2({ fields, batches: batches(), outcome }, { infos: [], queryStatus: 'OK' })
  await pipeline(Readable.from(bytes), createWriteStream(file))
  return file
}

/** The position columns that `ingest table` has found. */
async function positionOf(db: Database, table: string): Promise<{ ra: string; dec: string } | undefined> {
  const [row] = await db.query<{ ra: string | null; dec: string | null }>(
    `SELECT ra.column_name AS ra, dec.column_name AS dec FROM almagest.published_table AS t
       LEFT JOIN almagest.published_column AS ra ON ra.table_name = t.table_name AND ra.sql_name = t.ra_column
       LEFT JOIN almagest.published_column AS dec ON dec.table_name = t.table_name AND dec.sql_name = t.dec_column
      WHERE lower(t.table_name) = lower($1)`,
    [table],
  )
  return row?.ra && row.dec ? { ra: row.ra, dec: row.dec } : undefined
}
