/** Positions written as 12:34:56.7 -01:02:03: the texts stay, and columns in degrees come beside them. */
import { freeName, withColumns } from '../../votable/added-columns.ts'
import type { Field } from '../../votable/field.ts'
import { isString } from '../../votable/field.ts'
import { findPair } from '../../votable/position.ts'
import type { TableSource } from '../../votable/table-source.ts'
import type { TableBatch } from '../../votable/tuple.ts'

/** Rows that are looked at to see whether texts are positions. */
const LOOK = 100

/** The source itself when it has a position in numbers, or none at all. `closing` takes what has to be closed with it. */
export async function withDegrees(
  source: TableSource,
  closing: (() => Promise<unknown>)[],
): Promise<TableSource> {
  const { fields } = source
  if (findPair(fields)) return source
  const pair = findPair(fields, field => isString(field) && !field.arraysize?.includes('x'))
  if (!pair) return source
  const { first, batches } = await peek(source, closing)
  const seen = { ...source, batches }
  if (!first || !looksSexagesimal(first, fields.length, pair.ra, pair.dec)) return seen
  const [ra, dec] = [fields[pair.ra]!, fields[pair.dec]!]
  const added: Field[] = [
    degrees(freeName('ra_deg', fields), 'pos.eq.ra;meta.main', 'Right ascension', ra),
    degrees(freeName('dec_deg', fields), 'pos.eq.dec;meta.main', 'Declination', dec),
  ]
  const notice = `Columns ${ra.name} and ${dec.name} are sexagesimal: ${added[0]!.name} and ${added[1]!.name} have them in degrees.`
  return withColumns(
    seen,
    {
      fields: added,
      from: [pair.ra, pair.dec],
      compute(cells) {
        const texts = cells.map(cell => cell?.data.toString('utf8', cell.from, cell.to).trim())
        const values = [parseRa(texts[0]), parseDec(texts[1])]
        const wrong = values.indexOf(undefined)
        if (wrong >= 0)
          return `column ${[ra, dec][wrong]!.name}: ${JSON.stringify(texts[wrong])} is no ${wrong === 0 ? 'right ascension' : 'declination'}`
        return values as (number | null)[]
      },
    },
    notice,
  )
}

function degrees(name: string, ucd: string, what: string, from: Field): Field {
  return {
    name,
    datatype: 'double',
    unit: 'deg',
    ucd,
    description: `${what} in degrees, worked out from ${from.name}`,
  }
}

/** The first batch, which `batches` gives again. */
async function peek(
  source: TableSource,
  closing: (() => Promise<unknown>)[],
): Promise<{ first: TableBatch | undefined; batches: TableSource['batches'] }> {
  const iterator = source.batches()[Symbol.asyncIterator]()
  closing.unshift(async () => iterator.return?.())
  const { value, done } = await iterator.next()
  const first = done ? undefined : (value as TableBatch)
  async function* batches(): AsyncGenerator<TableBatch> {
    if (first) yield first
    yield* { [Symbol.asyncIterator]: () => iterator }
  }
  return { first, batches }
}

function looksSexagesimal(
  { data, starts, count }: TableBatch,
  columns: number,
  ra: number,
  dec: number,
): boolean {
  let [found, others] = [0, 0]
  for (let row = 0; row < Math.min(count, LOOK); row++) {
    let p = starts[row]! + 2
    for (let c = 0; c < columns; c++) {
      const length = data.readInt32BE(p)
      if (length > 0 && (c === ra || c === dec)) {
        const text = data.toString('utf8', p + 4, p + 4 + length).trim()
        if (text !== '') {
          if ((c === ra ? parseRa(text) : parseDec(text)) === undefined) others++
          else found++
        }
      }
      p += 4 + Math.max(0, length)
    }
  }
  return found > others
}

const PARTS =
  /^([+-]?)(\d{1,3})(?:\s*[:hd°]\s*|\s+)(\d{1,2}(?:\.\d+)?)(?:(?:\s*[:m'′]\s*|\s+)(\d{1,2}(?:\.\d*)?)?\s*(?:s|"|″|'')?)?\s*$/i

/** Hours; degrees where a `d` or `°` says so. Null for nothing, undefined for what is none. */
export function parseRa(text: string | null | undefined): number | null | undefined {
  if (!text) return null
  const value = parse(text)
  if (value === undefined || value < 0) return undefined
  const ra = /[d°]/i.test(text) ? value : 15 * value
  return ra < 360 ? ra : undefined
}

export function parseDec(text: string | null | undefined): number | null | undefined {
  if (!text || /h/i.test(text)) return text ? undefined : null
  const value = parse(text.replace(/^[−–]/, '-'))
  return value !== undefined && Math.abs(value) <= 90 ? value : undefined
}

function parse(text: string): number | undefined {
  const match = PARTS.exec(text)
  if (!match) return undefined
  const [, sign, whole, minutes, seconds = '0'] = match
  if (Number(minutes) >= 60 || Number(seconds) > 60) return undefined
  const value = Number(whole) + Number(minutes) / 60 + Number(seconds) / 3600
  return sign === '-' ? -value : value
}
