/** A page with the rows as a table, for a person with a browser and nothing else. */
import type { CellEncoder } from '../votable/binary-cell.ts'
import type { DocumentHead } from '../votable/document.ts'
import { encodeRows } from '../votable/encode.ts'
import type { Field } from '../votable/field.ts'
import { isString } from '../votable/field.ts'
import type { RowSource } from '../votable/row.ts'
import { VOTABLE, xmlText } from '../votable/tabledata.ts'
import { textRowEncoder } from '../votable/text-row.ts'
import { escapeAttribute, escapeText } from '../votable/xml.ts'
import type { Writer } from './writer.ts'

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif }
body { margin: 1.5rem }
pre { white-space: pre-wrap; border-left: 3px solid #888; padding-left: .8rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .15rem .7rem; border-bottom: 1px solid #8884; text-align: left; white-space: pre-wrap }
th { position: sticky; top: 0; background: Canvas; vertical-align: bottom }
th small { display: block; font-weight: normal; opacity: .7 }
.n { text-align: right; white-space: nowrap }
.note { font-weight: bold }
`

async function* writeHtml(source: RowSource, head: DocumentHead): AsyncGenerator<Uint8Array, void> {
  const { fields } = source
  const string: CellEncoder = xmlText(() => {})
  const open = fields.map(field => (isNumber(field) ? '<td class="n">' : '<td>'))
  const framing = {
    before: (i: number) => `${i === 0 ? '<tr>' : '</td>'}${open[i]}`,
    after: '</td></tr>\n',
    nothing: () => '',
  }
  yield Buffer.from(beginning(fields, head))
  yield* encodeRows(source, textRowEncoder(fields, { ...VOTABLE, string }, framing))
  yield Buffer.from(`</tbody></table>\n${ending(source)}</body></html>\n`)
}

function isNumber(field: Field): boolean {
  return !isString(field) && field.arraysize === undefined
}

function beginning(fields: readonly Field[], head: DocumentHead): string {
  const title = escapeText(head.description ?? 'Query result')
  const query = head.infos.find(info => info.name === 'QUERY')
  const columns = fields.map(field => {
    const unit = field.unit ? `<small>${escapeText(field.unit)}</small>` : ''
    const hint = field.description ? ` title="${escapeAttribute(field.description)}"` : ''
    return `<th scope="col"${isNumber(field) ? ' class="n"' : ''}${hint}>${escapeText(field.name)}${unit}</th>`
  })
  return [
    `<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>${title}</title>`,
    `<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head>\n<body><h1>${title}</h1>\n`,
    query ? `<pre>${escapeText(query.value)}</pre>\n` : '',
    `<table><thead><tr>${columns.join('')}</tr></thead>\n<tbody>\n`,
  ].join('')
}

function ending({ outcome }: RowSource): string {
  const rows = `${outcome.rows} row${outcome.rows === 1 ? '' : 's'}`
  if (outcome.error !== undefined) {
    return `<p class="note" role="alert">The rows are incomplete:</p><pre>${escapeText(outcome.error)}</pre>\n`
  }
  if (outcome.overflow) return `<p class="note">${rows}; there are more: the limit (MAXREC) is reached.</p>\n`
  return `<p>${rows}</p>\n`
}

export const htmlWriter: Writer = { wire: 'text', saysOverflow: true, write: writeHtml }
