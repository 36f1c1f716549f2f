/** Files as sources of bytes that count, and the shared images. */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import type { ByteSource } from '../../src/fits/hdu.ts'
import { type Hdu, hdus } from '../../src/fits/hdu.ts'
import type { PhysicalArray } from '../../src/fits/pixels.ts'
import { unpacked } from '../../src/fits/unpack.ts'
import { python, shared } from '../support/python.ts'

export interface Counted extends ByteSource {
  /** Bytes and calls of `read` so far. */
  readonly counts: { bytes: number; calls: number }
}

/** Counts what is read from a source. */
export function counted(source: ByteSource): Counted {
  const counts = { bytes: 0, calls: 0 }
  return {
    ...source,
    counts,
    async read(offset, length) {
      const bytes = await source.read(offset, length)
      counts.bytes += bytes.length
      counts.calls++
      return bytes
    },
  }
}

export function bufferSource(bytes: Buffer): ByteSource {
  return {
    random: true,
    size: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  }
}

async function allBytes(source: ByteSource): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (let at = 0; ; ) {
    const piece = await source.read(at, 1 << 20)
    if (piece.length === 0) return Buffer.concat(pieces)
    pieces.push(piece)
    at += piece.length
  }
}

/** Gives a file, unpacked, to `use`, and closes it. */
export async function withFile<T>(file: string, use: (source: ByteSource) => Promise<T>): Promise<T> {
  const handle = openSync(file, 'r')
  try {
    const { source, close } = await unpacked({
      random: true,
      size: fstatSync(handle).size,
      async read(offset, length) {
        const bytes = Buffer.alloc(length)
        return bytes.subarray(0, readSync(handle, bytes, 0, length, offset))
      },
    })
    try {
      // Tests go back and forth: a packed file is unpacked once.
      return await use(source.random ? source : bufferSource(await allBytes(source)))
    } finally {
      await close()
    }
  } finally {
    closeSync(handle)
  }
}

export async function allHdus(source: ByteSource): Promise<Hdu[]> {
  const all: Hdu[] = []
  for await (const hdu of hdus(source)) all.push(hdu)
  return all
}

/** Names of the shared images; empty where there are none. */
export function imageFiles(): string[] {
  const folder = shared('data/images')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter(name => /\.fits?(\.(gz|fz|bz2))?$/.test(name))
    .sort()
}

export const imagePath = (name: string) => shared(`data/images/${name}`)

/** The window of an image as `data[z0:z1, y0:y1, x0:x1]` of numpy. */
export interface AstropyWindow {
  readonly file: string
  readonly hdu: number
  readonly start: readonly number[]
  readonly size: readonly number[]
}

const ASTROPY_WINDOWS = `
import json, sys, warnings
import numpy as np
from astropy.io import fits
warnings.simplefilter('ignore')
opened = None
for w in json.load(sys.stdin):
    if opened is None or opened[0] != w['file']:
        opened = (w['file'], fits.open(w['file'], memmap=False))
    data = opened[1][w['hdu']].data
    part = data[tuple(slice(a, a + n) for a, n in zip(w['start'], w['size']))[::-1]]
    part = np.ascontiguousarray(part.astype(part.dtype.newbyteorder('<')))
    sys.stdout.buffer.write(('%-8s%12d' % (part.dtype.name, part.nbytes)).encode() + part.tobytes())
`

export interface AstropyPixels {
  readonly type: string
  readonly bytes: Buffer
}

/** The pixels of windows by astropy, little-endian; windows of a file should follow one another. */
export function astropyWindows(windows: readonly AstropyWindow[]): AstropyPixels[] {
  const output = python(ASTROPY_WINDOWS, JSON.stringify(windows))
  const all: AstropyPixels[] = []
  for (let at = 0; at < output.length; ) {
    const type = output.toString('latin1', at, at + 8).trim()
    const length = Number(output.toString('latin1', at + 8, at + 20))
    all.push({ type, bytes: output.subarray(at + 20, at + 20 + length) })
    at += 20 + length
  }
  return all
}

/** numpy's name for the type of an array. */
export function typeName(values: ArrayBufferView): string {
  const name = values.constructor.name
  return name.replace('Big', '').replace('Array', '').toLowerCase()
}

/** Numbers below `limit`, the same in every run. */
export function randomIntegers(seed: number): (limit: number) => number {
  let state = seed
  return limit => {
    state = (16807 * state) % 2147483647
    return state % limit
  }
}

/** Whether all values are the same, bit for bit; of NaNs any is as good as any other. */
export function sameBits(values: PhysicalArray, { bytes }: AstropyPixels): boolean {
  const ours = Buffer.from(values.buffer)
  if (ours.equals(bytes)) return true
  if (!(values instanceof Float32Array || values instanceof Float64Array)) return false
  const Type = values.constructor as Float64ArrayConstructor
  const theirs = new Type(new Uint8Array(bytes).buffer)
  return theirs.length === values.length && theirs.every((value, i) => Object.is(value, values[i]))
}
