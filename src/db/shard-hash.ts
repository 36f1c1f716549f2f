/** In which shard Citus puts a value of the distribution column: PostgreSQL's hash of an integer, in equal ranges. */

const rotated = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits))

/** `hash_bytes_uint32` of PostgreSQL (common/hashfn.c, after Jenkins' lookup3), as a signed 32-bit integer. */
export function hashInt4(value: number): number {
  let c = (0x9e3779b9 + 4 + 3923095) | 0
  let b = c
  let a = (c + value) | 0
  c = ((c ^ b) - rotated(b, 14)) | 0
  a = ((a ^ c) - rotated(c, 11)) | 0
  b = ((b ^ a) - rotated(a, 25)) | 0
  c = ((c ^ b) - rotated(b, 16)) | 0
  a = ((a ^ c) - rotated(c, 4)) | 0
  b = ((b ^ a) - rotated(a, 14)) | 0
  c = ((c ^ b) - rotated(b, 24)) | 0
  return c
}

/** Number of the shard, from 0, of `shards`. */
export function shardOfValue(value: number, shards: number): number {
  const width = Math.floor(2 ** 32 / shards)
  return Math.min(shards - 1, Math.floor((hashInt4(value) + 2 ** 31) / width))
}

/** A table in a query, and the values of its distribution column that its rows can have; undefined: any. */
interface AskedTable {
  readonly table: { readonly distribution?: 'sharded' | 'reference'; readonly shards?: number }
  readonly cells: readonly number[] | undefined
}

/** How many shards a query asks; undefined when none, as on one machine. A copy of a small table is one. */
export function shardsAsked(asked: readonly AskedTable[]): number | undefined {
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
