/** Compressed tiles that are made to hurt their reader: told in words, before memory is taken for what they promise. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { imageOf } from '../../src/fits/image.ts'
import { readWindow } from '../../src/fits/window.ts'
import { allHdus, bufferSource } from './support.ts'

interface Tile {
  readonly algorithm: string
  readonly heap: Buffer
  readonly side?: number
  readonly bitpix?: number
  /** Elements and offset that the table says, where they are not those of the heap. */
  readonly says?: readonly [count: number, offset: number]
  readonly rows?: number
  readonly heapSays?: number
}

/** A file with an image of side² pixels in one tile. */
function fileOf({ algorithm, heap, side = 100, bitpix = 32, says, rows = 1, heapSays }: Tile): Buffer {
  const block = (cards: readonly (readonly [string, string | number])[]) => {
    const lines = cards.map(([keyword, value]) => {
      const text =
        typeof value === 'number' || value === 'T' ? String(value).padStart(20) : `'${value.padEnd(8)}'`
      return `${keyword.padEnd(8)}= ${text}`.padEnd(80)
    })
    const text = [...lines, 'END'.padEnd(80)].join('')
    return Buffer.from(text.padEnd(Math.ceil(text.length / 2880) * 2880))
  }
  const descriptor = Buffer.alloc(8)
  descriptor.writeInt32BE(says?.[0] ?? heap.length, 0)
  descriptor.writeInt32BE(says?.[1] ?? 0, 4)
  const table = block([
    ['XTENSION', 'BINTABLE'],
    ['BITPIX', 8],
    ['NAXIS', 2],
    ['NAXIS1', 8],
    ['NAXIS2', rows],
    ['PCOUNT', heapSays ?? heap.length],
    ['GCOUNT', 1],
    ['TFIELDS', 1],
    ['TTYPE1', 'COMPRESSED_DATA'],
    ['TFORM1', '1PB'],
    ['ZIMAGE', 'T'],
    ['ZCMPTYPE', algorithm],
    ['ZBITPIX', bitpix],
    ['ZNAXIS', 2],
    ['ZNAXIS1', side],
    ['ZNAXIS2', side],
    ['ZTILE1', side],
    ['ZTILE2', side],
  ])
  const body = Buffer.concat([table, descriptor, heap])
  const primary = block([
    ['SIMPLE', 'T'],
    ['BITPIX', 8],
    ['NAXIS', 0],
    ['EXTEND', 'T'],
  ])
  return Buffer.concat([primary, body, Buffer.alloc((2880 - (body.length % 2880)) % 2880)])
}

async function read(tile: Tile): Promise<unknown> {
  const source = bufferSource(fileOf(tile))
  const [, hdu] = await allHdus(source)
  const image = imageOf(hdu!)!
  return readWindow(source, image, { start: [90, 90], size: [10, 10] })
}

const hcompress = (width: number, height: number) => {
  const bytes = Buffer.alloc(100)
  bytes.set([0xdd, 0x99])
  bytes.writeInt32BE(height, 2)
  bytes.writeInt32BE(width, 6)
  return bytes
}

const CASES: Record<string, readonly [Tile, RegExp]> = {
  'gzip that unpacks to a hundred times what it may': [
    { algorithm: 'GZIP_1', heap: gzipSync(Buffer.alloc(8e6)) },
    /tile 1 cannot be unpacked.*larger than 80000 bytes/,
  ],
  'gzip of too few bytes': [{ algorithm: 'GZIP_2', heap: gzipSync(Buffer.alloc(39_999)) }, /39999 bytes/],
  'gzip that is none': [{ algorithm: 'GZIP_1', heap: Buffer.from('nothing') }, /tile 1 cannot be unpacked/],
  'RICE that ends too soon': [{ algorithm: 'RICE_1', heap: Buffer.alloc(20) }, /end too soon/],
  'HCOMPRESS of another size': [
    { algorithm: 'HCOMPRESS_1', heap: hcompress(60_000, 60_000) },
    /the tile is 60000 x 60000 pixels, not 100 x 100/,
  ],
  'RICE tiles of more pixels than fit into memory': [
    { algorithm: 'RICE_1', heap: Buffer.alloc(20), side: 40_000 },
    /tiles of 1600000000 pixels are too large/,
  ],
  'HCOMPRESS tiles of more pixels than fit into memory': [
    { algorithm: 'HCOMPRESS_1', heap: hcompress(10_000, 10_000), side: 10_000 },
    /tiles of 100000000 pixels are too large/,
  ],
  'a table of more rows than tiles': [
    { algorithm: 'RICE_1', heap: Buffer.alloc(20), rows: 1_000_000 },
    /has 1 tiles.*1000000 rows/,
  ],
  'a tile that lies behind the heap': [
    { algorithm: 'RICE_1', heap: Buffer.alloc(20), says: [20, 2_000_000] },
    /points out of the heap/,
  ],
  'a tile of negative length': [
    { algorithm: 'RICE_1', heap: Buffer.alloc(20), says: [-5, 0] },
    /points out of the heap/,
  ],
  'a heap that the file does not have': [
    { algorithm: 'RICE_1', heap: Buffer.alloc(20), says: [2_000_000_000, 0], heapSays: 2_000_000_000 },
    /truncated/,
  ],
}

describe('tiles made to hurt', () => {
  for (const [name, [tile, told]] of Object.entries(CASES))
    it(name, () => assert.rejects(async () => read(tile), told))

  it('and one of zeros in a thousandth of its size is read', async () => {
    const { stored } = (await read({
      algorithm: 'RICE_1',
      heap: Buffer.alloc(4 + Math.ceil((10_000 / 32) * (5 / 8)) + 8),
    })) as { stored: Int32Array }
    assert.deepEqual([...stored], Array(100).fill(0))
  })
})
