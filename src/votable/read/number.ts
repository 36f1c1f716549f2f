/**
 * Numbers from their digits in bytes. Most have few digits, and those are exact in double arithmetic: up to 15 of
 * them times or over a power of ten up to 10^22 (W. D. Clinger, "How to read floating point numbers accurately").
 * The others go through JavaScript's own conversion.
 */

const POWERS = Array.from({ length: 23 }, (_, i) => 10 ** i)
const ZERO = 0x30
const MINUS = 0x2d
const PLUS = 0x2b
const POINT = 0x2e

/** A decimal or exponential number, `NaN`, `inf`; undefined for anything else. No blanks around it. */
export function readDouble(data: Buffer, from: number, to: number): number | undefined {
  let p = from
  const first = data[p]
  if (first === MINUS || first === PLUS) p++
  let mantissa = 0
  let digits = 0
  let point = -1
  for (; p < to; p++) {
    const digit = data[p]! - ZERO
    if (digit >= 0 && digit <= 9) {
      mantissa = 10 * mantissa + digit
      digits++
    } else if (data[p] === POINT && point < 0) {
      point = digits
    } else {
      return slowDouble(data, from, to)
    }
  }
  if (digits === 0 || digits > 15) return slowDouble(data, from, to)
  const value = point < 0 ? mantissa : mantissa / POWERS[digits - point]!
  return first === MINUS ? -value : value
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?$/
const INFINITY = /^[+-]?inf(inity)?$/i

function slowDouble(data: Buffer, from: number, to: number): number | undefined {
  const text = data.toString('latin1', from, to)
  if (NUMBER.test(text)) return Number(text.replace(/d/i, 'e'))
  if (INFINITY.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  return /^[+-]?nan$/i.test(text) ? Number.NaN : undefined
}

/** A decimal integer; a bigint beyond 15 digits; undefined for anything else. No blanks around it. */
export function readInteger(data: Buffer, from: number, to: number): number | bigint | undefined {
  let p = from
  const first = data[p]
  if (first === MINUS || first === PLUS) p++
  if (p === to) return undefined
  if (to - p > 15) return slowInteger(data, from, to)
  let value = 0
  for (; p < to; p++) {
    const digit = data[p]! - ZERO
    if (digit < 0 || digit > 9) return undefined
    value = 10 * value + digit
  }
  return first === MINUS ? 0 - value : value
}

function slowInteger(data: Buffer, from: number, to: number): bigint | undefined {
  const text = data.toString('latin1', from, to)
  // An integer of more digits is beyond any type, and BigInt would work on it for long.
  return /^[+-]?\d{1,40}$/.test(text) ? BigInt(text.replace('+', '')) : undefined
}

/** Where the text begins and ends without blanks around it. */
export function trimStart(data: Buffer, from: number, to: number): number {
  while (from < to && data[from]! <= 0x20) from++
  return from
}

export function trimEnd(data: Buffer, from: number, to: number): number {
  while (to > from && data[to - 1]! <= 0x20) to--
  return to
}
