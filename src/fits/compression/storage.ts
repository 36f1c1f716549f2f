/** How an image is compressed in tiles: the keywords and columns of its table (FITS Standard 4.0 §10.1). */

import type { Hdu } from '../hdu.ts'
import { cardValue, fitsError, type Header, integerOf, numberOf, textOf } from '../header.ts'
import { type BinaryColumn, type FitsTable, tableOf } from '../table.ts'

export type Algorithm =
  | { readonly name: 'RICE_1'; readonly blockSize: number; readonly bytesPerPixel: number }
  | { readonly name: 'GZIP_1' | 'GZIP_2' | 'PLIO_1' | 'NOCOMPRESS' }
  | { readonly name: 'HCOMPRESS_1'; readonly smooth: boolean }

export interface TileStorage {
  readonly kind: 'tiles'
  readonly table: FitsTable & { readonly kind: 'binary' }
  /** Pixels of a tile along each axis; the last ones of an axis may be shorter. */
  readonly tileShape: readonly number[]
  readonly algorithm: Algorithm
  readonly compressed: BinaryColumn
  /** Columns of tiles that could not be compressed by the algorithm. */
  readonly gzipped: BinaryColumn | undefined
  readonly uncompressed: BinaryColumn | undefined
  /** Floating-point pixels stored as integers: ZSCALE, ZZERO; undefined when they are stored as they are. */
  readonly quantised:
    | { readonly scale: BinaryColumn | number; readonly zero: BinaryColumn | number }
    | undefined
  /** ZBLANK, or BLANK: the integer that means no value. */
  readonly blank: BinaryColumn | number | undefined
  /** SUBTRACTIVE_DITHER_1 or 2; 0 for none. */
  readonly dither: 0 | 1 | 2
  /** ZDITHER0, from 1 to 10,000. */
  readonly seed: number
}

/** A tile of more pixels is refused: it would take a gigabyte to unpack. HCOMPRESS works in numbers of eight bytes. */
const mostPixels = ({ name }: Algorithm) => (name === 'HCOMPRESS_1' ? 1 << 26 : 1 << 27)

export function tileStorage(hdu: Hdu): TileStorage {
  const { header } = hdu
  const table = tableOf(hdu)
  if (table.kind !== 'binary') throw fitsError(header.title, 'a compressed image must be in a BINTABLE')
  const naxis = integerOf(header, 'ZNAXIS')
  const shape = Array.from({ length: naxis }, (_, i) => integerOf(header, `ZNAXIS${i + 1}`))
  // §10.1.1: by default a tile is a row.
  const tileShape = shape.map((n, i) => Math.min(n, integerOf(header, `ZTILE${i + 1}`, i === 0 ? n : 1)))
  const wrong = tileShape.findIndex((n, i) => n < 1 && shape[i]! > 0)
  if (wrong >= 0) throw fitsError(header.title, `ZTILE${wrong + 1} is ${tileShape[wrong]}, less than 1`)
  const pixels = tileShape.reduce((product, n) => product * n, 1)
  const algorithm = algorithmOf(header)
  if (pixels > mostPixels(algorithm)) {
    throw fitsError(
      header.title,
      `tiles of ${pixels} pixels are too large; the most that is read is ${mostPixels(algorithm)}`,
    )
  }
  const tiles = shape.reduce((product, n, i) => product * Math.ceil(n / tileShape[i]!), 1)
  if (tiles !== table.rows) {
    throw fitsError(
      header.title,
      `the image has ${tiles} tiles (ZNAXISn, ZTILEn), but its table has ${table.rows} rows`,
    )
  }
  const column = (name: string) => table.columns.find(c => c.name.toUpperCase() === name)
  const compressed = column('COMPRESSED_DATA')
  if (!compressed) throw fitsError(header.title, 'the column COMPRESSED_DATA is missing')
  return {
    kind: 'tiles',
    table,
    tileShape,
    algorithm,
    compressed,
    gzipped: column('GZIP_COMPRESSED_DATA'),
    uncompressed: column('UNCOMPRESSED_DATA'),
    quantised: quantisationOf(header, column),
    blank: column('ZBLANK') ?? numberOf(header, 'ZBLANK') ?? numberOf(header, 'BLANK'),
    dither: ditherOf(header),
    seed: integerOf(header, 'ZDITHER0', 1),
  }
}

function algorithmOf(header: Header): Algorithm {
  const name = (textOf(header, 'ZCMPTYPE') ?? '').trim()
  switch (name) {
    case 'RICE_1':
    case 'RICE_ONE': {
      const blockSize = parameter(header, 'BLOCKSIZE') ?? 32
      const bytesPerPixel = parameter(header, 'BYTEPIX') ?? 4
      if (![1, 2, 4].includes(bytesPerPixel) || !Number.isInteger(blockSize) || blockSize < 1) {
        throw fitsError(
          header.title,
          `RICE_1 with BYTEPIX ${bytesPerPixel} and BLOCKSIZE ${blockSize} is not defined`,
        )
      }
      return { name: 'RICE_1', blockSize, bytesPerPixel }
    }
    case 'HCOMPRESS_1':
      return { name, smooth: (parameter(header, 'SMOOTH') ?? 0) !== 0 }
    case 'GZIP_1':
    case 'GZIP_2':
    case 'PLIO_1':
    case 'NOCOMPRESS':
      return { name }
    default:
      throw fitsError(
        header.title,
        `ZCMPTYPE = '${name}' is not known; RICE_1, GZIP_1, GZIP_2, PLIO_1 and HCOMPRESS_1 can be read`,
      )
  }
}

/** ZVALn of the parameter that ZNAMEn names. */
function parameter(header: Header, name: string): number | undefined {
  for (let n = 1; ; n++) {
    const found = textOf(header, `ZNAME${n}`)
    if (found === undefined) return undefined
    if (found.trim().toUpperCase() === name) return numberOf(header, `ZVAL${n}`)
  }
}

function quantisationOf(
  header: Header,
  column: (name: string) => BinaryColumn | undefined,
): TileStorage['quantised'] {
  if (integerOf(header, 'ZBITPIX') > 0 || textOf(header, 'ZQUANTIZ')?.trim() === 'NONE') return undefined
  const scale = column('ZSCALE') ?? numberOf(header, 'ZSCALE')
  const zero = column('ZZERO') ?? numberOf(header, 'ZZERO')
  if (scale === undefined && zero === undefined) return undefined
  return { scale: scale ?? 1, zero: zero ?? 0 }
}

function ditherOf(header: Header): 0 | 1 | 2 {
  const method = cardValue(header, 'ZQUANTIZ')
  if (method === 'SUBTRACTIVE_DITHER_1') return 1
  if (method === 'SUBTRACTIVE_DITHER_2') return 2
  return 0
}
