/** The query doctor's answer for people at a terminal. */
import { excerpt } from '../adql/error.ts'
import type { TextSpan } from '../error.ts'
import type { Field } from '../votable/field.ts'
import type { Check } from './check.ts'

export function checkText(check: Check, query: string): string {
  const { ok, problems, infos, sql, fields, estimate, plan, suggestions } = check
  const parts = [
    ok
      ? 'OK: this query can run.'
      : `${problems.length === 1 ? 'A problem' : `${problems.length} problems`} in this query.`,
    ...problems.map(p => pointed(query, p, p.message, p.hint)),
  ]
  if (estimate && plan) {
    const { class: kind, index, shards } = plan
    parts.push(
      [
        `  rows    ${amount(estimate.rows)}`,
        `  size    ${size(estimate.bytes)}`,
        `  time    ${duration(estimate.seconds)}`,
        `  plan    ${kind}${index ? `, ${kind === 'index' ? 'by' : 'and'} the index on ${index}` : ''}${shards === null ? '' : `, on ${shards} shards`}`,
      ].join('\n'),
    )
  }
  if (suggestions.length > 0)
    parts.push('To make it better:', ...suggestions.map(s => pointed(query, s, s.message, s.hint)))
  if (infos.length > 0) parts.push(`Notes:\n${infos.map(info => `  ${info}`).join('\n')}`)
  if (fields.length > 0) parts.push(`Columns:\n${fields.map(f => `  ${fieldLine(f)}`).join('\n')}`)
  if (sql !== null) parts.push(`SQL:\n  ${sql}`)
  return `${parts.join('\n\n')}\n`
}

function pointed(query: string, at: TextSpan, message: string, hint: string | null | undefined): string {
  const lines = [`line ${at.line}, column ${at.column}: ${message}`, ...excerpt(query, at).split('\n')]
  if (hint) lines.push(...hint.split('\n'))
  return lines.map((line, i) => (i === 0 ? line : `  ${line}`)).join('\n')
}

function fieldLine({ name, datatype, arraysize, unit, ucd }: Field): string {
  const type = arraysize === undefined ? datatype : `${datatype}(${arraysize})`
  return [name.padEnd(24), type.padEnd(12), unit ?? '', ucd ?? ''].join(' ').trimEnd()
}

const amount = (n: number): string => (n === 1 ? 'about 1' : `about ${rounded(n).toLocaleString('en')}`)

const rounded = (n: number): number => (n < 100 ? n : Number(n.toPrecision(2)))

function size(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `about ${Number((bytes / 1000 ** step).toPrecision(2))} ${units[step]}`
}

function duration(seconds: number): string {
  if (seconds < 0.1) return 'less than 0.1 s'
  return seconds < 120
    ? `about ${Number(seconds.toPrecision(2))} s`
    : `about ${Math.round(seconds / 60)} minutes`
}
