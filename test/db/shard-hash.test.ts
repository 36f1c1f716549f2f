import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashInt4, shardOfValue, shardsAsked } from '../../src/db/shard-hash.ts'
import { testDatabase, withClient } from '../support/database.ts'

const url = await testDatabase()

test('integers are hashed as PostgreSQL does it', async () => {
  const values = [0, 1, 2, 31, 109_033, 196_607, 2 ** 31 - 1, -1, -(2 ** 31)]
  const rows = await withClient(url, client =>
    client.query<{ hash: number }>('SELECT hashint4(v) AS hash FROM unnest($1::int[]) AS v', [values]),
  )
  assert.deepEqual(
    values.map(hashInt4),
    rows.rows.map(row => row.hash),
  )
})

test('shards are equal ranges of the hash, the last to the end', () => {
  for (const shards of [1, 7, 32, 1000]) {
    for (let value = 0; value < 500; value++) {
      const width = Math.floor(2 ** 32 / shards)
      const from = -(2 ** 31) + width * shardOfValue(value, shards)
      const to = shardOfValue(value, shards) === shards - 1 ? 2 ** 31 : from + width
      assert.ok(hashInt4(value) >= from && hashInt4(value) < to, `${value} of ${shards}`)
    }
  }
})

test('a query asks the shards of its cells once each, all where there is none, a copy where all have one', () => {
  const table = { distribution: 'sharded', shards: 32 } as const
  const copied = { distribution: 'reference', shards: 1 } as const
  const [a, b] = [109_033, 109_034]
  assert.notEqual(shardOfValue(a, 32), shardOfValue(b, 32))
  assert.equal(shardsAsked([]), undefined, 'one machine')
  assert.equal(shardsAsked([{ table: copied, cells: undefined }]), 1)
  assert.equal(shardsAsked([{ table, cells: [a] }]), 1)
  assert.equal(
    shardsAsked([
      { table, cells: [a] },
      { table, cells: [a, b] },
      { table: copied, cells: undefined },
    ]),
    2,
  )
  assert.equal(
    shardsAsked([
      { table, cells: [a] },
      { table, cells: undefined },
    ]),
    32,
  )
})
