/** Rows of a query of our own, under the owner's role and without limits, as texts. */
import type { Compiled } from '../adql/index.ts'
import type { Database } from '../db/database.ts'
import { cellLength, openRow } from '../votable/encode.ts'
import type { RowBatch } from '../votable/row.ts'

/** Values as PostgreSQL prints them; undefined for NULL. */
export type TextRow = readonly (string | undefined)[]

export async function streamOwn(
  db: Database,
  { text, values, fields }: Compiled,
  signal: AbortSignal,
): Promise<AsyncIterable<RowBatch>> {
  const [owner] = await db.query<{ role: string }>('SELECT current_user::text AS role')
  return db.stream({
    text,
    values,
    fields,
    wire: 'text',
    role: owner!.role,
    timeoutMs: 0,
    stallMs: 2 ** 31 - 1,
    signal,
  })
}

export async function* ownRows(
  db: Database,
  compiled: Compiled,
  signal: AbortSignal,
): AsyncGenerator<readonly TextRow[]> {
  const columns = compiled.fields.length
  for await (const { data, starts, count } of await streamOwn(db, compiled, signal)) {
    const rows: TextRow[] = []
    for (let i = 0; i < count; i++) {
      let p = openRow(data, starts[i]!, columns)
      const row: (string | undefined)[] = []
      for (let c = 0; c < columns; c++) {
        const length = cellLength(data, p)
        p += 4
        row.push(length < 0 ? undefined : data.toString('utf8', p, p + length))
        p += Math.max(0, length)
      }
      rows.push(row)
    }
    yield rows
  }
}
