/** The type of a column of texts, worked out from all of its values, so that none of them is altered. */
import type { Field } from '../../votable/field.ts'
import { readDouble, readInteger } from '../../votable/read/number.ts'

export interface Guess {
  /** Takes a value into account; a quoted one is a text unless it is a number all the same. */
  see(data: Buffer, from: number, to: number): void
  field(name: string): Field
  /** Whether there was any value. */
  seen(): boolean
}

const INTEGER = 1
const NUMBER = 2
const BOOLEAN = 4
const TIMESTAMP = 8

/** DALI 1.1 §3.3.3. */
const ISO = /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z?)?$/

export function newGuess(): Guess {
  /** What all values so far can be. */
  let kinds = INTEGER | NUMBER | BOOLEAN | TIMESTAMP
  let seen = false
  let bits = 32
  return {
    see(data, from, to) {
      if (kinds === 0 || from === to) return
      if (isNullWord(data, from, to)) {
        // A word for NULL is one among numbers only; elsewhere it is a text.
        kinds &= INTEGER | NUMBER
        return
      }
      seen = true
      const kind = kindOf(data, from, to)
      kinds &= kind
      if (kinds & INTEGER) {
        const value = readInteger(data, from, to)!
        if (bits === 32 && (value < -(2 ** 31) || value >= 2 ** 31)) bits = 64
        // Beyond 64 bits only a text keeps the digits.
        if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value) kinds = 0
      }
    },
    seen: () => seen,
    field(name) {
      if (!seen || kinds === 0) return { name, datatype: 'char', arraysize: '*' }
      if (kinds & INTEGER) return { name, datatype: bits === 32 ? 'int' : 'long' }
      if (kinds & NUMBER) return { name, datatype: 'double' }
      if (kinds & BOOLEAN) return { name, datatype: 'boolean' }
      return { name, datatype: 'char', arraysize: '*', xtype: 'timestamp' }
    },
  }
}

function kindOf(data: Buffer, from: number, to: number): number {
  const first = data[from]!
  const isNumeric = (first >= 0x30 && first <= 0x39) || first === 0x2d || first === 0x2b || first === 0x2e
  if (isNumeric) {
    // 007 is no number to whoever wrote it.
    const digits = first === 0x2d || first === 0x2b ? from + 1 : from
    const padded =
      data[digits] === 0x30 && digits + 1 < to && data[digits + 1]! >= 0x30 && data[digits + 1]! <= 0x39
    if (readInteger(data, from, to) !== undefined) return padded ? 0 : INTEGER | NUMBER
    if (readDouble(data, from, to) !== undefined) return NUMBER
    return to - from >= 10 && ISO.test(data.toString('latin1', from, to)) ? TIMESTAMP : 0
  }
  if (to - from > 9) return 0
  const word = data.toString('latin1', from, to).toLowerCase()
  if (word === 'true' || word === 'false') return BOOLEAN
  return readDouble(data, from, to) === undefined ? 0 : NUMBER
}

const NULL_WORDS = ['null', '\\n', 'n/a', 'na', '--']

/** Words that stand for NULL among numbers. */
export function isNullWord(data: Buffer, from: number, to: number): boolean {
  if (to - from > 4 || to - from < 2 || data[from]! === 0x2e || (data[from]! >= 0x30 && data[from]! <= 0x39))
    return false
  return NULL_WORDS.includes(data.toString('latin1', from, to).toLowerCase())
}

/** The field that holds the values of both columns, where both were guessed. */
export function widerField(a: Field, b: Field): Field {
  if (a.datatype === b.datatype && a.arraysize === b.arraysize)
    return a.xtype === b.xtype ? a : ({ ...a, xtype: undefined } as Field)
  const ranks = ['int', 'long', 'double']
  const [i, j] = [ranks.indexOf(a.datatype), ranks.indexOf(b.datatype)]
  if (i >= 0 && j >= 0) return { ...a, datatype: ranks[Math.max(i, j)] as Field['datatype'] }
  return { ...a, datatype: 'char', arraysize: '*' }
}
