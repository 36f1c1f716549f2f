/** Cells of a FITS ASCII table (FITS Standard 4.0 §7.2.5) as PostgreSQL's binary values. */
import { decodeText } from '../../fits/card.ts'
import type { AsciiColumn } from '../../fits/table.ts'
import { markBad, putFloat64, putInt32, putInt64, putNull, putText } from '../../votable/tuple.ts'
import type { CellReader } from './fits-cell.ts'

/** Blank numbers are null: the standard would read them as 0, but no writer of a catalogue means that. */
export function asciiCell(column: AsciiColumn, sawUnicode: () => void): CellReader {
  const { form, width, name, nullText, decimals, scale, zero } = column
  if (form === 'A') {
    return {
      datatype: 'char',
      arraysize: width > 1 ? `${width}*` : undefined,
      put(source, at, _items, t) {
        const bytes = source.toString('latin1', at, at + width)
        const text = decodeText(bytes.split('\0', 1)[0]!.trimEnd())
        if (text.length > 0 && !/^[\0-\x7f]*$/.test(text)) sawUnicode()
        if (text === '' || text === nullText) putNull(t)
        else putText(t, text)
      },
    }
  }
  const whole = form === 'I' && scale === 1 && zero === 0
  const datatype = !whole ? 'double' : width <= 9 ? 'int' : 'long'
  return {
    datatype,
    arraysize: undefined,
    put(source, at, _items, t) {
      const text = source
        .toString('latin1', at, at + width)
        .replaceAll('\0', ' ')
        .trim()
      if (text === '' || text === nullText) {
        putNull(t)
        return
      }
      const value = datatype === 'long' ? parseLong(text) : parseNumber(form, text, decimals)
      if (value === undefined) {
        markBad(
          t,
          `column ${name}: ${JSON.stringify(text)} is no ${form === 'I' ? '64-bit integer' : 'number'}`,
        )
        putNull(t)
      } else if (typeof value === 'bigint') putInt64(t, value)
      else if (datatype === 'int') putInt32(t, value)
      else putFloat64(t, zero + scale * value)
    },
  }
}

function parseLong(text: string): bigint | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined
  const value = BigInt(text.replace(/^\+/, ''))
  return BigInt.asIntN(64, value) === value ? value : undefined
}

/** Exponents by E or D, or by a sign alone; a point that is not written stands before the last `decimals` digits. */
function parseNumber(form: string, text: string, decimals: number): number | undefined {
  if (form === 'I') return /^[+-]?\d+$/.test(text) ? Number(text) : undefined
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[EDed]?([+-]?\d+))?$/.exec(text.replace(/([ED]) +/i, '$1'))
  if (!match) return /^[+-]?(nan|inf(inity)?)$/i.test(text) ? special(text) : undefined
  const value = Number(`${match[1]}e${Number(match[2] ?? 0)}`)
  return match[1]!.includes('.') ? value : value / 10 ** decimals
}

function special(text: string): number | undefined {
  if (/nan/i.test(text)) return Number.NaN
  return text.startsWith('-') ? -Infinity : Infinity
}
