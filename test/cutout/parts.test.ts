/** Parts of a large window, put one behind the other, are its pixels in their order. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { partsOf } from '../../src/cutout/fits-file.ts'
import type { Window } from '../../src/fits/window.ts'

/** The pixels of a window as x,y,z, the fastest axis first. */
function pixelsOf({ start, size, every }: Window): string[] {
  const along = (axis: number) =>
    Array.from({ length: size[axis]! }, (_, i) => start[axis]! + i * (every?.axis === axis ? every.step : 1))
  return along(2).flatMap(z => along(1).flatMap(y => along(0).map(x => `${x},${y},${z}`)))
}

it('of every size cover the window once, in order', () => {
  for (const window of [
    { start: [3, 5, 0], size: [10, 7, 3] },
    { start: [0, 0, 1], size: [1, 1, 1] },
    { start: [2, 0, 1], size: [5, 9, 2], every: { axis: 2, step: 3 } },
  ]) {
    for (const most of [1, 4, 40, 50, 333, 1e6]) {
      const parts = [...partsOf(window, 4, most)]
      assert.deepEqual(parts.flatMap(pixelsOf), pixelsOf(window), `${most}`)
      assert.ok(parts.every(({ size }) => size.reduce((n, m) => n * m, 4) <= Math.max(4, most)))
    }
  }
})
