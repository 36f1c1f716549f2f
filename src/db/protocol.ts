/**
 * The few messages of PostgreSQL's frontend/backend protocol 3.0 that a result stream needs ("Message Formats" in
 * PostgreSQL's documentation). `pg` decodes binary values as UTF-8 (node-postgres #3495) and is three times slower,
 * so a result is read from the connection's socket directly.
 */
import { StatementError } from './error.ts'

/** Simple query. */
export function queryMessage(sql: string): Buffer {
  return message('Q', cString(sql))
}

/** Parse + Bind + Describe + Execute(all rows) + Sync of the unnamed statement, values bound as text. */
export function portalMessages(sql: string, values: readonly string[], format: 0 | 1): Buffer {
  const parse = message('P', Buffer.concat([cString(''), cString(sql), int16(0)]))
  const bound = values.flatMap(value => {
    const bytes = Buffer.from(value, 'utf8')
    return [int32(bytes.length), bytes]
  })
  const bind = message(
    'B',
    Buffer.concat([
      cString(''),
      cString(''),
      int16(0),
      int16(values.length),
      ...bound,
      int16(1),
      int16(format),
    ]),
  )
  const describe = message('D', Buffer.from('P\0', 'latin1'))
  const execute = message('E', Buffer.concat([cString(''), int32(0)]))
  return Buffer.concat([parse, bind, describe, execute, message('S', Buffer.alloc(0))])
}

export const MESSAGE = {
  dataRow: 0x44, // 'D'
  rowDescription: 0x54, // 'T'
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

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 0, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

function cString(text: string): Buffer {
  return Buffer.from(`${text.replaceAll('\0', '')}\0`, 'utf8')
}

function int16(n: number): Buffer {
  const b = Buffer.alloc(2)
  b.writeInt16BE(n)
  return b
}

function int32(n: number): Buffer {
  const b = Buffer.alloc(4)
  b.writeInt32BE(n)
  return b
}
