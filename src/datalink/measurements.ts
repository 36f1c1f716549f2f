/** Light curves as arrays of numbers, object by object, for what is worked out from them here. */
import type { RowBatch } from '../votable/row.ts'
import type { LightCurve } from './light-curve.ts'

/** The usable points of one object, in order of time. */
export interface Measurements {
  readonly id: string
  /** In units of the time column; of timestamps MJD. */
  readonly time: Float64Array
  readonly value: Float64Array
  /** One standard deviation; NaN where there is none. */
  readonly error: Float64Array
  /** Index into `bands`. */
  readonly band: Uint8Array
  readonly bands: readonly string[]
}

/** Rows of `measurementsStatement`, in binary and sorted by object, gathered by object. */
export async function* measurementsOf(
  batches: AsyncIterable<RowBatch>,
  curve: LightCurve,
): AsyncGenerator<Measurements> {
  let bands = Object.keys(curve.bands)
  let id: string | undefined
  let time: number[] = []
  let value: number[] = []
  let error: number[] = []
  let band: number[] = []
  const taken = (): Measurements => ({
    id: id!,
    time: Float64Array.from(time),
    value: Float64Array.from(value),
    error: Float64Array.from(error),
    band: Uint8Array.from(band),
    bands,
  })
  for await (const { data, starts, count } of batches) {
    for (let row = 0; row < count; row++) {
      let p = starts[row]! + 2
      const length = data.readInt32BE(p)
      const here = idAt(data, p + 4, length, curve)
      p += 4 + length
      if (here !== id) {
        if (id !== undefined) yield taken()
        id = here
        time = []
        value = []
        error = []
        band = []
      }
      time.push(data.readDoubleBE(p + 4))
      value.push(data.readDoubleBE(p + 16))
      p += 24
      const hasError = data.readInt32BE(p) > 0
      const e = hasError ? data.readDoubleBE(p + 4) : Number.NaN
      error.push(e > 0 && e < Number.POSITIVE_INFINITY ? e : Number.NaN)
      p += hasError ? 12 : 4
      const name = data.toString('utf8', p + 4, p + 4 + Math.max(0, data.readInt32BE(p)))
      let index = bands.indexOf(name)
      if (index < 0) {
        index = bands.length
        bands = [...bands, name]
      }
      band.push(index)
    }
  }
  if (id !== undefined) yield taken()
}

function idAt(data: Buffer, at: number, length: number, { idType }: LightCurve): string {
  if (idType === 'bigint') return String(data.readBigInt64BE(at))
  if (idType === 'integer') return String(data.readInt32BE(at))
  if (idType === 'smallint') return String(data.readInt16BE(at))
  return data.toString('utf8', at, at + length)
}
