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
