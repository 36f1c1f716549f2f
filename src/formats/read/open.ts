/** Opens a table file by what is in it, not by its name. */
import { ServiceError } from '../../error.ts'
import type { ByteSource } from '../../fits/hdu.ts'
import type { Field } from '../../votable/field.ts'
import { openVotable } from '../../votable/read/index.ts'
import type { TableSource } from '../../votable/table-source.ts'
import { openCsv } from './csv.ts'
import { openEcsv } from './ecsv.ts'
import { chunksOf, type OpenFile, openFile, spool } from './file.ts'
import { openFits } from './fits.ts'
import { isIpac, openIpac } from './ipac.ts'
import { withDegrees } from './sexagesimal.ts'

export interface OpenTable extends TableSource {
  close(): Promise<void>
}

export interface OpenOptions {
  /** One of several tables in a file: FITS HDU by number or EXTNAME, VOTable TABLE by number, ID or name. */
  readonly select?: string | undefined
  /** The columns, where an earlier reading of this or a like file has guessed their types: CSV. */
  readonly fields?: readonly Field[] | undefined
  /** What the file is called in messages: its path. */
  readonly title?: string
  /** For what has to be unpacked first; the system's temporary folder by default. */
  readonly folder?: string
  /** What a gzip file may unpack to. */
  readonly mostBytes?: number
}

const READABLE =
  'Readable are VOTable, FITS tables, CSV, TSV, ECSV, IPAC tables, Parquet and Arrow, each also gzipped.'

/** Errors begin with the file's name. */
export async function openTable(path: string, options: OpenOptions = {}): Promise<OpenTable> {
  const title = options.title ?? path
  const file = await openFile(path, options.mostBytes).catch(error => {
    throw inFile(title, error)
  })
  const closing: (() => Promise<unknown>)[] = [() => file.close()]
  const close = async () => {
    for (const one of closing.splice(0)) await one()
  }
  try {
    const source = await withDegrees(await openBy(file, options, closing), closing)
    return {
      ...source,
      get notices() {
        return source.notices
      },
      batches: () => named(title, source.batches()),
      close,
    }
  } catch (error) {
    await close()
    throw inFile(title, error)
  }
}

/** `closing` takes what has to be closed with the file. */
async function openBy(
  file: OpenFile,
  options: OpenOptions,
  closing: (() => Promise<unknown>)[],
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
  // The libraries for these two are large, and loaded when somebody needs them.
  if (begins('PAR1')) {
    const { openParquet } = await import('./parquet.ts')
    return openParquet(await randomSource(file, options, closing), options.folder)
  }
  if (isArrow(head)) {
    const { openArrow } = await import('./arrow.ts')
    return openArrow(begins('ARROW1') ? await randomSource(file, options, closing) : () => file.chunks())
  }
  const known = OTHERS.find(([bytes]) => begins(bytes))
  if (known)
    throw new ServiceError('usage', `the file is ${known[1]}, which is not read here`, { detail: READABLE })
  if (!isText(head))
    throw new ServiceError('usage', 'not a table format that can be read', { detail: READABLE })
  const text = head.toString('utf8', 0, 16).replace(/^\ufeff/, '')
  if (/^# ?%ECSV/.test(text)) return openEcsv(file)
  if (isIpac(head)) return openIpac(file)
  return openCsv(file, options.fields)
}

/** The file itself, or what it is when unpacked. */
async function randomSource(
  file: OpenFile,
  { folder }: OpenOptions,
  closing: (() => Promise<unknown>)[],
): Promise<ByteSource & { readonly size: number }> {
  const { size } = file.source
  if (file.source.random && size !== undefined) return { ...file.source, size }
  const unpacked = await spool(file.chunks(), folder)
  closing.push(unpacked.close)
  return unpacked.source
}

/** What people mistake for a table file. */
const OTHERS: readonly (readonly [bytes: string, name: string])[] = [
  ['PK\x03\x04', 'a ZIP or Excel file'],
  ['BZh', 'compressed by bzip2'],
  ['\xfd7zXZ', 'compressed by xz'],
  ['\x28\xb5\x2f\xfd', 'compressed by zstd'],
  ['\x89HDF', 'HDF5'],
  ['SQLite format 3', 'an SQLite database'],
  ['%PDF', 'PDF'],
  ['\x93NUMPY', 'a NumPy array'],
]

/** No control characters but tabs, line ends and form feeds; UTF-16 has its mark. */
function isText(head: Buffer): boolean {
  if (head.length >= 2 && (head.readUInt16BE(0) === 0xfeff || head.readUInt16BE(0) === 0xfffe)) return true
  return !head.some(byte => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d && byte !== 0x0c)
}

/** Arrow IPC: a file begins with its name, a stream with a mark and the length of its schema. */
function isArrow(head: Buffer): boolean {
  if (head.toString('latin1', 0, 6) === 'ARROW1') return true
  if (head.length < 8 || head.readUInt32LE(0) !== 0xffffffff) return false
  const length = head.readUInt32LE(4)
  return length > 0 && length < 2 ** 26
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
