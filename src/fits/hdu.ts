/** The HDUs of a file, one after the other, over the smallest thing that can be read. */
import type { Header } from './header.ts'
import { BLOCK, dataLength, fitsError, parseHeader } from './header.ts'

export interface ByteSource {
  /** The bytes from `offset` on; fewer than `length` only at the end of the file. */
  read(offset: number, length: number): Promise<Buffer>
  /** False: a stream (gzip), whose offsets must not go back. */
  readonly random: boolean
  /** Bytes of the file, where that is known before its end. */
  readonly size?: number
}

export interface Hdu {
  /** 0 for the primary HDU. */
  readonly index: number
  readonly header: Header
  readonly dataOffset: number
  /** Bytes of data without padding. */
  readonly dataLength: number
}

/** A header of so many blocks (72,000 cards) is none. */
const MAX_HEADER_BLOCKS = 2_000

/** Reads header by header; a stream is only read as far as the caller goes on. */
export async function* hdus(source: ByteSource): AsyncGenerator<Hdu> {
  let offset = 0
  for (let index = 0; ; index++) {
    const bytes = await headerBytes(source, offset, index)
    if (!bytes) return
    const header = parseHeader(bytes, index)
    const dataOffset = offset + bytes.length
    const length = dataLength(header)
    yield { index, header, dataOffset, dataLength: length }
    offset = dataOffset + Math.ceil(length / BLOCK) * BLOCK
  }
}

/** The blocks of a header; undefined after the last HDU, which other records may follow (FITS 4.0 §3.5). */
async function headerBytes(source: ByteSource, offset: number, index: number): Promise<Buffer | undefined> {
  const blocks: Buffer[] = []
  while (blocks.length < MAX_HEADER_BLOCKS) {
    const block = await source.read(offset + blocks.length * BLOCK, BLOCK)
    if (blocks.length === 0 && !startsHeader(block, index)) {
      if (index > 0) return undefined
      throw fitsError('not a FITS file', 'it does not begin with the card SIMPLE')
    }
    if (block.length < BLOCK)
      throw fitsError(`HDU ${index}`, 'the file ends inside the header: it is truncated')
    blocks.push(block)
    for (let at = 0; at < BLOCK; at += 80) {
      if (
        block
          .toString('latin1', at, at + 8)
          .trimEnd()
          .toUpperCase() === 'END'
      )
        return Buffer.concat(blocks)
    }
  }
  throw fitsError(`HDU ${index}`, `no END card in ${MAX_HEADER_BLOCKS} header blocks`)
}

function startsHeader(block: Buffer, index: number): boolean {
  const keyword = block.toString('latin1', 0, 9).toUpperCase()
  return index === 0 ? keyword === 'SIMPLE  =' : keyword === 'XTENSION='
}
