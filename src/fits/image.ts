/** What the header of an image says about its pixels (FITS Standard 4.0 §4.4.2, §7.1; compressed ones §10.1). */

import { imageHeader } from './compression/header.ts'
import { type TileStorage, tileStorage } from './compression/storage.ts'
import type { Hdu } from './hdu.ts'
import { cardValue, fitsError, type Header, integerOf, numberOf, textOf } from './header.ts'

export type Bitpix = 8 | 16 | 32 | 64 | -32 | -64

export interface FitsImage {
  /** Of a compressed image the header that the image had, or would have, uncompressed. */
  readonly header: Header
  readonly bitpix: Bitpix
  /** NAXISn, the fastest axis first. */
  readonly shape: readonly number[]
  /** BSCALE, BZERO: physical value = zero + scale × stored value. */
  readonly scale: number
  readonly zero: number
  /** BLANK: the stored integer that means no value. */
  readonly blank: bigint | undefined
  readonly storage: { readonly kind: 'plain'; readonly dataOffset: number } | TileStorage
}

/** The image of an HDU; undefined for tables, random groups and HDUs without data. */
export function imageOf(hdu: Hdu): FitsImage | undefined {
  const extension = textOf(hdu.header, 'XTENSION')
  if (extension === 'BINTABLE' && cardValue(hdu.header, 'ZIMAGE') === true) {
    const storage = tileStorage(hdu)
    const image = pixelsOf(imageHeader(hdu.header), storage)
    const blank = image && image.bitpix > 0 ? (image.blank ?? zblank(storage)) : undefined
    return image && { ...image, blank }
  }
  if (extension !== undefined && extension !== 'IMAGE' && extension !== 'IUEIMAGE') return undefined
  return pixelsOf(hdu.header, { kind: 'plain', dataOffset: hdu.dataOffset })
}

/** §10.1.2: ZBLANK of an image of integers takes the place of BLANK. */
function zblank({ blank }: TileStorage): bigint | undefined {
  return typeof blank === 'number' ? BigInt(blank) : undefined
}

function pixelsOf(header: Header, storage: FitsImage['storage']): FitsImage | undefined {
  const naxis = integerOf(header, 'NAXIS')
  const shape = Array.from({ length: naxis }, (_, i) => integerOf(header, `NAXIS${i + 1}`))
  // A first axis of 0 pixels is the mark of random groups (§6).
  if (naxis === 0 || shape.includes(0)) return undefined
  const bitpix = integerOf(header, 'BITPIX')
  if (!isBitpix(bitpix))
    throw fitsError(header.title, `BITPIX is ${bitpix}; it must be 8, 16, 32, 64, -32 or -64`)
  const blank = bitpix > 0 ? cardValue(header, 'BLANK') : undefined
  if (blank !== undefined && typeof blank !== 'bigint' && !Number.isSafeInteger(blank)) {
    throw fitsError(header.title, `BLANK is ${JSON.stringify(blank)}, not a whole number`)
  }
  return {
    header,
    bitpix,
    shape,
    scale: numberOf(header, 'BSCALE') ?? 1,
    zero: numberOf(header, 'BZERO') ?? 0,
    blank: blank === undefined ? undefined : BigInt(blank as number | bigint),
    storage,
  }
}

export function isBitpix(bitpix: number): bitpix is Bitpix {
  return [8, 16, 32, 64, -32, -64].includes(bitpix)
}

/** Bytes of a stored pixel. */
export function pixelSize(bitpix: Bitpix): number {
  return Math.abs(bitpix) / 8
}
