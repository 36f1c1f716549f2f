/** The files of a HATS catalogue beside its partitions: properties, list of partitions, Parquet's metadata of all. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileMetaData, RowGroup, SchemaElement } from 'hyparquet'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { Partition } from './partitions.ts'

export type Properties = Readonly<Record<string, string | number | undefined>>

/** `key=value` lines, as java.util.Properties reads them; what is undefined is left out. */
export async function writeProperties(
  folder: string,
  names: readonly string[],
  title: string,
  keys: Properties,
) {
  const lines = Object.entries(keys).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${String(value).replace(/[\r\n]+/g, ' ')}`],
  )
  for (const name of names) await writeFile(join(folder, name), `#${title}\n${lines.join('\n')}\n`)
}

export async function writePartitionList(folder: string, partitions: readonly Partition[]): Promise<void> {
  const lines = partitions.map(({ order, npix }) => `${order},${npix}`)
  await writeFile(join(folder, 'partition_info.csv'), ['Norder,Npix', ...lines, ''].join('\n'))
}

/** Below `dataset`; partitions of ten thousand numbers share a folder. */
export const partitionFolder = ({ order, npix }: Pick<Partition, 'order' | 'npix'>): string =>
  `Norder=${order}/Dir=${Math.floor(npix / 10_000) * 10_000}`

export const partitionFile = (partition: Pick<Partition, 'order' | 'npix'>): string =>
  `${partitionFolder(partition)}/Npix=${partition.npix}.parquet`

/** What is known of the files written so far. */
export interface Footers {
  schema: SchemaElement[] | undefined
  readonly rowGroups: RowGroup[]
  rows: bigint
}

/** Takes the row groups of a file over, with its path below `dataset`. */
export function addFooter(footers: Footers, file: string, metadata: FileMetaData): void {
  footers.schema ??= metadata.schema
  footers.rows += metadata.num_rows
  for (const group of metadata.row_groups) {
    footers.rowGroups.push({
      ...group,
      columns: group.columns.map(column => ({ ...column, file_path: file })),
    })
  }
}

/** `_metadata` has the row groups of all files, `_common_metadata` the columns alone. */
export async function writeFooters(dataset: string, { schema, rowGroups, rows }: Footers): Promise<void> {
  if (!schema) return
  for (const [name, groups] of [
    ['_metadata', rowGroups],
    ['_common_metadata', []],
  ] as const) {
    const writer = new ByteWriter()
    const parquet = new ParquetWriter({ writer, schema, createdBy: 'Almagest' })
    parquet.row_groups.push(...groups)
    parquet.num_rows = groups.length > 0 ? rows : 0n
    parquet.finish()
    await writeFile(join(dataset, name), writer.getBytes())
  }
}
