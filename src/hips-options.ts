/** What the verbs of `hips` that begin with a table have in common. */
import type { TableMeta } from './adql/tables.ts'
import { UsageError } from './command.ts'
import { adqlTableName } from './tap/publish.ts'
import type { Catalog } from './tap/tap-schema.ts'

/** The table that the one word on the command line names. */
export function publishedTable(
  { tables, schemas }: Catalog,
  positionals: readonly string[],
): { readonly table: TableMeta; readonly tableName: string; readonly description: string | undefined } {
  const [word, ...more] = positionals
  if (word === undefined || more.length > 0) throw new UsageError('name one table: schema.table')
  const table = tables.all.find(one => `${one.schema}.${one.name}`.toLowerCase() === word.toLowerCase())
  if (!table) throw new UsageError(`there is no published table ${word}; npx almagest list shows them`)
  const described = schemas
    .flatMap(schema => schema.tables)
    .find(({ name }) => name.toLowerCase() === word.toLowerCase())
  return { table, tableName: adqlTableName(table.schema, table.name), description: described?.description }
}

export function treeName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name))
    throw new UsageError(`--name: '${name}' may only have letters, digits, and _ . - after the first`)
  return name
}

export function integerOption(option: string, text: string, low: number, high: number): number {
  const n = Number(text)
  if (!Number.isInteger(n) || n < low || n > high)
    throw new UsageError(`--${option}: must be an integer from ${low} to ${high}, not '${text}'`)
  return n
}

/** `--property KEY=VALUE`, repeated; and the table that the tree is made of, whose access rule is that of the tree. */
export function propertiesOption(
  tableName: string,
  given: readonly string[] = [],
): readonly (readonly [string, string])[] {
  const own = given.map(text => {
    const [, key, value] = /^([a-z0-9_]+)=(.*)$/.exec(text) ?? []
    if (key === undefined) throw new UsageError(`--property: '${text}' is not KEY=VALUE`)
    return [key, value!] as const
  })
  return [...own, ['almagest_table', tableName]]
}
