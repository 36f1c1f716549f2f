/** Image HDUs to write: mandatory cards, data, padding, checksums (FITS Standard 4.0 §3.3, §4.4.1, §7.1). */
import type { Card } from './card.ts'
import { cardText, headerBytes } from './card-text.ts'
import { checksum, checksumText } from './checksum.ts'
import { BLOCK } from './header.ts'
import { type Pixels, storedBytes } from './pixels.ts'

/** Cards that the writer makes itself, and one that says nothing any more (§4.4.3). */
const OWN =
  /^(BLOCKED|SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|GROUPS|BSCALE|BZERO|BLANK|DATASUM|CHECKSUM)$/

const COMMENTS: Readonly<Record<string, string>> = {
  SIMPLE: 'conforms to the FITS standard',
  XTENSION: 'image extension',
  BITPIX: 'bits of a pixel',
  NAXIS: 'number of axes',
  EXTEND: 'there may be extensions',
  DATASUM: 'checksum of the data',
  CHECKSUM: 'checksum of the HDU',
}

/**
 * An image as a primary HDU or an extension, ready to be sent: header, data, padding. `cards` follow the mandatory
 * ones as they are written; those that the writer makes itself are left out of them.
 */
export function imageHdu(pixels: Pixels, cards: readonly Card[], kind: 'primary' | 'extension'): Buffer[] {
  const data = storedBytes(pixels)
  const padding = Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)
  const texts = [...mandatory(pixels.bitpix, pixels.shape, kind), ...scaling(pixels), ...others(cards)]
  return [checked(texts, checksum(wholeWords(data))), data, padding]
}

/** The header alone, without sums, of an image whose pixels are sent as they are read; padding is up to the sender. */
export function imageHeader(
  image: Omit<Pixels, 'stored'>,
  cards: readonly Card[],
  kind: 'primary' | 'extension',
): Buffer {
  return headerBytes([...mandatory(image.bitpix, image.shape, kind), ...scaling(image), ...others(cards)])
}

/** A primary HDU without data, before extensions. */
export function emptyPrimary(cards: readonly Card[]): Buffer {
  return checked([...mandatory(8, [], 'primary'), ...others(cards)], 0)
}

function mandatory(bitpix: number, shape: readonly number[], kind: 'primary' | 'extension'): string[] {
  const own = (keyword: string, value: string | number | boolean) =>
    cardText(keyword, value, COMMENTS[keyword] ?? (/^NAXIS/.test(keyword) ? 'length of the axis' : ''))
  return [
    kind === 'primary' ? own('SIMPLE', true) : own('XTENSION', 'IMAGE'),
    own('BITPIX', bitpix),
    own('NAXIS', shape.length),
    ...shape.map((n, i) => own(`NAXIS${i + 1}`, n)),
    ...(kind === 'primary' ? [own('EXTEND', true)] : [own('PCOUNT', 0), own('GCOUNT', 1)]),
  ]
}

function scaling({ bitpix, scale, zero, blank }: Omit<Pixels, 'stored'>): string[] {
  const texts: string[] = []
  if (scale !== 1 || zero !== 0) {
    // 2^63 of unsigned integers stays a whole number.
    const exact = (value: number) => (Number.isInteger(value) ? BigInt(value) : value)
    texts.push(cardText('BSCALE', exact(scale)), cardText('BZERO', exact(zero)))
  }
  if (blank !== undefined && bitpix > 0) texts.push(cardText('BLANK', blank))
  return texts
}

/** Given cards but for own ones and for repetitions; the keyword that announces long strings where there are some. */
function others(cards: readonly Card[]): string[] {
  const seen = new Set<string>()
  const kept = cards.filter(({ keyword, value, text }) => {
    if (OWN.test(keyword)) return false
    if (keyword === '' || keyword === 'COMMENT' || keyword === 'HISTORY') return true
    const before = seen.size
    return seen.add(value === undefined ? text : `${keyword} ${typeof value} ${value}`).size > before
  })
  const long =
    kept.some(({ text }) => text.length > 80) && !kept.some(({ keyword }) => keyword === 'LONGSTRN')
  return [
    ...(long ? [cardText('LONGSTRN', 'OGIP 1.0', 'long strings go on in CONTINUE')] : []),
    ...kept.map(c => c.text),
  ]
}

function wholeWords(data: Buffer): Buffer {
  return data.length % 4 === 0 ? data : Buffer.concat([data, Buffer.alloc(4 - (data.length % 4))])
}

/** The header with both sums. */
function checked(texts: readonly string[], dataSum: number): Buffer {
  const header = (text: string) =>
    headerBytes([
      ...texts,
      cardText('DATASUM', String(dataSum), COMMENTS.DATASUM),
      cardText('CHECKSUM', text, COMMENTS.CHECKSUM),
    ])
  return header(checksumText(checksum(header('0'.repeat(16)), dataSum)))
}
