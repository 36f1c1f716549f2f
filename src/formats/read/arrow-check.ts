/** What a record batch of Arrow says of itself, held against the bytes that it has: offsets may say anything. */
import { type Data, type DataType, Type } from 'apache-arrow'
import { ByteBuffer } from 'flatbuffers'

/**
 * Apache-arrow's own flatbuffers believes every length: 2^31 buffers are as many turns, and as many objects. No element
 * takes less than a byte, so no list is longer than the bytes that it is in.
 */
export function boundLists(): void {
  const buffer = ByteBuffer.prototype
  const lengthOf = buffer.__vector_len
  buffer.__vector_len = function (offset) {
    const length = lengthOf.call(this, offset)
    if (length < 0 || length > this.capacity()) throw new RangeError(`a list of ${length} elements`)
    return length
  }
}

/** Throws Error for columns that say they have what is not there. */
export function checkBatch(batch: Data, rows: number): void {
  for (const child of batch.children) {
    if (child.length !== rows) throw new Error(`a column has ${child.length} rows, not ${rows}`)
    checkData(child)
  }
}

function checkData(data: Data): void {
  const { type, length, children } = data
  if (!(length >= 0 && length <= Number.MAX_SAFE_INTEGER)) throw new Error(`a column has ${length} rows`)
  if (data.nullCount > 0) requireBytes(data.nullBitmap?.byteLength, Math.ceil(length / 8), 'its NULLs')
  switch (type.typeId) {
    case Type.Null:
      return
    case Type.Bool:
      requireBytes(data.values?.byteLength, Math.ceil(length / 8), 'its values')
      return
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Binary:
    case Type.LargeBinary:
      checkOffsets(data, data.values?.byteLength ?? 0)
      return
    case Type.List:
    case Type.LargeList:
    case Type.Map:
      checkOffsets(data, children[0]?.length ?? 0)
      break
    case Type.FixedSizeList: {
      const { listSize } = type as unknown as { listSize: number }
      requireBytes(children[0]?.length, length * listSize, 'its lists')
      break
    }
    case Type.Struct:
      for (const child of children) requireBytes(child.length, length, 'its members')
      break
    case Type.Dictionary:
      checkIndexes(data)
      break
    case Type.Union:
    case Type.Utf8View:
    case Type.BinaryView:
      break
    default:
      requireBytes(data.values?.length, length * (data.stride ?? 1), 'its values')
  }
  for (const child of children) checkData(child)
}

function requireBytes(there: number | undefined, needed: number, what: string): void {
  if (!((there ?? 0) >= needed)) throw new Error(`a column has not the bytes of ${what}`)
}

/** They go up, and not beyond what they point into. */
function checkOffsets({ valueOffsets, length }: Data, size: number): void {
  const offsets = valueOffsets as unknown as ArrayLike<number | bigint> | undefined
  if (length === 0) return
  requireBytes(offsets?.length, length + 1, 'its offsets')
  let before = 0
  for (let i = 0; i <= length; i++) {
    const offset = Number(offsets![i])
    if (!(offset >= before && offset <= size)) throw new Error(`offset ${offset} of a column points nowhere`)
    before = offset
  }
}

function checkIndexes({ values, length, dictionary, nullCount, nullBitmap }: Data<DataType>): void {
  const indexes = values as unknown as ArrayLike<number | bigint> | undefined
  requireBytes(indexes?.length, length, 'its values')
  const size = (dictionary as { length: number } | undefined)?.length ?? 0
  for (let i = 0; i < length; i++) {
    const isNull = nullCount > 0 && ((nullBitmap![i >> 3]! >> (i & 7)) & 1) === 0
    const index = Number(indexes![i])
    if (!isNull && !(index >= 0 && index < size)) throw new Error(`value ${index} is not in the dictionary`)
  }
}
