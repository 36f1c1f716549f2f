/** Opens a table file by what is in it, not by its name. */
import { ServiceError } from '../../error.ts'
import type { Field } from '../../votable/field.ts'
import { openVotable } from '../../votable/read/index.ts'
import type { TableSource } from '../../votable/table-source.ts'
import { chunksOf, type OpenFile, openFile, spool } from './file.ts'
import { openFits } from './fits.ts'

export interface OpenTable extends TableSource {
  close(): Promise<void>
}

export interface OpenOptions {
  /** One of several tables in a file: FITS HDU by number or EXTNAME, VOTable TABLE by number, ID or name. */
  readonly select?: string | undefined
  /** The columns, where an earlier reading of this or a like file has worked them out already. */
  readonly fields?: readonly Field[] | undefined
  /** What the file is called in messages: its path. */
  readonly title?: string
  /** For what has to be unpacked first; the system's temporary folder by default. */
  readonly folder?: string
}

const READABLE =
  'Readable are VOTable, FITS tables, CSV, TSV, ECSV, IPAC tables, Parquet and Arrow, each also gzipped.'

/** Errors begin with the file's name. */
export async function openTable(path: string, options: OpenOptions = {}): Promise<OpenTable> {
  const title = options.title ?? path
  const file = await openFile(path)
  const closing: (() => Promise<void>)[] = [() => file.close()]
  const close = async () => {
    for (const one of closing.splice(0)) await one()
  }
  try {
    const source = await openBy(file, options, closing)
    return { ...source, batches: () => named(title, source.batches()), close }
  } catch (error) {
    await close()
    throw inFile(title, error)
  }
}

/** `closing` takes what has to be closed with the file. */
async function openBy(
  file: OpenFile,
  options: OpenOptions,
  closing: (() => Promise<void>)[],
): Promise<TableSource> {
  const { head, source } = file
  const begins = (bytes: string) => head.toString('latin1', 0, bytes.length) === bytes
  if (head.length === 0) throw new ServiceError('usage', 'the file is empty')
  if (begins('SIMPLE')) return openFits(source, options.select, options.folder)
  if (isXml(head)) {
    return openVotable(chunksOf(source), options.select, async (bytes, hdu) => {
      const { source: fits, close } = await spool(bytes, options.folder)
      closing.push(close)
      return openFits(fits, hdu, options.folder)
    })
  }
  throw new ServiceError('usage', 'not a table format that can be read', { detail: READABLE })
}

/** A tag, perhaps after blanks and a byte order mark, in UTF-8 or UTF-16. */
function isXml(head: Buffer): boolean {
  const text = head
    .toString('latin1')
    .replace(/^(\xef\xbb\xbf|\xfe\xff|\xff\xfe)/, '')
    .replaceAll('\0', '')
  return /^\s*<[?!A-Za-z]/.test(text)
}

async function* named<T>(title: string, batches: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* batches
  } catch (error) {
    throw inFile(title, error)
  }
}

function inFile(title: string, error: unknown): unknown {
  if (!(error instanceof ServiceError)) return error
  return new ServiceError(error.code, `${title}: ${error.message}`, {
    cause: error,
    ...(error.detail !== undefined && { detail: error.detail }),
  })
}
