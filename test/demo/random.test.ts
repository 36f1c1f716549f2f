import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createRandom, STREAM } from '../../src/demo/random.ts'

const N = 200_000

function draws(draw: () => number): { mean: number; sigma: number; kurtosis: number; values: Float64Array } {
  const values = Float64Array.from({ length: N }, draw)
  const mean = values.reduce((sum, x) => sum + x, 0) / N
  const moment = (power: number) => values.reduce((sum, x) => sum + (x - mean) ** power, 0) / N
  return { mean, sigma: Math.sqrt(moment(2)), kurtosis: moment(4) / moment(2) ** 2, values }
}

it('is uniform, normal and Poisson where it says so', () => {
  const random = createRandom(1)
  random.seek(STREAM.object, 5, 6)
  const uniform = draws(random.uniform)
  assert.ok(Math.abs(uniform.mean - 0.5) < 0.003 && Math.abs(uniform.sigma - Math.sqrt(1 / 12)) < 0.002)
  const sorted = uniform.values.sort()
  const farthest = sorted.reduce((most, x, k) => Math.max(most, Math.abs(x - k / N)), 0)
  assert.ok(farthest < 1.9 / Math.sqrt(N), `Kolmogorov-Smirnov distance ${farthest}`)

  const normal = draws(random.normal)
  assert.ok(Math.abs(normal.mean) < 0.01 && Math.abs(normal.sigma - 1) < 0.01)
  assert.ok(Math.abs(normal.kurtosis - 3) < 0.06, `kurtosis ${normal.kurtosis}`)

  const poisson = draws(() => random.poisson(6.5))
  assert.ok(Math.abs(poisson.mean - 6.5) < 0.03 && Math.abs(poisson.sigma ** 2 - 6.5) < 0.1)
})

it('gives the same stream for the same key and unlike ones for keys next to each other', () => {
  const first = (stream: number, a: number, b: number, seed = 1) => {
    const random = createRandom(seed)
    random.normal()
    random.seek(stream, a, b)
    return random.uniform()
  }
  assert.equal(first(4, 10, 0), first(4, 10, 0))
  // The first numbers of neighbouring streams are as uniform and independent as numbers of one stream.
  for (const key of [
    (n: number) => first(4, n, 0),
    (n: number) => first(4, 1000, n),
    (n: number) => first(4, 1000, 0, n),
  ]) {
    const values = Array.from({ length: 20_000 }, (_, n) => key(n))
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length
    const together =
      values.reduce((sum, x, n) => sum + (x - 0.5) * ((values[n + 1] ?? 0.5) - 0.5), 0) / values.length
    assert.ok(Math.abs(mean - 0.5) < 0.008, `mean ${mean}`)
    assert.ok(Math.abs(together) < 4 / 12 / Math.sqrt(values.length), `correlation ${12 * together}`)
  }
  assert.notEqual(first(4, 10, 0), first(5, 10, 0))
})
