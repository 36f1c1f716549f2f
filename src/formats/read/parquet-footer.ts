/** The end of a Parquet file, which says what is where in it. */
import { type FileMetaData, parquetMetadata, parquetSchema } from 'hyparquet'
import { getTreePath } from 'hyparquet/src/schema.js'
import { ServiceError } from '../../error.ts'
import type { ByteSource } from '../../fits/hdu.ts'
import { thriftEnd } from './parquet-thrift.ts'

export type RandomSource = ByteSource & { readonly size: number }

/** Bytes of a footer: one of 10,000 columns in 100 row groups has some. */
const MOST = 256 * 1024 * 1024

/** Throws `usage` for a file that is none, or whose footer says what cannot be. */
export async function readFooter({ read, size }: RandomSource): Promise<FileMetaData> {
  try {
    const tail = await read(Math.max(0, size - 8), 8)
    if (size < 12 || tail.toString('latin1', 4) !== 'PAR1') throw new Error('its end is missing')
    const length = tail.readUInt32LE(0)
    if (length > size - 12 || length > MOST) throw new Error('its end is longer than the file')
    const bytes = await read(size - 8 - length, length + 8)
    if (thriftEnd(bytes.subarray(0, length), 0) === undefined) throw new Error('its end is cut')
    const { buffer, byteOffset, byteLength } = bytes
    const copy = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
    const metadata = parquetMetadata(copy, { geoparquet: false })
    const tree = parquetSchema(metadata)
    for (const { num_rows: rows, columns } of metadata.row_groups) {
      if (rows < 0n || rows > 2n ** 40n) throw new Error(`a row group says that it has ${rows} rows`)
      for (const { meta_data: meta } of columns) getTreePath(tree, meta?.path_in_schema ?? [''])
    }
    return metadata
  } catch (error) {
    throw broken(error)
  }
}

export function broken(error: unknown): unknown {
  if (error instanceof ServiceError) return error
  return new ServiceError('usage', `the Parquet file cannot be read: ${(error as Error).message}`, {
    cause: error,
  })
}
