/** What of the catalogue somebody may see. */
import { matches, type NamePart, type TableMeta, type Tables, tablesOf } from '../adql/tables.ts'
import { type AccessRule, type Closed, isAdmitted, namedGroups, type Rules, refusal } from '../auth/access.ts'
import type { Identity } from '../auth/identity.ts'
import type { SchemaDescription } from '../vosi/tables.ts'
import { adqlTableName } from './publish.ts'
import type { Catalog } from './tap-schema.ts'

/** One for all who belong to the same groups of those that count, as long as catalogue and rules stay as they are. */
const known = new WeakMap<Catalog, WeakMap<Rules, Map<string, Catalog>>>()

export function visibleTo(catalog: Catalog, rules: Rules, identity: Identity): Catalog {
  if (rules.closed.length === 0) return catalog
  const ofCatalog = known.get(catalog) ?? new WeakMap<Rules, Map<string, Catalog>>()
  known.set(catalog, ofCatalog)
  const ofRules = ofCatalog.get(rules) ?? new Map<string, Catalog>()
  ofCatalog.set(rules, ofRules)
  const key = identity.name === undefined ? '' : `+${namedGroups(rules, identity.groups).join('\0')}`
  const found = ofRules.get(key)
  if (found) return found
  const made = filtered(catalog, rules, identity)
  ofRules.set(key, made)
  return made
}

function filtered(catalog: Catalog, rules: Rules, identity: Identity): Catalog {
  const isVisible = (tableName: string) => isAdmitted(rules.rule('table', tableName), identity)
  const schemas = catalog.schemas.flatMap((schema): readonly SchemaDescription[] => {
    const tables = schema.tables
      .filter(table => isVisible(table.name))
      .map(table => ({ ...table, keys: table.keys.filter(key => isVisible(key.target)) }))
    const isShown =
      tables.length > 0 || (schema.tables.length === 0 && rules.rule('schema', schema.name) === undefined)
    return isShown ? [{ ...schema, tables }] : []
  })
  const hidden: { readonly table: TableMeta; readonly rule: AccessRule }[] = []
  const visible: TableMeta[] = []
  for (const table of catalog.tables.all) {
    const rule = rules.rule('table', adqlTableName(table.schema, table.name))
    if (isAdmitted(rule, identity)) visible.push(rules.hideImages ? openImages(table) : table)
    else hidden.push({ table, rule: rule! })
  }
  const closed = (schema: NamePart | undefined, name: NamePart): Closed | undefined => {
    const found = hidden.find(
      ({ table, rule }) =>
        rule.announced && matches(name, table.name) && (!schema || matches(schema, table.schema)),
    )
    return found && refusal(found.rule, `${found.table.schema}.${found.table.name}`, identity)
  }
  return { ...catalog, schemas, tables: { ...tablesOf(visible), closed } }
}

/** ObsCore without the images of closed collections (src/db/roles.ts). */
function openImages(table: TableMeta): TableMeta {
  const isOurs = table.sqlSchema === 'ivoa' && table.sqlName === 'obscore'
  return isOurs ? { ...table, sqlName: 'obscore_seen' } : table
}

/** With tables of a query's own. */
export function withTables(tables: Tables, more: readonly TableMeta[]): Tables {
  if (more.length === 0) return tables
  return { ...tablesOf([...tables.all, ...more]), ...(tables.closed && { closed: tables.closed }) }
}
