/** The header of a cutout: that of its image with moved reference pixels, in order for readers, and where it comes from. */
import { type Card, parseCard } from '../fits/card.ts'
import { windowCards } from '../fits/wcs/shift.ts'
import type { Window } from '../fits/window.ts'
import type { Dataset } from './dataset.ts'

/** Cards of tile compression, of the tables of others, and of a place in another file, which mean nothing here. */
const ELSEWHERE = /^(INHERIT|EXTLEVEL|XTENSION|ZHECKSUM|ZDATASUM|FZ\w+)$/
/** Keywords of an extension's own, and of WCS: not inherited. */
const OWN =
  /^(SIMPLE|EXTEND|EXTNAME|EXTVER|EXTLEVEL|NEXTEND|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|CHECKSUM|DATASUM|BSCALE|BZERO|BLANK|BUNIT|WCSAXES|C(RPIX|RVAL|TYPE|DELT|UNIT|ROTA)\d+[A-Z]?|(CD|PC|PV|PS)\d+_\d+[A-Z]?|WAT\d_\d+|LONPOLE|LATPOLE|RADESYS|EQUINOX|LT[MV]\d(_\d)?|COMMENT|HISTORY|CONTINUE|)$/

/** Cards that follow the mandatory ones of the window's HDU. */
export function cutoutCards({ image, primary, located }: Dataset, window: Window): Card[] {
  const own = windowCards(image.header, window.start, window.every)
  const inherits = image.header.first.get('INHERIT')?.value === true
  const inherited = inherits && primary ? primary.cards.filter(card => isMissing(own, card)) : []
  return [
    ...[...own, ...inherited].filter(({ keyword }) => !ELSEWHERE.test(keyword)).flatMap(inOrder),
    ...history(`Cutout of ${located.did}`),
    ...history(`pixels ${window.start.map((_, i) => section(window, i)).join(',')}`),
  ]
}

/** First and last pixel from 1, and the step where it is not 1, as cfitsio writes them. */
function section({ start, size, every }: Window, axis: number): string {
  const step = every?.axis === axis ? every.step : 1
  const first = start[axis]! + 1
  return `${first}:${first + (size[axis]! - 1) * step}${step === 1 ? '' : `:${step}`}`
}

function isMissing(own: readonly Card[], { keyword }: Card): boolean {
  return !OWN.test(keyword) && !own.some(card => card.keyword === keyword)
}

const history = (text: string) => plainLines('HISTORY', text)

/** Cards of text, 72 characters each. */
function plainLines(keyword: 'HISTORY' | 'COMMENT', text: string): Card[] {
  const plain = text.replace(/[^\x20-\x7e]/g, '?')
  return (plain.match(/.{1,72}/g) ?? []).map(line => parseCard(`${keyword.padEnd(8)}${line}`.padEnd(80)))
}

/** §4.4.2.1, with the form from before 1999. */
const DATE = /^(\d\d\/\d\d\/\d\d|\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d*)?)?)$/

/** A DATE… keyword whose value is no date makes a file invalid: its card is kept as a comment. */
function inOrder(card: Card): Card[] {
  if (!card.keyword.startsWith('DATE') || typeof card.value !== 'string' || DATE.test(card.value.trim()))
    return [card]
  return plainLines('COMMENT', `no FITS date: ${card.text.trimEnd()}`)
}
