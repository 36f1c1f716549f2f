/** Extension: the frame of a window, `ROWS BETWEEN 2 PRECEDING AND CURRENT ROW` (SQL:2003 §7.11). */
import type { FrameBound, WindowFrame } from './ast.ts'
import { accept, advance, type Cursor, complain, expect, fail, isWord } from './cursor.ts'

const USAGE = 'ROWS BETWEEN 2 PRECEDING AND CURRENT ROW'

export function windowFrame(c: Cursor): WindowFrame | undefined {
  const unit = (['ROWS', 'RANGE', 'GROUPS'] as const).find(word => isWord(c.token, word))
  if (!unit) return undefined
  const { start } = advance(c)
  const between = accept(c, 'BETWEEN')
  const from = bound(c)
  let to: FrameBound | undefined
  if (between) {
    expect(c, 'AND', 'AND and the end of the frame', USAGE)
    to = bound(c)
  }
  const span = { start: from.start, end: c.end }
  const last = to?.edge ?? 'CURRENT ROW'
  if (
    from.edge === 'UNBOUNDED FOLLOWING' ||
    last === 'UNBOUNDED PRECEDING' ||
    ORDER.indexOf(from.edge) > ORDER.indexOf(last)
  )
    complain(c, span, 'this frame ends before it begins', USAGE)
  return { unit, from, to, start, end: c.end }
}

const ORDER: readonly FrameBound['edge'][] = [
  'UNBOUNDED PRECEDING',
  'PRECEDING',
  'CURRENT ROW',
  'FOLLOWING',
  'UNBOUNDED FOLLOWING',
]

function bound(c: Cursor): FrameBound {
  const { token } = c
  const { start } = token
  if (isWord(token, 'CURRENT')) {
    advance(c)
    word(c, 'ROW')
    return { edge: 'CURRENT ROW', offset: undefined, start, end: c.end }
  }
  if (isWord(token, 'UNBOUNDED')) {
    advance(c)
    return { edge: `UNBOUNDED ${direction(c)}`, offset: undefined, start, end: c.end }
  }
  if (token.kind !== 'number') fail(c, 'UNBOUNDED, CURRENT ROW or a number', USAGE)
  advance(c)
  return { edge: direction(c), offset: token.text, start, end: c.end }
}

function direction(c: Cursor): 'PRECEDING' | 'FOLLOWING' {
  const edge = (['PRECEDING', 'FOLLOWING'] as const).find(one => isWord(c.token, one))
  if (!edge) fail(c, 'PRECEDING or FOLLOWING', USAGE, ['PRECEDING', 'FOLLOWING'])
  advance(c)
  return edge
}

function word(c: Cursor, expected: string): void {
  if (!isWord(c.token, expected)) fail(c, expected, USAGE)
  advance(c)
}
