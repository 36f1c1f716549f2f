/**
 * From a file's rows to the bytes of COPY BINARY: positions are brought to degrees and checked, every row gets its
 * HEALPix cell, and rows that cannot be taken go to the reject file. All else is copied as it is.
 */
import { writeHash29 } from '../healpix/nested.ts'
import type { Field } from '../votable/field.ts'
import { wireType } from '../votable/field.ts'
import type { TableBatch } from '../votable/tuple.ts'
import type { Position } from './position.ts'

/** Order K of hpx_shard: 196,608 cells, the largest of 32 shards 1.45 times the mean. */
export const SHARD_ORDER = 7

export interface Tally {
  /** Rows read, taken or not. */
  read: number
  taken: number
  rejected: number
  /** Rows taken without a position. */
  unplaced: number
  /** Right ascensions that were brought into [0, 360). */
  wrapped: number
}

export interface Placement {
  readonly fields: readonly Field[]
  /** Whether a column of the file is loaded. */
  readonly kept: readonly boolean[]
  readonly position: Position | undefined
}

export interface Placed {
  readonly data: Buffer
  /** Of this batch. */
  readonly tally: Tally
  /** Rows of the batch that cannot be taken, with the reason. */
  readonly bad: readonly (readonly [row: number, reason: string])[]
}

export function newTally(): Tally {
  return { read: 0, taken: 0, rejected: 0, unplaced: 0, wrapped: 0 }
}

export function addTally(sum: Tally, more: Tally): void {
  for (const key of ['read', 'taken', 'rejected', 'unplaced', 'wrapped'] as const) sum[key] += more[key]
}

const DEGREE = Math.PI / 180
const PLACE_BYTES = 12 + 8

export function placer({ fields, kept, position }: Placement): (batch: TableBatch) => Placed {
  const columns = kept.filter(Boolean).length + (position ? 2 : 0)
  const width = (index: number) => (wireType(fields[index]!) === 'float4' ? 4 : 8)
  const raWidth = position ? width(position.ra) : 8
  const decWidth = position ? width(position.dec) : 8
  let tally = newTally()
  let out = Buffer.alloc(0)
  let o = 0
  let raAt = 0
  let decAt = 0

  /** Copies the columns that are kept and notes where the position is in `out` (0 for null). */
  const copyRow = (data: Buffer, start: number): void => {
    o = out.writeInt16BE(columns, o)
    let p = start + 2
    let from = p
    raAt = decAt = 0
    for (let c = 0; c < kept.length; c++) {
      const length = data.readInt32BE(p)
      const next = p + 4 + Math.max(0, length)
      if (length >= 0 && c === position?.ra) raAt = o + p + 4 - from
      if (length >= 0 && c === position?.dec) decAt = o + p + 4 - from
      if (!kept[c]) {
        o += data.copy(out, o, from, p)
        from = next
      }
      p = next
    }
    o += data.copy(out, o, from, p)
  }

  const read = (at: number, bytes: number) => (bytes === 4 ? out.readFloatBE(at) : out.readDoubleBE(at))
  const write = (at: number, bytes: number, value: number) =>
    bytes === 4 ? out.writeFloatBE(value, at) : out.writeDoubleBE(value, at)

  /** Makes a NaN a NULL. */
  const clear = (at: number, bytes: number): void => {
    out.writeInt32BE(-1, at - 4)
    out.copyWithin(at, at + bytes, o)
    o -= bytes
  }

  /** Writes the position in degrees and the cells of the row just copied; gives the reason when it is not valid. */
  const placeRow = (): string | undefined => {
    const { raScale, decScale } = position!
    let ra = raAt ? read(raAt, raWidth) * raScale : Number.NaN
    const dec = decAt ? read(decAt, decWidth) * decScale : Number.NaN
    if (dec < -90 || dec > 90) return `declination ${dec} is outside [-90, 90]`
    if (ra < -360 || ra > 720) return `right ascension ${ra} is outside [-360, 720]`
    const wraps = ra < 0 || ra >= 360
    if (wraps) {
      ra = ra < 0 ? ra + 360 : ra % 360
      if (ra >= 360) ra = 0
      tally.wrapped++
    }
    if (raAt && (raScale !== 1 || wraps)) write(raAt, raWidth, ra)
    if (decAt && decScale !== 1) write(decAt, decWidth, dec)
    if (Number.isNaN(ra) || Number.isNaN(dec)) {
      // The later one first: clearing moves what comes after it.
      const nans: [number, number][] = []
      if (raAt && Number.isNaN(ra)) nans.push([raAt, raWidth])
      if (decAt && Number.isNaN(dec)) nans.push([decAt, decWidth])
      for (const [at, bytes] of nans.sort((a, b) => b[0] - a[0])) clear(at, bytes)
      out.fill(0xff, o, o + 8)
      o += 8
      tally.unplaced++
      return undefined
    }
    o = out.writeInt32BE(8, o)
    // As stored: a value rounded to float has its cell where PostgreSQL finds it.
    writeHash29(out, o, read(raAt, raWidth) * DEGREE, read(decAt, decWidth) * DEGREE)
    const upper = out.readInt32BE(o)
    o = out.writeInt32BE(4, o + 8)
    o = out.writeInt32BE(upper >> (2 * (29 - SHARD_ORDER) - 32), o)
    return undefined
  }

  return batch => {
    const { data, starts, count, bad } = batch
    out = Buffer.allocUnsafeSlow(data.length + count * PLACE_BYTES)
    o = 0
    tally = newTally()
    const rejected: [number, string][] = []
    for (let i = 0; i < count; i++) {
      const begun = o
      let reason = bad.size > 0 ? bad.get(i) : undefined
      if (reason === undefined) {
        copyRow(data, starts[i]!)
        if (position) reason = placeRow()
      }
      if (reason !== undefined) {
        o = begun
        rejected.push([i, reason])
      }
    }
    tally.read = count
    tally.rejected = rejected.length
    tally.taken = count - rejected.length
    return { data: out.subarray(0, o), tally, bad: rejected }
  }
}
