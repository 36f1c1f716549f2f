/** From the names in a file to names in TAP_SCHEMA and in PostgreSQL. */
import { ServiceError } from '../error.ts'
import { adqlName } from '../tap/publish.ts'
import type { Field } from '../votable/field.ts'

export interface TableName {
  /** Lower case: TAP_SCHEMA and PostgreSQL have the same schemas. */
  readonly schema: string
  /** Unquoted, in the user's spelling. */
  readonly table: string
  /** As PostgreSQL has it, in lower case. */
  readonly sqlTable: string
}

/** Schemas that are not the surveys' own. */
export const RESERVED =
  /^(tap_schema|tap_upload|ivoa|uws|auth|almagest|adql|pgsphere|information_schema|pg_.*|mydb(_.*)?)$/

/** PostgreSQL's names hold 63 bytes; some are left for the suffix of a table built beside. */
const MAX_TABLE_BYTES = 56
const MAX_COLUMN_BYTES = 63

/** `schema.table`, each part a regular identifier or anything in double quotes. Throws `usage`. */
export function parseTableName(text: string): TableName {
  const part = '([A-Za-z][A-Za-z0-9_]*|"(?:[^"\\0]|"")+")'
  const match = new RegExp(`^${part}\\.${part}$`).exec(text)
  if (!match) {
    throw new ServiceError('usage', `'${text}' is no table name.`, {
      detail: 'It must be schema.table, letters, digits and _ in each part, or a part in double quotes.',
    })
  }
  const plain = (written: string) =>
    written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written
  const [schema, table] = [plain(match[1]!).toLowerCase(), plain(match[2]!)]
  const sqlTable = table.toLowerCase()
  if (RESERVED.test(schema)) {
    throw new ServiceError(
      'usage',
      `Schema ${schema} is the service's own: choose another one for your tables.`,
    )
  }
  if (Buffer.byteLength(schema) > MAX_COLUMN_BYTES || Buffer.byteLength(sqlTable) > MAX_TABLE_BYTES) {
    throw new ServiceError(
      'usage',
      `'${text}' is too long: a schema may have ${MAX_COLUMN_BYTES} bytes and a table ${MAX_TABLE_BYTES}.`,
    )
  }
  return { schema, table, sqlTable }
}

export interface NamedColumn {
  readonly field: Field
  readonly sqlName: string
  /** Index in the file. */
  readonly source: number
}

/** PostgreSQL's system columns, and the two that every table with positions gets. */
const SYSTEM = ['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']

/**
 * Makes every name usable and, without regard to case, unique; what had to be changed is told in `notices` and kept
 * in the column's description.
 */
export function nameColumns(fields: readonly Field[], notices: string[]): NamedColumn[] {
  const published = new Set<string>()
  const stored = new Set(SYSTEM)
  return fields.map((field, source) => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they cannot be typed, nor written in XML
    const written = field.name.replace(/[\0-\x1f\x7f]+/g, '_').trim()
    const name = unique(written === '' ? `col${source + 1}` : written, published, Number.POSITIVE_INFINITY)
    const sqlName = unique(name.toLowerCase(), stored, MAX_COLUMN_BYTES)
    if (name === field.name) return { field, sqlName, source }
    const original = `column ${source + 1} of the file, named ${JSON.stringify(field.name)}`
    notices.push(`Column ${adqlName(name)} is ${original}.`)
    const description = [field.description, `(${original})`].filter(Boolean).join(' ')
    return { field: { ...field, name, description }, sqlName, source }
  })
}

/** A column's name in PostgreSQL. */
export function sqlColumnName(name: string): string {
  return unique(name.toLowerCase(), new Set(SYSTEM), MAX_COLUMN_BYTES)
}

/** The name cut to so many bytes, or with _2, _3 … after it, whichever is not taken; takes it. */
function unique(name: string, taken: Set<string>, maxBytes: number): string {
  for (let n = 1; ; n++) {
    const suffix = n === 1 ? '' : `_${n}`
    const candidate = cut(name, maxBytes - suffix.length) + suffix
    if (taken.has(candidate.toLowerCase())) continue
    taken.add(candidate.toLowerCase())
    return candidate
  }
}

/** At most so many bytes of UTF-8, whole characters. */
function cut(text: string, maxBytes: number): string {
  let kept = text
  while (Buffer.byteLength(kept) > maxBytes) kept = [...kept].slice(0, -1).join('')
  return kept
}
