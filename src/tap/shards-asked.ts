/** How many shards of a cluster a query asks. */
import type { Compiled } from '../adql/index.ts'
import { shardOfValue } from '../db/shard-hash.ts'

/** Undefined when it asks none, as on one machine. A table that every node has a copy of is one shard. */
export function shardsAsked({ asked }: Pick<Compiled, 'asked'>): number | undefined {
  const sharded = asked.filter(({ table }) => table.distribution === 'sharded')
  if (sharded.length === 0) return asked.length > 0 ? 1 : undefined
  const numbers = new Set<number>()
  for (const { table, cells } of sharded) {
    const shards = table.shards ?? 0
    if (!cells) return shards
    for (const cell of cells) numbers.add(shardOfValue(cell, shards))
  }
  return numbers.size
}
