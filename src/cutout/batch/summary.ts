/** The table that tells what became of each position and band of a batch, as CSV. */

export interface SummaryRow {
  readonly row: number
  readonly name: string | undefined
  readonly ra: number | undefined
  readonly dec: number | undefined
  readonly band: string
  /** `partial`: ends at the edge of the image. */
  readonly status: 'ok' | 'partial' | 'unmatched' | 'error'
  readonly file: string
  readonly did: string
  readonly width: number | undefined
  readonly height: number | undefined
  readonly message: string
}

const COLUMNS = [
  'row',
  'name',
  'ra',
  'dec',
  'band',
  'status',
  'file',
  'did',
  'width',
  'height',
  'message',
] as const

export function summaryCsv(rows: readonly SummaryRow[]): Buffer {
  const lines = rows.map(row => COLUMNS.map(column => quoted(row[column])).join(','))
  return Buffer.from(`${[COLUMNS.join(','), ...lines].join('\r\n')}\r\n`)
}

function quoted(value: string | number | undefined): string {
  const text = String(value ?? '')
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
