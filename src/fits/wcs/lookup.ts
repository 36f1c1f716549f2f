/**
 * Distortions that are tables in other HDUs of the file, as Hubble's images have them: CPDISj and D2IMDISj = 'Lookup',
 * offsets in pixels between whose nodes is interpolated (WCS Paper IV draft, §3.4; astropy.wcs).
 */
import { parseCard } from '../card.ts'
import { cardText } from '../card-text.ts'
import type { ByteSource, Hdu } from '../hdu.ts'
import { fitsError, type Header, integerOf, numberOf, textOf } from '../header.ts'
import { type FitsImage, imageOf } from '../image.ts'
import { physicalValues } from '../pixels.ts'
import { readWindow, wholeImage } from '../window.ts'
import { imageHdu } from '../write.ts'
import type { Plane } from './projection.ts'

/** Offsets of both axes at a pixel, the first of which has its middle at 1. */
type Offsets = (p: Plane) => Plane

export interface LookupTables {
  /** From detector to image pixels, before everything else. */
  readonly detector: Offsets | undefined
  /** Beside SIP. */
  readonly image: Offsets | undefined
}

/** Nodes of a table; Hubble's have 64 × 32. */
const MAX_NODES = 1 << 22

/** Whether the image cannot be placed without tables. */
export function needsTables(header: Header): boolean {
  return ['CPDIS1', 'CPDIS2', 'D2IMDIS1', 'D2IMDIS2'].some(keyword => header.first.has(keyword))
}

/** Reads the tables that a header names; undefined when it names none. */
export async function lookupTables(
  source: ByteSource,
  hdus: readonly Hdu[],
  header: Header,
): Promise<LookupTables | undefined> {
  if (!needsTables(header)) return undefined
  const read = async (type: Type): Promise<Offsets | undefined> => {
    const [x, y] = [tableImage(hdus, header, type, 1), tableImage(hdus, header, type, 2)]
    const [f, g] = [x && (await offsetsOf(source, x)), y && (await offsetsOf(source, y))]
    return f || g ? p => [f?.(p) ?? 0, g?.(p) ?? 0] : undefined
  }
  return { detector: await read('D2IMDIS'), image: await read('CPDIS') }
}

/** The HDUs of the tables for a window that begins at pixel `start`: extensions to be written behind it. */
export async function windowTables(
  source: ByteSource,
  hdus: readonly Hdu[],
  header: Header,
  start: readonly number[],
): Promise<Buffer[]> {
  const images = TYPES.flatMap(type => ([1, 2] as const).map(axis => tableImage(hdus, header, type, axis)))
  const written = new Map<string, Buffer[]>()
  for (const image of images) {
    if (!image || written.has(image.header.title)) continue
    const pixels = await readWindow(source, image, wholeImage(image))
    const others = image.header.cards.filter(card => !/^CRVAL[12]$/.test(card.keyword))
    const moved = [1, 2].map(n => (numberOf(image.header, `CRVAL${n}`) ?? 0) - start[n - 1]!)
    const cards = moved.map((value, i) =>
      parseCard(cardText(`CRVAL${i + 1}`, value, 'pixel of the node at CRPIX')),
    )
    written.set(image.header.title, imageHdu(pixels, [...others, ...cards], 'extension'))
  }
  return [...written.values()].flat()
}

type Type = 'CPDIS' | 'D2IMDIS'
const TYPES = ['CPDIS', 'D2IMDIS'] as const

/** The HDU of a table; undefined when the axis has none. */
function tableImage(hdus: readonly Hdu[], header: Header, type: Type, axis: 1 | 2): FitsImage | undefined {
  const kind = textOf(header, `${type}${axis}`)
  if (kind === undefined) return undefined
  const refuse = (why: string) => fitsError(header.title, `${type}${axis} = '${kind}': ${why}`)
  if (kind.trim().toLowerCase() !== 'lookup')
    throw refuse('only distortions of the kind Lookup can be applied')
  const [record, name] = type === 'CPDIS' ? [`DP${axis}`, 'WCSDVARR'] : [`D2IM${axis}`, 'D2IMARR']
  const fields = records(header, record)
  if ((fields.get('AXIS.1') ?? 1) !== 1 || (fields.get('AXIS.2') ?? 2) !== 2) {
    throw refuse('its table has its axes turned, which cannot be applied')
  }
  const version = fields.get('EXTVER') ?? 1
  const hdu = hdus.find(
    h => textOf(h.header, 'EXTNAME')?.trim() === name && integerOf(h.header, 'EXTVER', 1) === version,
  )
  const image = hdu && imageOf(hdu)
  if (!image) throw refuse(`the file has no HDU ${name} with EXTVER ${version}`)
  const [width, height] = image.shape
  if (image.shape.length !== 2 || width! * height! > MAX_NODES)
    throw refuse(`HDU ${name} is no table of distortion`)
  return image
}

async function offsetsOf(source: ByteSource, image: FitsImage): Promise<(p: Plane) => number> {
  const { values } = physicalValues(await readWindow(source, image, wholeImage(image)))
  const nodes = Float32Array.from(values as Float32Array, Number)
  const place = [1, 2].map(n => ({
    node: numberOf(image.header, `CRPIX${n}`) ?? 0,
    pixel: numberOf(image.header, `CRVAL${n}`) ?? 0,
    step: numberOf(image.header, `CDELT${n}`) ?? 1,
    last: image.shape[n - 1]! - 1,
  }))
  return p => interpolated(nodes, image.shape[0]!, place, p)
}

/** Values of the cards `DP1 = 'EXTVER: 1'`, `DP1 = 'AXIS.1: 1'` … by their names. */
function records(header: Header, keyword: string): Map<string, number> {
  const fields = new Map<string, number>()
  for (const card of header.cards) {
    const match =
      card.keyword === keyword && typeof card.value === 'string' && /^(\S+): +(\S+)$/.exec(card.value)
    if (match) fields.set(match[1]!, Number(match[2]))
  }
  return fields
}

interface Nodes {
  readonly node: number
  readonly pixel: number
  readonly step: number
  readonly last: number
}

/** Bilinear; beyond the table its edge goes on. */
function interpolated(nodes: Float32Array, width: number, place: readonly Nodes[], p: Plane): number {
  const [u, v] = place.map(({ node, pixel, step, last }, axis) =>
    Math.max(0, Math.min((p[axis]! - pixel) / step + node - 1, last)),
  ) as [number, number]
  const [i, j] = [Math.floor(u), Math.floor(v)]
  const [right, up] = [Math.min(i + 1, place[0]!.last), Math.min(j + 1, place[1]!.last)]
  const at = (x: number, y: number) => nodes[y * width + x]!
  const low = at(i, j) * (1 - (u - i)) + at(right, j) * (u - i)
  const high = at(i, up) * (1 - (u - i)) + at(right, up) * (u - i)
  return low * (1 - (v - j)) + high * (v - j)
}
