/** Errors of the language: offsets into the user's text become line, column and an excerpt with a caret. */
import type { Problem } from '../error.ts'
import { ServiceError } from '../error.ts'
import type { Span } from './ast.ts'

export interface Complaint extends Span {
  readonly message: string
  readonly hint?: string
  /** Where it is not the query that is wrong. */
  readonly code?: 'unauthenticated' | 'forbidden'
}

export function locate(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset)
  const lineStart = Math.max(before.lastIndexOf('\n'), before.lastIndexOf('\r')) + 1
  const line = before.split(/\r\n|\r|\n/).length
  return { line, column: offset - lineStart + 1 }
}

/** The line of text around a span, with carets under it; long lines are cut to a window. */
export function excerpt(text: string, span: Span): string {
  const before = text.slice(0, span.start)
  const lineStart = Math.max(before.lastIndexOf('\n'), before.lastIndexOf('\r')) + 1
  const ends = [text.indexOf('\n', span.start), text.indexOf('\r', span.start)].filter(i => i >= 0)
  const lineEnd = Math.min(text.length, ...ends)
  const from = span.start - lineStart > 80 ? span.start - 60 : lineStart
  const to = Math.min(lineEnd, from + 120)
  const lead = from > lineStart ? '… ' : ''
  const line = lead + text.slice(from, to).replaceAll('\t', ' ') + (to < lineEnd ? ' …' : '')
  const width = Math.max(1, Math.min(span.end, to) - span.start)
  return `${line}\n${' '.repeat(lead.length + span.start - from)}${'^'.repeat(width)}`
}

/** So many problems are shown; of more, the error says the number. */
export const MAX_PROBLEMS = 100

/** Everything that is wrong with a query, as the one error that the service answers. */
export function adqlError(text: string, complaints: readonly Complaint[]): ServiceError {
  const problems: Problem[] = complaints.slice(0, MAX_PROBLEMS).map(({ code: _, ...c }) => ({
    ...locate(text, c.start),
    ...c,
  }))
  const blocks = problems.map(p => {
    const where = `line ${p.line}, column ${p.column}: ${p.message}`
    return `${where}\n${excerpt(text, p)}${p.hint ? `\n${p.hint}` : ''}`
  })
  const more = complaints.length - problems.length
  if (more > 0) blocks.push(`… and ${more} more`)
  const first = problems[0]
  const message =
    problems.length === 1 && first
      ? `ADQL error at line ${first.line}, column ${first.column}: ${first.message}`
      : `ADQL: ${complaints.length} problems in this query`
  const detail =
    problems.length === 1 && first
      ? excerpt(text, first) + (first.hint ? `\n${first.hint}` : '')
      : blocks.join('\n')
  const code = complaints.find(c => c.code !== undefined)?.code ?? 'usage'
  return new ServiceError(code, message, { detail, problems })
}
