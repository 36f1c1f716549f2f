/** A coverage map as a FITS file: the numbers of its cells in a binary table (MOC 2.0 §4.3.1, ordering NUNIQ). */
import { cardText } from './card-text.ts'
import { type ByteSource, hdus } from './hdu.ts'
import { fitsError, integerOf, textOf } from './header.ts'
import { longTable } from './long-table.ts'

/** `rows`: the cells as 64-bit integers, 4 × 4^order + cell, as `healpix/moc` makes them; `frame` is that of the cells. */
export function mocFits(rows: Buffer, order: number, frame: 'equatorial' | 'galactic'): Buffer {
  return longTable('UNIQ', 'number of a cell and its order', rows, [
    cardText('MOCVERS', '2.0', 'version of the MOC standard'),
    cardText('MOCDIM', 'SPACE', 'dimension of the coverage'),
    cardText('ORDERING', 'NUNIQ', 'how cells are numbered'),
    cardText('COORDSYS', frame === 'galactic' ? 'G' : 'C', 'frame of the cells'),
    cardText('PIXTYPE', 'HEALPIX', ''),
    cardText('MOCORD_S', order, 'finest order'),
    cardText('MOCORDER', order, 'the same, for readers of MOC 1.1'),
    cardText('MOCTOOL', 'Almagest', ''),
  ])
}

export interface MocTable {
  readonly order: number
  readonly ordering: 'NUNIQ' | 'RANGE'
  readonly numbers: bigint[]
  readonly frame: 'equatorial' | 'galactic' | 'ecliptic'
}

const FRAMES = { C: 'equatorial', G: 'galactic', E: 'ecliptic' } as const

/** The rows of a coverage map's table, whatever wrote it. Throws `usage` for what is none. */
export async function readMoc(source: ByteSource): Promise<MocTable> {
  for await (const hdu of hdus(source)) {
    if (hdu.index === 0) continue
    const { header } = hdu
    const ordering = textOf(header, 'ORDERING')?.trim() ?? 'NUNIQ'
    const width = integerOf(header, 'NAXIS1')
    if ((ordering !== 'NUNIQ' && ordering !== 'RANGE') || (width !== 4 && width !== 8)) break
    const order = integerOf(header, 'MOCORD_S', integerOf(header, 'MOCORDER', 29))
    const bytes = await source.read(hdu.dataOffset, hdu.dataLength)
    const numbers = Array.from({ length: bytes.length / width }, (_, i) =>
      width === 8 ? bytes.readBigInt64BE(8 * i) : BigInt(bytes.readInt32BE(4 * i)),
    )
    const system = (textOf(header, 'COORDSYS') ?? 'C').trim() as keyof typeof FRAMES
    return { order, ordering, numbers, frame: FRAMES[system] ?? 'equatorial' }
  }
  throw fitsError('MOC', 'there is no coverage map of the sky in this file')
}
