/** What a batch is asked for (docs/cutouts.md). */
import { badValue, type Parameters } from '../../dali/parameters.ts'
import { numberLiteral } from '../../dali/shapes.ts'
import { ServiceError } from '../../error.ts'
import type { ArchiveKind } from './archive.ts'
import { bandsOf } from './positions.ts'

export interface BatchRequest {
  readonly collection: string | undefined
  /** Of identifiers. */
  readonly table: string | undefined
  /** Empty: every band. */
  readonly bands: readonly string[]
  /** Red, green and blue; undefined: chosen by wavelength. */
  readonly colors: readonly string[] | undefined
  /** Arcminutes. */
  readonly width: number
  readonly height: number
  readonly archive: ArchiveKind
  readonly fits: boolean
  readonly color: boolean
}

export const SINGLE = ['COLLECTION', 'TABLE', 'BANDS', 'COLORS', 'XSIZE', 'YSIZE', 'ARCHIVE', 'PRODUCTS']

/** Arcminutes. */
const DEFAULT_SIZE = 1
export const MOST_SIZE = 600

export function batchRequest(parameters: Parameters): BatchRequest {
  const text = (name: string) => parameters.single(name)?.trim() || undefined
  const archive = text('ARCHIVE')?.toLowerCase() ?? 'tar'
  if (archive !== 'tar' && archive !== 'zip') throw badValue('ARCHIVE', archive, 'tar or zip')
  const colors = text('COLORS') ? bandsOf(text('COLORS')!) : undefined
  if (colors && colors.length !== 3)
    throw badValue('COLORS', text('COLORS')!, 'three bands: red, green and blue')
  const products = (text('PRODUCTS')?.toLowerCase() ?? 'fits,color').split(/[\s,]+/)
  const odd = products.find(product => product !== 'fits' && product !== 'color')
  if (odd !== undefined) throw badValue('PRODUCTS', odd, 'fits, color, or both with a comma')
  const width = sizeOf(parameters, 'XSIZE') ?? DEFAULT_SIZE
  return {
    collection: text('COLLECTION'),
    table: text('TABLE'),
    bands: bandsOf(text('BANDS') ?? ''),
    colors,
    width,
    height: sizeOf(parameters, 'YSIZE') ?? width,
    archive,
    fits: products.includes('fits'),
    color: products.includes('color'),
  }
}

function sizeOf(parameters: Parameters, name: string): number | undefined {
  const value = parameters.single(name)?.trim()
  if (!value) return undefined
  const size = numberLiteral(value) ?? Number.NaN
  if (!(size > 0 && size <= MOST_SIZE))
    throw badValue(name, value, `a size in arcminutes, up to ${MOST_SIZE}`)
  return size
}

export function sizeFault(size: number): string | undefined {
  return size > 0 && size <= MOST_SIZE
    ? undefined
    : `the size ${size} is not between 0 and ${MOST_SIZE} arcminutes`
}

export function missingUpload(): ServiceError {
  return new ServiceError('usage', 'The positions are missing.', {
    detail:
      'Send a table by UPLOAD=positions,param:positions with a part named positions, in any format that TAP reads.',
  })
}
