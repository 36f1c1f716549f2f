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
body { margin: 1.5rem; width: fit-content; min-width: calc(100% - 3rem) }
h1, .query, .end { position: sticky; left: 1.5rem; max-width: calc(100vw - 3rem); box-sizing: border-box }
h1 { font-size: 1.5rem; width: fit-content }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid #888; padding-left: .8rem }
table { width: max-content; border-spacing: 0; font-variant-numeric: tabular-nums }
th, td { padding: .15rem .7rem; border-bottom: 1px solid #8884; text-align: left; vertical-align: top }
td { white-space: pre-wrap; overflow-wrap: break-word; max-width: 40em }
th { position: sticky; top: 0; background: Canvas; vertical-align: bottom; border-bottom: 2px solid #8888 }
th[title] { cursor: help; text-decoration: underline dotted #888; text-underline-offset: .2em }
th small { display: block; font-weight: normal; opacity: .7; height: 1.4em }
.n { text-align: right; white-space: nowrap }
tbody tr:hover { background: #8882 }
.end { background: Canvas; padding: .4rem 0; width: fit-content }
.note { bottom: 0; font-weight: bold; padding: .4rem .8rem; border-left: 3px solid #c60 }
@media (max-width: 40em) {
  :root { font-size: 13px }
  body { margin: .8rem }
  h1, .query, .end { left: .8rem; max-width: calc(100vw - 1.6rem) }
  th, td { padding: .15rem .4rem }
}
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
    const unit = `<small>${escapeText(field.unit ?? '')}</small>`
    const facts = [field.description, field.ucd && `UCD: ${field.ucd}`].filter(Boolean).join('\n')
    const hint = facts ? ` title="${escapeAttribute(facts)}"` : ''
    return `<th scope="col"${isNumber(field) ? ' class="n"' : ''}${hint}>${escapeText(field.name)}${unit}</th>`
  })
  return [
    `<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>${title}</title>`,
    `<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head>\n<body><h1>${title}</h1>\n`,
    query ? `<pre class="query">${escapeText(query.value)}</pre>\n` : '',
    `<table><thead><tr>${columns.join('')}</tr></thead>\n<tbody>\n`,
  ].join('')
}

/** What is missing stays in sight at the foot of the window, however long the table. */
function ending({ outcome }: RowSource): string {
  const rows = `${outcome.rows} row${outcome.rows === 1 ? '' : 's'}`
  if (outcome.error !== undefined) {
    return `<div class="end note" role="alert">The rows are incomplete:<pre>${escapeText(outcome.error)}</pre></div>\n`
  }
  if (outcome.overflow)
    return `<p class="end note">${rows}; there are more: the limit (MAXREC) is reached.</p>\n`
  return `<p class="end">${rows}</p>\n`
}

export const htmlWriter: Writer = { wire: 'text', saysOverflow: true, write: writeHtml }
