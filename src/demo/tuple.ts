/** Rows in PostgreSQL's COPY BINARY form, written into a buffer that grows to a chunk and is handed over. */

/** What begins and ends a COPY BINARY stream: signature, flags, header length; and the end mark. */
export const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
export const COPY_TRAILER = Buffer.from([0xff, 0xff])

const CHUNK_BYTES = 256 * 1024
/** More than the longest row. */
const ROW_BYTES = 1024

export interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly rows: number
}

export interface TupleWriter {
  begin(columns: number): void
  int16(value: number): void
  int32(value: number): void
  /** A 64-bit integer as its upper half, signed, and its lower half, unsigned. */
  int64(upper: number, lower: number): void
  /** NaN is written as NULL. */
  float32(value: number): void
  float64(value: number): void
  /** Of ASCII characters. */
  text(value: string): void
  null(): void
  /** The full chunk, when there is one; the buffer is then a new one. */
  full(): Chunk | undefined
  /** What is left. */
  rest(): Chunk
}

export function createTupleWriter(): TupleWriter {
  let bytes = new Uint8Array(CHUNK_BYTES)
  let view = new DataView(bytes.buffer)
  let at = 0
  let rows = 0

  function rest(): Chunk {
    const chunk = { bytes: bytes.subarray(0, at), rows }
    bytes = new Uint8Array(CHUNK_BYTES)
    view = new DataView(bytes.buffer)
    at = 0
    rows = 0
    return chunk
  }

  function length(size: number): void {
    view.setInt32(at, size)
    at += 4
  }

  return {
    begin(columns) {
      view.setInt16(at, columns)
      at += 2
      rows++
    },
    int16(value) {
      length(2)
      view.setInt16(at, value)
      at += 2
    },
    int32(value) {
      length(4)
      view.setInt32(at, value)
      at += 4
    },
    int64(upper, lower) {
      length(8)
      view.setInt32(at, upper)
      view.setUint32(at + 4, lower)
      at += 8
    },
    float32(value) {
      if (Number.isNaN(value)) return length(-1)
      length(4)
      view.setFloat32(at, value)
      at += 4
    },
    float64(value) {
      if (Number.isNaN(value)) return length(-1)
      length(8)
      view.setFloat64(at, value)
      at += 8
    },
    text(value) {
      length(value.length)
      for (let n = 0; n < value.length; n++) bytes[at++] = value.charCodeAt(n)
    },
    null: () => length(-1),
    full: () => (at > CHUNK_BYTES - ROW_BYTES ? rest() : undefined),
    rest,
  }
}
