/** Files as sources of bytes that count, and the shared images. */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import type { ByteSource } from '../../src/fits/hdu.ts'
import { type Hdu, hdus } from '../../src/fits/hdu.ts'
import { unpacked } from '../../src/fits/unpack.ts'
import { shared } from '../support/python.ts'

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
      return await use(source)
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
