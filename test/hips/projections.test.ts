/** Pixels of tiles in every shared image, of any projection, distortion and compression, against healpy and astropy. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, it } from 'node:test'
import { openPlaced } from '../../src/hips/input.ts'
import { type Block, placeTile, type ToPixel } from '../../src/hips/placement.ts'
import { imageScale, tilesTouched, toPixelOf } from '../../src/hips/plan.ts'
import { fileSources } from '../../src/hips/sources.ts'
import { orderFor, TILE_WIDTH, type Tile } from '../../src/hips/tile.ts'
import { distance } from '../../src/sphere/vector.ts'
import { astropyWcs } from '../fits/astropy-wcs.ts'
import { imageFiles, imagePath } from '../fits/support.ts'
import { python, withoutPython, withoutShared } from '../support/python.ts'

const spool = mkdtempSync(path.join(tmpdir(), 'almagest-hips-'))
after(() => rmSync(spool, { recursive: true, force: true }))

const DEGREE = Math.PI / 180
const TILES = 2
const PIXELS_OF_A_TILE = 25

/** Directions of tile pixels, degrees: pixel (column i, row j) of a tile is its cell x = 511 − j, y = i. */
const DIRECTIONS = `
import sys, json, numpy as np, healpy
def spread(a):
    r = np.zeros(a.shape, dtype='i8')
    for b in range(9): r |= ((a >> b) & 1) << (2 * b)
    return r
order, npix, i, j = np.array(json.load(sys.stdin), dtype='i8').T
out = np.zeros((len(order), 2))
for k in np.unique(order):
    m = order == k
    out[m] = np.array(healpy.pix2ang(2 ** int(k + 9), npix[m] * 4 ** 9 + spread(511 - j[m]) + 2 * spread(i[m]), nest=True, lonlat=True)).T
print(json.dumps(out.tolist()))
`

interface Sampled {
  readonly name: string
  readonly file: string
  readonly hdu: number
  readonly scale: number
  /** Order, npix, column, row of pixels of tiles. */
  readonly cells: [number, number, number, number][]
  /** Where we place them in the image. */
  readonly pixels: [number, number][]
}

async function sample(name: string, location: string, hdu: number): Promise<Sampled | undefined> {
  const placed = await openPlaced({ location, hdu }, spool)
  const { wcs, size } = placed
  const scale = imageScale(wcs, size)
  await placed.close()
  if (scale === undefined) return undefined
  const order = Math.max(3, orderFor(scale))
  const tiles = [...tilesTouched(wcs, size, 'equatorial', order)]
  const toPixel = toPixelOf(wcs, 'equatorial')
  const cells: Sampled['cells'] = []
  const pixels: Sampled['pixels'] = []
  let used = 0
  for (
    let t = 0;
    t < tiles.length && used < TILES;
    t += Math.max(1, Math.floor(tiles.length / (3 * TILES)))
  ) {
    const npix = tiles[t]!
    const blocks = someBlocks({ order, npix }, toPixel, size)
    if (blocks.length > 0) used++
    for (const block of blocks) {
      const [i, j] = [(block.width * 3) >> 3, (block.height * 5) >> 3]
      const x = block.x + j * block.xPerRow + i * (block.xPerColumn + j * block.xTwist)
      const y = block.y + j * block.yPerRow + i * (block.yPerColumn + j * block.yTwist)
      if (x < -0.5 || y < -0.5 || x > size[0] - 0.5 || y > size[1] - 0.5) continue
      assert.ok(block.i0 + i < TILE_WIDTH && block.j0 + j < TILE_WIDTH)
      cells.push([order, npix, block.i0 + i, block.j0 + j])
      pixels.push([x, y])
    }
  }
  return { name, file: location, hdu, scale, cells, pixels }
}

/** Evenly spread over all blocks of a tile; where pixels are placed one by one there are 262,144 of them. */
function someBlocks(tile: Tile, toPixel: ToPixel, size: readonly [number, number]): readonly Block[] {
  let kept: Block[] = []
  let [seen, step] = [0, 1]
  placeTile(tile, toPixel, size, block => {
    if (seen++ % step > 0) return
    kept.push({ ...block })
    if (kept.length < 2 * PIXELS_OF_A_TILE) return
    kept = kept.filter((_, k) => k % 2 === 0)
    step *= 2
  })
  return kept
}

const skip = withoutShared() || withoutPython('astropy', 'healpy')
it('every image is placed to 0.05 of its pixels', { skip }, async () => {
  const files = (async function* () {
    for (const name of imageFiles()) yield { location: imagePath(name), key: name }
  })()
  const { images } = await fileSources(files, spool, () => {})
  const all: Sampled[] = []
  for (const { name, location, hdu } of images) {
    const one = await sample(name, location, hdu)
    if (one && one.cells.length > 0) all.push(one)
  }
  const directions: [number, number][] = JSON.parse(
    python(DIRECTIONS, JSON.stringify(all.flatMap(one => one.cells))).toString(),
  )
  const answers = astropyWcs(all)
  let at = 0
  let compared = 0
  for (const [k, { name, scale, pixels }] of all.entries()) {
    const expected = directions.slice(at, at + pixels.length)
    at += pixels.length
    const { icrs } = answers[k]!
    if (!icrs) continue // astropy knows no plate solutions
    compared++
    for (const [p, there] of icrs.entries()) {
      if (!there) continue
      const [lon, lat] = expected[p]!
      const off = distance(there[0] * DEGREE, there[1] * DEGREE, lon * DEGREE, lat * DEGREE) / scale
      assert.ok(off < 0.05, `${name}: ${off} pixels at ${pixels[p]}`)
    }
  }
  assert.ok(compared >= 60, `${compared} of ${all.length} images compared`)
})
