/** Opens a table file by what is in it, not by its name. */
import { ServiceError } from '../../error.ts'
import type { TableSource } from '../../votable/table-source.ts'
import { openFile } from './file.ts'
import { openFits } from './fits.ts'

export interface OpenTable extends TableSource {
  close(): Promise<void>
}

/** `choice` names one of several tables in a file (for FITS an HDU). Errors begin with the file's name. */
export async function openTable(path: string, choice: string | undefined): Promise<OpenTable> {
  const file = await openFile(path)
  try {
    if (!file.head.toString('latin1').startsWith('SIMPLE')) {
      throw new ServiceError('usage', 'not a table format that can be read', {
        detail: 'Readable are FITS tables, plain or gzipped.',
      })
    }
    const source = await openFits(file.source, choice)
    return { ...source, batches: () => named(path, source.batches()), close: () => file.close() }
  } catch (error) {
    await file.close()
    throw inFile(path, error)
  }
}

async function* named<T>(path: string, batches: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* batches
  } catch (error) {
    throw inFile(path, error)
  }
}

function inFile(path: string, error: unknown): unknown {
  if (!(error instanceof ServiceError)) return error
  return new ServiceError(error.code, `${path}: ${error.message}`, {
    cause: error,
    ...(error.detail !== undefined && { detail: error.detail }),
  })
}
