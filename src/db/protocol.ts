/**
 * The few messages of PostgreSQL's frontend/backend protocol 3.0 that a result stream needs ("Message Formats" in
 * PostgreSQL's documentation). `pg` decodes binary values as UTF-8 (node-postgres #3495) and is three times slower,
 * so a result is read from the connection's socket directly.
 */
import { StatementError } from './error.ts'

/**
 * A whole transaction in one buffer and with one Sync, so that PostgreSQL answers in one piece: Parse + Bind + Execute
 * of each statement, of the query with values bound as text, Describe, and all rows. After an error PostgreSQL skips
 * the rest, COMMIT too.
 */
export function transactionMessages(
  begin: readonly string[],
  sql: string,
  values: readonly string[],
  format: 0 | 1,
): Buffer {
  const bound = values.map(value => Buffer.from(value, 'utf8'))
  let room = 200 + 3 * sql.length
  for (const statement of begin) room += 50 + 3 * statement.length
  for (const value of bound) room += 4 + value.length
  const out: Out = { bytes: Buffer.allocUnsafe(room), at: 0 }
  for (const statement of begin) command(out, statement, [], 0, false)
  command(out, sql, bound, format, true)
  command(out, 'COMMIT', [], 0, false)
  endMessage(out, beginMessage(out, 'S'))
  return out.bytes.subarray(0, out.at)
}

/** Simple query. */
export function queryMessage(sql: string): Buffer {
  const out: Out = { bytes: Buffer.allocUnsafe(10 + 3 * sql.length), at: 0 }
  const start = beginMessage(out, 'Q')
  cString(out, sql)
  endMessage(out, start)
  return out.bytes.subarray(0, out.at)
}

/** Parse + Bind + Execute of the unnamed statement, with Describe where rows are to come. */
function command(out: Out, sql: string, bound: readonly Buffer[], format: 0 | 1, described: boolean): void {
  let start = beginMessage(out, 'P')
  cString(out, '')
  cString(out, sql)
  int16(out, 0)
  endMessage(out, start)
  start = beginMessage(out, 'B')
  cString(out, '')
  cString(out, '')
  int16(out, 0)
  int16(out, bound.length)
  for (const value of bound) {
    int32(out, value.length)
    out.at += value.copy(out.bytes, out.at)
  }
  int16(out, 1)
  int16(out, format)
  endMessage(out, start)
  if (described) {
    start = beginMessage(out, 'D')
    cString(out, 'P')
    endMessage(out, start)
  }
  start = beginMessage(out, 'E')
  cString(out, '')
  int32(out, 0)
  endMessage(out, start)
}

interface Out {
  readonly bytes: Buffer
  at: number
}

/** Returns where its length belongs. */
function beginMessage(out: Out, type: string): number {
  out.bytes[out.at] = type.charCodeAt(0)
  out.at += 5
  return out.at - 4
}

function endMessage(out: Out, start: number): void {
  out.bytes.writeInt32BE(out.at - start, start)
}

function cString(out: Out, text: string): void {
  out.at += out.bytes.write(text.replaceAll('\0', ''), out.at, 'utf8')
  out.bytes[out.at++] = 0
}

function int16(out: Out, n: number): void {
  out.at = out.bytes.writeInt16BE(n, out.at)
}

function int32(out: Out, n: number): void {
  out.at = out.bytes.writeInt32BE(n, out.at)
}

export const MESSAGE = {
  dataRow: 0x44, // 'D'
  rowDescription: 0x54, // 'T'
  complete: 0x43, // 'C'
  error: 0x45, // 'E'
  ready: 0x5a, // 'Z'
} as const

/** Type OIDs of a RowDescription's columns. */
export function describedTypes(body: Buffer): number[] {
  const oids: number[] = []
  let at = 2
  for (let i = body.readInt16BE(0); i > 0; i--) {
    at = body.indexOf(0, at) + 1 + 4 + 2
    oids.push(body.readInt32BE(at))
    at += 4 + 2 + 4 + 2
  }
  return oids
}

/** An ErrorResponse. */
export function errorOf(body: Buffer): StatementError {
  const parts = new Map<string, string>()
  let at = 0
  while (body[at]) {
    const end = body.indexOf(0, at + 1)
    parts.set(String.fromCharCode(body[at]!), body.toString('utf8', at + 1, end))
    at = end + 1
  }
  const position = parts.get('P')
  return new StatementError(
    parts.get('C') ?? 'XX000',
    parts.get('M') ?? 'unknown error',
    position === undefined ? undefined : Number(position) - 1,
    parts.get('D'),
  )
}
