/** How a text without a declared format is laid out: what is between cells, and which records are no rows. */
import { ServiceError } from '../../error.ts'
import { newGuess } from './guess.ts'
import { type Cells, cellText, type Dialect, newCells, scanRecord } from './records.ts'

export interface Layout {
  readonly dialect: Dialect
  readonly names: readonly string[]
  readonly units: readonly (string | undefined)[]
  /** Records before the first row. */
  readonly skip: number
  /** Lines that begin with `#` are comments. */
  readonly comments: boolean
}

const HASH = 0x23
const DELIMITERS = [0x2c, 0x3b, 0x09, 0x7c, 0x20]
/** Records that are looked at. */
const MOST_RECORDS = 200

export function isHash(data: Buffer, p: number): boolean {
  return data[p] === HASH
}

/** From the beginning of the file as UTF-8; `whole`: that is all of it. */
export function layoutOf(head: Buffer, whole: boolean): Layout {
  const comments = isHash(head, 0)
  const candidates = DELIMITERS.map(delimiter => {
    const dialect: Dialect = { delimiter, multiline: delimiter !== 0x09 }
    const records = recordsOf(head, whole, dialect)
    return { dialect, records, columns: columnsOf(records) }
  })
  const best = candidates.reduce((a, b) => (b.columns > a.columns ? b : a))
  const { dialect, records } = best.columns > 1 ? best : candidates[0]!
  if (records.length === 0) throw new ServiceError('usage', 'the file has no rows')
  if (best.columns <= 1) refuseDrawings(head, candidates)
  return { dialect, comments, ...headerOf(records, lastComment(head, dialect)) }
}

/** Tables with frames, or with a head of their own above the rows (TST): read as one column of texts they are lost. */
function refuseDrawings(
  head: Buffer,
  candidates: readonly { dialect: Dialect; records: string[][] }[],
): void {
  const isFramed = /(^|\n)\+-[-+]*\+\r?\n/.test(head.toString('latin1', 0, 65_536))
  const isTabbed = candidates.some(
    ({ dialect, records }) => dialect.delimiter === 0x09 && records.length > 2 && columnsOf(records, 0.5) > 1,
  )
  if (!isFramed && !isTabbed) return
  throw new ServiceError('usage', 'the lines have not equally many cells, so columns cannot be told', {
    detail: 'Save the table as CSV, ECSV, VOTable or FITS, with nothing above the names of the columns.',
  })
}

function recordsOf(head: Buffer, whole: boolean, dialect: Dialect): string[][] {
  const cells: Cells = newCells()
  const records: string[][] = []
  let p = 0
  while (p < head.length && records.length < MOST_RECORDS) {
    let next: number
    try {
      next = scanRecord(head, p, whole, dialect, cells)
    } catch (error) {
      if (error instanceof ServiceError) return records
      throw error
    }
    if (next < 0) break
    const isBlank = cells.count === 0 || (cells.count === 1 && cells.from[0] === cells.to[0])
    if (!isBlank && !isHash(head, p)) {
      records.push(Array.from({ length: cells.count }, (_, i) => cellText(head, cells, i)))
    }
    p = next
  }
  return records
}

/** Columns, when nearly all records (or another part of them) have as many; 0 otherwise. */
function columnsOf(records: readonly string[][], part = 0.9): number {
  const counts = new Map<number, number>()
  for (const { length } of records) counts.set(length, (counts.get(length) ?? 0) + 1)
  const [columns, times] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), [0, 0])
  return times >= part * records.length ? columns : 0
}

/** The cells of the last comment line before the first record: names, for some writers. */
function lastComment(head: Buffer, dialect: Dialect): string[] | undefined {
  const lines = head.toString('utf8', 0, 65_536).split(/\r\n|\n|\r/)
  const first = lines.findIndex(line => !line.startsWith('#') && line.trim() !== '')
  const line = lines[first - 1]
  if (!line?.startsWith('#')) return undefined
  return recordsOf(Buffer.from(`${line.replace(/^#\s*/, '')}\n`), true, dialect)[0]
}

function headerOf(
  records: readonly string[][],
  comment: string[] | undefined,
): Pick<Layout, 'names' | 'units' | 'skip'> {
  const first = records[0]!
  const isDashes = (record: string[] | undefined) => record?.every(cell => /^-+$/.test(cell)) === true
  const unitsOf = (record: string[] | undefined) => first.map((_, i) => record?.[i]?.trim() || undefined)
  // VizieR: names, units, dashes.
  if (isDashes(records[2])) return { names: first, units: unitsOf(records[1]), skip: 3 }
  if (isDashes(records[1])) return { names: first, units: unitsOf(undefined), skip: 2 }
  const units = unitsOf(undefined)
  if (looksLikeNames(records)) return { names: first, units, skip: 1 }
  if (comment && comment.length === first.length) return { names: comment, units, skip: 0 }
  return { names: first.map((_, i) => `col${i + 1}`), units, skip: 0 }
}

/** Names are no numbers, and differ in kind from the values below wherever those have one. */
function looksLikeNames([first, ...rows]: readonly string[][]): boolean {
  const cells = first!
  const typeOf = (values: readonly string[]) => {
    const guess = newGuess()
    for (const value of values) {
      const bytes = Buffer.from(value)
      guess.see(bytes, 0, bytes.length)
    }
    const { datatype, xtype } = guess.field('')
    return xtype ?? datatype
  }
  const own = cells.map(cell => typeOf([cell]))
  if (rows.length === 0) return own.every(type => type === 'char')
  const below = cells.map((_, i) => typeOf(rows.map(row => row[i] ?? '')))
  if (own.some((type, i) => type !== 'char' && (type === below[i] || below[i] === 'char'))) return false
  if (own.some((type, i) => type === 'char' && below[i] !== 'char' && cells[i] !== '')) return true
  // Texts only: names are there, each once, and are no long texts.
  const named = cells.filter(cell => cell !== '')
  return new Set(named).size === named.length && named.length === cells.length
}
