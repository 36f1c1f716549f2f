/**
 * The cards of an image for a window of it: reference pixels move, everything else stays as it is written. SIP, TPV and
 * TNX count from CRPIX or on the sky, so they stay right by themselves. What the standard excludes beside each other
 * and readers leave out goes: CD and CROTA where there is PC, CROTA where there is CD (§8.1).
 */
import { type Card, parseCard } from '../card.ts'
import { cardText } from '../card-text.ts'
import type { Header } from '../header.ts'
import type { Window } from '../window.ts'

/**
 * `start`: first pixel of the window, from 0, the fastest axis first. An axis of which every nth pixel is taken must not
 * be mixed with others.
 */
export function windowCards(header: Header, start: readonly number[], every?: Window['every']): Card[] {
  const cards = header.cards
    .filter(card => !excluded(header, card))
    .map(card => moved(card, start))
    .map(card => (every ? stretchedBy(card, every) : card))
  const added = start.flatMap((first, i) => {
    // CRPIX is 0 where it is missing, which a window must say.
    const missing = first !== 0 && !header.first.has(`CRPIX${i + 1}`) && header.first.has(`CTYPE${i + 1}`)
    return missing ? [parseCard(cardText(`CRPIX${i + 1}`, -first, 'reference pixel'))] : []
  })
  const has = (keyword: string) => cards.some(card => card.keyword === keyword)
  if (every && !has(`CDELT${every.axis + 1}`) && !has(`CD${every.axis + 1}_${every.axis + 1}`))
    added.push(parseCard(cardText(`CDELT${every.axis + 1}`, every.step, 'step of the axis')))
  // WCSAXES must come before the other WCS keywords.
  const isAxes = ({ keyword }: Card) => /^WCSAXES[A-Z]?$/.test(keyword)
  return [...cards.filter(isAxes), ...cards.filter(card => !isAxes(card)), ...added]
}

/** CRPIXj of every description, LTVj (IRAF: pixel from the one of the detector), CNPIXj (DSS: corner on the plate). */
function moved(card: Card, start: readonly number[]): Card {
  const match = /^(CRPIX|LTV|CNPIX)([1-9])([A-Z]?)$/.exec(card.keyword)
  const first = match ? start[Number(match[2]) - 1] : undefined
  if (!match || !first || typeof card.value !== 'number' || card.text.startsWith('HIERARCH')) return card
  const value = match[1] === 'CNPIX' ? card.value + first : card.value - first
  return parseCard(cardText(card.keyword, value, card.comment.replace(/[^\x20-\x7e]/g, '?')))
}

/** The step of the axis, and where its reference pixel comes to be. */
function stretchedBy(card: Card, { axis, step }: NonNullable<Window['every']>): Card {
  const n = axis + 1
  const match = new RegExp(`^(CRPIX${n}|CDELT${n}|CD${n}_${n})[A-Z]?$`).exec(card.keyword)
  if (!match || typeof card.value !== 'number') return card
  const value = match[1]!.startsWith('CRPIX') ? (card.value - 1) / step + 1 : card.value * step
  return parseCard(cardText(card.keyword, value, card.comment.replace(/[^\x20-\x7e]/g, '?')))
}

function excluded(header: Header, { keyword }: Card): boolean {
  const match = /^(?:CD(?:\d+_\d+)|CROTA\d+)([A-Z]?)$/.exec(keyword)
  if (!match) return false
  const has = (kind: string) => {
    const pattern = new RegExp(`^${kind}\\d+_\\d+${match[1]}$`)
    return [...header.first.keys()].some(name => pattern.test(name))
  }
  return has('PC') || (keyword.startsWith('CROTA') && has('CD'))
}
