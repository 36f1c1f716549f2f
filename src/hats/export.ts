/**
 * A published table as a HATS catalogue (IVOA Note HATS 1.0): Parquet files by HEALPix cell, for programs that map over
 * partitions, such as LSDB, with a second catalogue of the rows within a margin around each. Everything is written
 * beside and put in its place when it is whole.
 */
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parquetMetadata } from 'hyparquet'
import { compile } from '../adql/index.ts'
import type { TableMeta, Tables } from '../adql/tables.ts'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import { skyMapFits } from '../fits/sky-map.ts'
import { chooseFormat } from '../formats/index.ts'
import { cellSide } from '../healpix/geometry.ts'
import type { Report } from '../progress.ts'
import type { Outcome } from '../votable/row.ts'
import {
  addFooter,
  type Footers,
  partitionFile,
  partitionFolder,
  writeFooters,
  writePartitionList,
  writeProperties,
} from './files.ts'
import {
  type CellRange,
  coarser,
  FINEST,
  type Partition,
  partitionsOf,
  rangeOf,
  rangesAround,
} from './partitions.ts'

export interface HatsOptions {
  readonly table: TableMeta
  readonly tables: Tables
  /** Becomes the folder of the collection. */
  readonly out: string
  /** Rows of a partition at most. */
  readonly mostRows: number
  /** Arcseconds; 0: no margins. */
  readonly margin: number
}

export interface HatsResult {
  readonly folder: string
  readonly partitions: number
  readonly rows: number
  readonly marginRows: number
}

const CELL = '_healpix_29'
/** Of the map of counts: 6 MB. */
const MAP_ORDER = 8
const NO_LIMIT = 2 ** 31 - 1

export async function exportHats(
  db: Database,
  options: HatsOptions,
  report: Report,
  signal: AbortSignal,
): Promise<HatsResult> {
  const { table, out, mostRows, margin } = options
  if (!table.position || !table.columns.some(column => column.sqlName === 'hpx29')) {
    throw new ServiceError('usage', `${table.schema}.${table.name} has no cells of positions.`)
  }
  if (await stat(out).catch(() => undefined)) throw new ServiceError('usage', `${out} exists already.`)
  const counts = await countRows(db, table)
  const partitions = partitionsOf(counts, mostRows)
  const beside = `${out}.part`
  await rm(beside, { recursive: true, force: true })
  const name = `${table.schema}_${table.name}`.replace(/[^\w-]+/g, '_')
  try {
    const total = partitions.reduce((sum, { rows }) => sum + rows, 0)
    let done = 0
    const rows = await writeCatalogue(join(beside, name), partitions, async (partition, file) => {
      const count = await writePartition(db, options, [rangeOf(partition)], undefined, file, signal)
      done += count
      report({ phase: 'partitions', done, total })
      return count
    })
    await describe(join(beside, name), name, options, partitions, rows, { hats_skymap_order: MAP_ORDER })
    await writeFile(
      join(beside, name, 'skymap.fits'),
      skyMapFits(coarser(counts, FINEST - MAP_ORDER), MAP_ORDER),
    )
    let marginRows = 0
    if (margin > 0) {
      const own = `${name}_margin`
      let at = 0
      const kept: Partition[] = []
      const found = await writeCatalogue(join(beside, own), partitions, async (partition, file) => {
        const ranges = rangesAround(partition, margin / 3600)
        const count = await writePartition(db, options, ranges, partition, file, signal)
        report({ phase: 'margins', done: ++at, total: partitions.length })
        if (count > 0) kept.push({ ...partition, rows: count })
        return count
      })
      marginRows = found.rows
      await describe(join(beside, own), own, options, kept, found, {
        dataproduct_type: 'margin',
        hats_primary_table_url: name,
        hats_margin_threshold: margin,
      })
    }
    await writeProperties(beside, ['collection.properties'], 'HATS Collection', {
      obs_collection: name,
      hats_primary_table_url: name,
      all_margins: margin > 0 ? `${name}_margin` : undefined,
      default_margin: margin > 0 ? `${name}_margin` : undefined,
      hats_builder: 'Almagest',
      hats_version: 'v1.0',
    })
    await rename(beside, out)
    return { folder: out, partitions: partitions.length, rows: rows.rows, marginRows }
  } catch (error) {
    await rm(beside, { recursive: true, force: true })
    throw error
  }
}

async function countRows(db: Database, { sqlSchema, sqlName }: TableMeta): Promise<Map<number, number>> {
  const quote = (name: string) => `"${name.replaceAll('"', '""')}"`
  const rows = await db.query<{ cell: number; n: number }>(
    `SELECT (hpx29 >> ${2 * (29 - FINEST)})::int AS cell, count(*)::float8 AS n
       FROM ${quote(sqlSchema)}.${quote(sqlName)} WHERE hpx29 IS NOT NULL GROUP BY 1`,
  )
  return new Map(rows.map(({ cell, n }) => [cell, n]))
}

interface Written {
  readonly rows: number
  readonly bytes: number
}

async function writeCatalogue(
  folder: string,
  partitions: readonly Partition[],
  write: (partition: Partition, file: string) => Promise<number>,
): Promise<Written> {
  const dataset = join(folder, 'dataset')
  const footers: Footers = { schema: undefined, rowGroups: [], rows: 0n }
  let bytes = 0
  await mkdir(dataset, { recursive: true })
  for (const partition of partitions) {
    await mkdir(join(dataset, partitionFolder(partition)), { recursive: true })
    const file = join(dataset, partitionFile(partition))
    const count = await write(partition, file)
    const content = await readFile(file)
    const metadata = parquetMetadata(
      content.buffer.slice(content.byteOffset, content.byteOffset + content.length),
    )
    if (count === 0) {
      footers.schema ??= metadata.schema
      await rm(file)
      continue
    }
    bytes += content.length
    addFooter(footers, partitionFile(partition), metadata)
  }
  await writeFooters(dataset, footers)
  return { rows: Number(footers.rows), bytes }
}

/** Rows of ranges of cells, by cell; of `around` only those whose distance to it is within the margin. */
async function writePartition(
  db: Database,
  { table, tables, margin }: HatsOptions,
  ranges: readonly CellRange[],
  around: Partition | undefined,
  file: string,
  signal: AbortSignal,
): Promise<number> {
  const quote = (name: string) => `"${name.replaceAll('"', '""')}"`
  const columns = table.columns.filter(column => !/^(hpx29|hpx_shard)$/.test(column.sqlName))
  const list = [`hpx29 AS ${quote(CELL)}`, ...columns.map(({ field }) => quote(field.name))]
  const condition =
    ranges.map(([first, last]) => `hpx29 BETWEEN ${first} AND ${last}`).join(' OR ') || '1 = 0'
  const adql = `SELECT ${list.join(', ')} FROM ${quote(table.schema)}.${quote(table.name)} WHERE ${condition} ORDER BY hpx29`
  const { text, values, fields } = compile(adql, tables, { maxrec: undefined })
  const { ra, dec } = table.position!
  const point = `spoint(radians(q.${quote(ra)}), radians(q.${quote(dec)}))`
  const near =
    around &&
    `SELECT q.* FROM (${text}) AS q
      WHERE smoc(${fineOrder(margin)}, scircle(${point}, radians(${margin / 3600}))) && smoc '${around.order}/${around.npix}'`
  // Every row and column is exported, whoever may read the table.
  const [owner] = await db.query<{ role: string }>('SELECT current_user::text AS role')
  const outcome: Outcome = { rows: 0, overflow: false, error: undefined }
  const { writer } = chooseFormat('parquet')
  const batches = await db.stream({
    text: near ?? text,
    values,
    fields,
    wire: writer.wire,
    role: owner!.role,
    timeoutMs: 0,
    stallMs: NO_LIMIT,
    signal,
  })
  async function* counted() {
    for await (const batch of batches) {
      outcome.rows += batch.count
      yield batch
    }
  }
  const chunks = writer.write({ fields, batches: counted(), outcome }, { infos: [], tableName: table.name })
  await pipeline(chunks, createWriteStream(file))
  return outcome.rows
}

/** Of cells an eighth of the margin across, in which a circle of it is looked at: so much more than the margin may be in it. */
const fineOrder = (marginArcsec: number): number =>
  Math.min(29, Math.ceil(Math.log2((cellSide(0) * 3600 * 8) / marginArcsec)))

async function describe(
  folder: string,
  name: string,
  { table, mostRows }: HatsOptions,
  partitions: readonly Partition[],
  { rows, bytes }: Written,
  more: Readonly<Record<string, string | number>>,
): Promise<void> {
  await writePartitionList(folder, partitions)
  const area = partitions.reduce((sum, { order }) => sum + 1 / (12 * 4 ** order), 0)
  await writeProperties(folder, ['hats.properties', 'properties'], 'HATS catalog', {
    obs_collection: name,
    dataproduct_type: 'object',
    hats_nrows: rows,
    hats_col_ra: columnName(table, table.position!.ra),
    hats_col_dec: columnName(table, table.position!.dec),
    hats_col_healpix: CELL,
    hats_col_healpix_order: 29,
    hats_npix_suffix: '.parquet',
    hats_max_rows: mostRows,
    hats_order: Math.max(0, ...partitions.map(({ order }) => order)),
    moc_sky_fraction: area.toFixed(5),
    hats_builder: 'Almagest',
    hats_creation_date: `${new Date().toISOString().slice(0, 16)}UTC`,
    hats_estsize: Math.ceil(bytes / 1024),
    hats_version: 'v1.0',
    ...more,
  })
}

const columnName = ({ columns }: TableMeta, sqlName: string): string =>
  columns.find(column => column.sqlName === sqlName)!.field.name
