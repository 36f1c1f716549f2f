/** JS values as PostgreSQL would send them, in batches: what writers are fed with in tests. */
import { type Field, type WireType, wireType } from '../../src/votable/field.ts'
import type { Outcome, RowBatch, RowSource } from '../../src/votable/row.ts'

/** Of the column's wire type: boolean, number, bigint (int8), string, Buffer (bytea), nested arrays of these. */
export type Value = null | boolean | number | bigint | string | Buffer | readonly Value[]

export interface SourceOptions {
  readonly wire?: 'binary' | 'text'
  /** Rows in a batch. */
  readonly batch?: number
  readonly overflow?: boolean
  /** Thrown after the last row. */
  readonly failure?: Error
}

export function rowSource(
  fields: readonly Field[],
  rows: readonly (readonly Value[])[],
  { wire = 'binary', batch = 100, overflow = false, failure }: SourceOptions = {},
): RowSource {
  const outcome: Outcome = { rows: 0, overflow: false, error: undefined }
  async function* batches(): AsyncGenerator<RowBatch> {
    for (let i = 0; i < rows.length; i += batch) {
      const part = rows.slice(i, i + batch)
      outcome.rows += part.length
      yield rowBatch(fields, part, wire)
    }
    if (failure) throw failure
    outcome.overflow = overflow
  }
  return { fields, batches: batches(), outcome }
}

export function rowBatch(
  fields: readonly Field[],
  rows: readonly (readonly Value[])[],
  wire: 'binary' | 'text',
): RowBatch {
  const chunks: Buffer[] = []
  const starts: number[] = []
  let length = 0
  const push = (bytes: Buffer) => {
    chunks.push(bytes)
    length += bytes.length
  }
  for (const row of rows) {
    push(Buffer.from([0x44, 0, 0, 0, 0])) // the DataRow's type and length, which batches keep between rows
    starts.push(length)
    push(int16(fields.length))
    fields.forEach((field, i) => {
      const bytes = encode(wireType(field), row[i] ?? null, wire)
      push(int32(bytes === undefined ? -1 : bytes.length))
      if (bytes) push(bytes)
    })
  }
  return { data: Buffer.concat(chunks), starts: Int32Array.from(starts), count: rows.length }
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

function encode(type: WireType, value: Value, wire: 'binary' | 'text'): Buffer | undefined {
  if (value === null) return undefined
  return wire === 'binary' ? binary(type, value) : Buffer.from(text(type, value))
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const OIDS: Record<string, number> = {
  bool: 16,
  int2: 21,
  int4: 23,
  int8: 20,
  float4: 700,
  float8: 701,
  text: 25,
}

function binary(type: WireType, value: Exclude<Value, null>): Buffer {
  if (type.endsWith('[]')) return binaryArray(type.slice(0, -2) as WireType, value as readonly Value[])
  const bytes = Buffer.alloc(8)
  switch (type) {
    case 'bool':
      return Buffer.from([value ? 1 : 0])
    case 'int2':
      return int16(value as number)
    case 'int4':
      return int32(value as number)
    case 'int8':
      bytes.writeBigInt64BE(BigInt(value as bigint))
      return bytes
    case 'float4':
      bytes.writeFloatBE(value as number)
      return bytes.subarray(0, 4)
    case 'float8':
      bytes.writeDoubleBE(value as number)
      return bytes
    case 'bytea':
      return value as Buffer
    default:
      return Buffer.from(value as string)
  }
}

function binaryArray(type: WireType, value: readonly Value[]): Buffer {
  const dimensions: number[] = []
  for (let level: Value = value; Array.isArray(level) && level.length > 0; level = level[0] as Value) {
    dimensions.push(level.length)
  }
  const flat = value.flat(9) as readonly Value[]
  const head = [int32(dimensions.length), int32(flat.includes(null) ? 1 : 0), int32(OIDS[type] ?? 0)]
  const sizes = dimensions.flatMap(size => [int32(size), int32(1)])
  const elements = flat.flatMap(element => {
    const bytes = encode(type, element, 'binary')
    return bytes ? [int32(bytes.length), bytes] : [int32(-1)]
  })
  return Buffer.concat([...head, ...sizes, ...elements])
}

/** As PostgreSQL prints it; for float4 the shortest digits are those of `Math.fround`'s neighbours. */
function text(type: WireType, value: Exclude<Value, null>): string {
  if (Array.isArray(value)) {
    const element = type.slice(0, -2) as WireType
    const item = (v: Value): string => {
      if (v === null) return 'NULL'
      if (Array.isArray(v)) return text(type, v)
      const printed = text(element, v)
      return element === 'text' && /^$|[{},"\\\s]|^null$/i.test(printed)
        ? `"${printed.replace(/["\\]/g, '\\$&')}"`
        : printed
    }
    return `{${value.map(item).join(',')}}`
  }
  switch (type) {
    case 'bool':
      return value ? 't' : 'f'
    case 'float4':
      return float4(value as number)
    case 'float8':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'bytea':
      return `\\x${(value as Buffer).toString('hex')}`
    default:
      return String(value)
  }
}

function float4(value: number): string {
  if (!Number.isFinite(value) || value === 0) return Object.is(value, -0) ? '-0' : String(value)
  for (let digits = 1; digits <= 9; digits++) {
    const printed = value.toPrecision(digits)
    if (Math.fround(Number(printed)) === Math.fround(value)) return String(Number(printed))
  }
  return String(value)
}
