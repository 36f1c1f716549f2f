/** What goes wrong with builds: broken off and taken back, two at once, too deep, broken and foreign things. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type BuildRequest, buildTree } from '../../src/hips/build.ts'
import type { HipsImage } from '../../src/hips/input.ts'
import { withoutPython } from '../support/python.ts'
import { imagesIn, makeImages, tilesOf, treeRequest } from './images.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-hips-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const look = { stretch: 'linear', cuts: [5, 20] } as const
const request = (root: string, images: readonly HipsImage[], more: Partial<BuildRequest> = {}) =>
  treeRequest(root, images, path.join(folder, 'spool'), { here: true, look, order: 8, ...more })
const fresh = (name: string) => mkdtempSync(path.join(folder, `${name}-`))

describe('builds', { skip: withoutPython('astropy') }, () => {
  let all: HipsImage[] = []
  before(() => {
    const images = fresh('in')
    makeImages(images, 150, 2.2, 'TAN', 4)
    all = imagesIn(images)
  })

  it('that are broken off leave nothing of an image that is taken back', async () => {
    const [root, whole] = [fresh('out'), fresh('whole')]
    await buildTree(request(root, all.slice(0, 3)))
    await buildTree(request(whole, all.slice(0, 3)))
    const stop = new AbortController()
    const report: BuildRequest['report'] = ({ phase, done, total = 0 }) => {
      if (phase === 'tiles' && done >= total - 2 && total > 2) stop.abort()
    }
    // The new image, and the others changed: their tiles are half made when the build ends.
    const changed = all.map(image => ({ ...image, location: all[3]!.location, stamp: 'changed' }))
    await assert.rejects(buildTree(request(root, changed, { report, signal: stop.signal })), /abort/i)
    assert.notDeepEqual(tilesOf(root), tilesOf(whole))
    await buildTree(request(root, all.slice(0, 3)))
    assert.deepEqual(tilesOf(root), tilesOf(whole))
  })

  it('do not meet in one tree', async () => {
    const root = fresh('out')
    const [first, second] = await Promise.allSettled([
      buildTree(request(root, all)),
      buildTree(request(root, all)),
    ])
    const refused = [first, second].filter(one => one.status === 'rejected')
    assert.equal(refused.length, 1)
    assert.match(String((refused[0] as PromiseRejectedResult).reason), /another build is at work/)
    await buildTree(request(root, all))
  })

  it('refuse an order whose tiles have no room, before they plan them', async () => {
    await assert.rejects(
      buildTree(request(fresh('out'), all, { order: 20 })),
      /order 20 needs about \d+ tiles of .* GB; .* GB are free/,
    )
  })

  it('leave out images that are truncated, and weights of another size', async () => {
    const images = fresh('in')
    makeImages(images, 150, 2.2, 'TAN', 2)
    truncateSync(path.join(images, 'b.fits'), 200_000)
    const [a, b] = imagesIn(images) as [HipsImage, HipsImage]
    const built = await buildTree(request(fresh('out'), [a, b]))
    assert.match(built.skipped.map(one => `${one.name} ${one.reason}`).join(), /^b\.fits .*truncated/)
    const other = path.join(images, 'small.fits')
    const bytes = Buffer.from(readFileSync(a.location))
    bytes.write('NAXIS2  =                  200', bytes.indexOf('NAXIS2'), 'latin1')
    writeFileSync(other, bytes)
    const weighed = { ...a, name: 'weighed', weight: { location: other, hdu: 0 } }
    const { skipped } = await buildTree(request(fresh('out'), [a, weighed]))
    assert.match(skipped.map(one => one.reason).join(), /weight map .* has 300 × 200 pixels, not 300 × 300/)
  })

  it('refuse a tree of another kind, and say so when there is nothing', async () => {
    const root = fresh('color')
    mkdirSync(root, { recursive: true })
    writeFileSync(path.join(root, 'properties'), 'hips_order = 3\n')
    await assert.rejects(buildTree(request(root, all)), /was not built of images: .*--force/)
    assert.ok((await buildTree(request(root, all, { force: true }))).tiles > 0)
    await assert.rejects(buildTree(request(fresh('none'), [])), /there are no images of the sky/)
  })
})
