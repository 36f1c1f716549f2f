/**
 * The WCS keywords of a header's primary description (FITS Standard 4.0 §8; alternates A–Z are left alone), collected
 * as wcslib does: of a keyword that is there twice the last one counts, deprecated forms are understood (PC001001,
 * CD001001, CROTAn, RADECSYS, EPOCH), and the number of axes is the largest that any keyword speaks of.
 */
import type { Card } from '../card.ts'
import { fitsError, type Header } from '../header.ts'

export interface WcsKeywords {
  readonly title: string
  /** Axes of pixels and of the world. */
  readonly axes: number
  /** A number by its keyword; undefined when it is absent. A keyword that is no number throws. */
  number(keyword: string): number | undefined
  text(keyword: string): string | undefined
  /** PCi_j or CDi_j, from 1. */
  matrix(kind: 'PC' | 'CD', i: number, j: number): number | undefined
  readonly has: { readonly pc: boolean; readonly cd: boolean; readonly crota: boolean }
  /** PVi_m of world axis i, from 1: m and value. */
  parameters(axis: number): ReadonlyMap<number, number>
}

/** More axes than this are a mistake. */
const MAX_AXES = 32

const PER_AXIS = /^(?:CRPIX|CDELT|CTYPE|CRVAL|CUNIT|CROTA)([1-9]\d?)$/
const PER_PAIR = /^(PC|CD)(\d+)_(\d+)$/
const OLD_PAIR = /^(PC|CD)(\d{3})(\d{3})$/
const PARAMETER = /^PV(\d+)_(\d+)$/

export function wcsKeywords(header: Header): WcsKeywords {
  const { title } = header
  const last = new Map<string, Card>()
  let axes = 0
  for (const card of header.cards) {
    const keyword = canonical(card)
    if (keyword === undefined) continue
    last.set(keyword, card)
    const pair = PER_PAIR.exec(keyword)
    const indices = pair ? [pair[2], pair[3]] : [PER_AXIS.exec(keyword)?.[1] ?? PARAMETER.exec(keyword)?.[1]]
    for (const index of indices) axes = Math.max(axes, Number(index ?? 0))
  }
  const number = (keyword: string): number | undefined => {
    const card = last.get(keyword)
    if (card === undefined || (card.value === undefined && !card.problem)) return undefined
    if (typeof card.value !== 'number' && typeof card.value !== 'bigint') {
      throw fitsError(
        title,
        `keyword ${keyword} is ${JSON.stringify(card.value ?? card.text.slice(10).trim())}, not a number`,
      )
    }
    return Number(card.value)
  }
  const text = (keyword: string): string | undefined => {
    const value = last.get(keyword)?.value
    if (value !== undefined && typeof value !== 'string') {
      throw fitsError(title, `keyword ${keyword} is ${JSON.stringify(value)}, not a string`)
    }
    return value?.trimEnd()
  }
  axes = Math.max(axes, number('NAXIS') ?? 0, number('WCSAXES') ?? 0)
  if (axes > MAX_AXES)
    throw fitsError(title, `its WCS keywords speak of ${axes} axes; the most is ${MAX_AXES}`)
  const keywords = [...last.keys()]
  return {
    title,
    axes,
    number,
    text,
    matrix: (kind, i, j) => number(`${kind}${i}_${j}`),
    has: {
      pc: keywords.some(keyword => /^PC\d+_\d+$/.test(keyword)),
      cd: keywords.some(keyword => /^CD\d+_\d+$/.test(keyword)),
      crota: keywords.some(keyword => /^CROTA\d+$/.test(keyword)),
    },
    parameters(axis) {
      const found = new Map<number, number>()
      for (const keyword of keywords) {
        const match = PARAMETER.exec(keyword)
        const value = match && Number(match[1]) === axis ? number(keyword) : undefined
        if (match && value !== undefined) found.set(Number(match[2]), value)
      }
      return found
    },
  }
}

/** The keyword without leading zeros in its indices; undefined for cards that cannot be WCS keywords. */
function canonical({ keyword, text }: Card): string | undefined {
  if (text.startsWith('HIERARCH') || keyword === '' || keyword === 'COMMENT' || keyword === 'HISTORY')
    return undefined
  const pair = OLD_PAIR.exec(keyword) ?? PER_PAIR.exec(keyword)
  if (pair) return `${pair[1]}${Number(pair[2])}_${Number(pair[3])}`
  const parameter = PARAMETER.exec(keyword)
  if (parameter) return `PV${Number(parameter[1])}_${Number(parameter[2])}`
  return keyword
}
