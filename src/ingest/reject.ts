/** The reject file: one CSV line for each row of a file that could not be taken, with the reason and its values. */
import {
  closeSync,
  existsSync,
  openSync,
  readSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { ServiceError } from '../error.ts'
import type { Field, WireType } from '../votable/field.ts'
import { wireType } from '../votable/field.ts'

export interface RejectFile {
  readonly path: string
  /** Bytes written so far. */
  readonly size: number
  /** Goes on after so many bytes of the file that an earlier run left, and forgets what came after them. */
  continueAt(size: number): void
  write(file: string, row: number, reason: string, texts: readonly string[]): void
  /** Appends what is in another such file, and removes that. */
  take(part: string): void
  close(): void
}

/** Where the rows of one file of several are kept while all are read at a time. */
export function partOf(path: string, index: number): string {
  return `${path}.part-${index + 1}`
}

/** Whether parts can be made beside it: it is no device, and no pipe. */
export function canHaveParts(path: string): boolean {
  return !existsSync(path) || statSync(path).isFile()
}

/** The file is made with its first row, and begins with the names of the columns unless it is a part. */
export function rejectFile(path: string, fields: readonly Field[], isPart = false): RejectFile {
  let descriptor: number | undefined
  let size = 0
  const writing = (write: () => number): number => {
    try {
      return write()
    } catch (error) {
      const reason = (error as Error).message
      throw new ServiceError('usage', `Rows must be rejected, but ${path} cannot be written: ${reason}`)
    }
  }
  const open = () => writing(() => openSync(path, size > 0 ? 'a' : 'w'))
  const line = (cells: readonly string[]) => {
    size += writing(() => writeSync(descriptor!, `${cells.map(quote).join(',')}\n`))
  }
  const begin = () => {
    descriptor ??= open()
    if (size === 0 && !isPart) line(['file', 'row', 'reason', ...fields.map(field => field.name)])
  }
  return {
    path,
    get size() {
      return size
    },
    continueAt(before) {
      if (!canHaveParts(path) || !existsSync(path)) return
      if (before > 0) truncateSync(path, before)
      else if (isPart) unlinkSync(path)
      size = before
    },
    write(file, row, reason, texts) {
      begin()
      line([file, String(row), reason, ...texts])
    },
    take(part) {
      if (!existsSync(part)) return
      begin()
      const from = openSync(part, 'r')
      const bytes = Buffer.alloc(1 << 18)
      for (let n = readSync(from, bytes); n > 0; n = readSync(from, bytes)) {
        size += writing(() => writeSync(descriptor!, bytes, 0, n))
      }
      closeSync(from)
      unlinkSync(part)
    },
    close() {
      if (descriptor !== undefined) closeSync(descriptor)
    },
  }
}

function quote(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}

/** The values of a row as text, empty for NULL. */
export function rowTexts(fields: readonly Field[], data: Buffer, start: number): string[] {
  let p = start + 2
  return fields.map(field => {
    const length = data.readInt32BE(p)
    const from = p + 4
    p = from + Math.max(0, length)
    return length < 0 ? '' : valueText(wireType(field), data.subarray(from, p))
  })
}

function valueText(type: WireType, bytes: Buffer): string {
  switch (type) {
    case 'bool':
      return bytes[0] ? 'true' : 'false'
    case 'int2':
      return String(bytes.readInt16BE())
    case 'int4':
      return String(bytes.readInt32BE())
    case 'int8':
      return String(bytes.readBigInt64BE())
    case 'float4':
      return String(Number(bytes.readFloatBE().toPrecision(9)))
    case 'float8':
      return String(bytes.readDoubleBE())
    case 'text':
      return bytes.toString('utf8')
    case 'bytea':
      return bytes.toString('hex')
    default:
      return arrayText(type.slice(0, -2) as WireType, bytes)
  }
}

function arrayText(element: WireType, bytes: Buffer): string {
  const values: string[] = []
  let p = 12 + 8 * bytes.readInt32BE(0)
  while (p < bytes.length) {
    const length = bytes.readInt32BE(p)
    const from = p + 4
    p = from + Math.max(0, length)
    values.push(length < 0 ? '' : valueText(element, bytes.subarray(from, p)))
  }
  return values.join(' ')
}
