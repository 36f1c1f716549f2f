import type { Field } from '../votable/field.ts'

/**
 * What the compiler knows about the tables that an identity may see. `tap/tap-schema` fills it from TAP_SCHEMA,
 * tests and `adql check` make their own. All names are as PostgreSQL has them (lower case unless the site's own
 * table says otherwise) beside the spelling that TAP_SCHEMA publishes.
 */
export interface ColumnMeta {
  /** Field metadata; `name` is the published column name, without quotes. */
  readonly field: Field
  /** Column name in PostgreSQL. */
  readonly sqlName: string
  /**
   * PostgreSQL type of the stored column where it is not `wireType(field)`: 'timestamp' (xtype timestamp),
   * 'spoint' | 'scircle' | 'spoly' | 'smoc' (xtype point | circle | polygon | moc). Any other ('numeric', 'varchar',
   * 'timestamptz', 'uuid' …) is converted wherever the column is used.
   */
  readonly sqlType?: string
  readonly indexed: boolean
  readonly principal: boolean
}

export interface TableMeta {
  /** Published schema and table name, without quotes; regular identifiers match without case. */
  readonly schema: string
  readonly name: string
  readonly sqlSchema: string
  readonly sqlName: string
  readonly columns: readonly ColumnMeta[]
  /** The columns of the table's GiST index on `spoint(radians(ra), radians(dec))`, by their `sqlName`. */
  readonly position?: { readonly ra: string; readonly dec: string }
  /** Order K of `hpx_shard`, for a table that has it. */
  readonly shardOrder?: number
  /** How the table lies on a Citus cluster; undefined on one machine. */
  readonly distribution?: 'sharded' | 'reference'
  /** Number of its shards on the cluster. */
  readonly shards?: number
  /** Columns, by `sqlName`, whose values have the cell in their upper bits: `(hpx29 >> 34) << 35 | n`. */
  readonly cellIds?: readonly string[]
  /** Copies of every row in all cells that are near it, for joins of pairs. */
  readonly neighbours?: NeighbourTable
  /** Rows, as counted at ingest. */
  readonly rows?: number
}

export interface NeighbourTable {
  /** In the table's own schema: its columns, then `near_cell bigint` and `near_shard int`. */
  readonly sqlName: string
  /** A row is in each cell that has a point within this distance of it. */
  readonly radiusDeg: number
  /** Of `near_cell`, NESTED. */
  readonly cellOrder: number
}

export interface Tables {
  /** Every visible table, in TAP_SCHEMA order. */
  readonly all: readonly TableMeta[]
  /** Whether any of them lies in shards. */
  readonly sharded: boolean
  /**
   * Finds a table as a query names it. A part is matched without case unless `delimited`. Without a schema, a
   * table is found when its bare name is unique among the visible ones, else the first schema in order wins
   * nothing: the result is every candidate, and the resolver says which.
   */
  find(schema: NamePart | undefined, table: NamePart): readonly TableMeta[]
  /** What to say of a table that is not visible, but of which those who may not read it are told. */
  readonly closed?: (
    schema: NamePart | undefined,
    table: NamePart,
  ) => { readonly code: 'unauthenticated' | 'forbidden'; readonly message: string } | undefined
}

export interface NamePart {
  readonly text: string
  readonly delimited: boolean
}

/** Whether a written name means a published one (ADQL 2.1 §2.1.6–7). */
export function matches(part: NamePart, published: string): boolean {
  return part.delimited ? part.text === published : part.text.toLowerCase() === published.toLowerCase()
}

/** `Tables` over a list. */
export function tablesOf(all: readonly TableMeta[]): Tables {
  const byName = new Map<string, TableMeta[]>()
  for (const table of all) {
    const key = table.name.toLowerCase()
    const same = byName.get(key)
    if (same) same.push(table)
    else byName.set(key, [table])
  }
  return {
    all,
    sharded: all.some(table => table.distribution === 'sharded'),
    find(schema, table) {
      const candidates = byName.get(table.text.toLowerCase()) ?? []
      return candidates.filter(t => matches(table, t.name) && (!schema || matches(schema, t.schema)))
    },
  }
}
