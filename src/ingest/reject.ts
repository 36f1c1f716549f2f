/** The reject file: one CSV line for each row of a file that could not be taken, with the reason and its values. */
import { closeSync, existsSync, openSync, truncateSync, writeSync } from 'node:fs'
import { ServiceError } from '../error.ts'
import type { Field, WireType } from '../votable/field.ts'
import { wireType } from '../votable/field.ts'

export interface RejectFile {
  readonly path: string
  /** Bytes written so far. */
  readonly size: number
  /** Goes on after so many bytes of the file that an earlier run left, and forgets what came after them. */
  continueAt(size: number): void
  write(file: string, row: number, reason: string, data: Buffer, start: number): void
  close(): void
}

/** The file is made with its first row. */
export function rejectFile(path: string, fields: readonly Field[]): RejectFile {
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
  return {
    path,
    get size() {
      return size
    },
    continueAt(before) {
      if (before === 0 || !existsSync(path)) return
      truncateSync(path, before)
      size = before
    },
    write(file, row, reason, data, start) {
      descriptor ??= open()
      if (size === 0) line(['file', 'row', 'reason', ...fields.map(field => field.name)])
      line([file, String(row), reason, ...rowTexts(fields, data, start)])
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
function rowTexts(fields: readonly Field[], data: Buffer, start: number): string[] {
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
