/** Pictures of views: as the tree's own pictures are, and as hips2fits's parameters say, against astropy and matplotlib. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { buildTree } from '../../src/hips/build.ts'
import { cutoutView } from '../../src/hips/cutout.ts'
import { parseCutout } from '../../src/hips/cutout-params.ts'
import { finishTree } from '../../src/hips/finish.ts'
import { openTree, type PublishedTree } from '../../src/hips/published.ts'
import { python, withoutPython } from '../support/python.ts'
import { ABOUT, imagesIn, makeImages, treeRequest } from './images.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-hips-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Largest difference of levels, and of colours; a map of nine steps is not matplotlib's to the last digit. */
const COMPARE = `
import sys, json, numpy as np
from astropy.io import fits
from astropy import visualization as vis
from PIL import Image
values, picture, stretch, low, high, cmap = sys.argv[1:7]
v = fits.getdata(values).astype('f8')[::-1]
got = np.asarray(Image.open(picture))
cut = lambda text: np.nanpercentile(v, float(text[:-1]), method='nearest') if text.endswith('%') else float(text)
share = np.clip((v - cut(low)) / (cut(high) - cut(low)), 0, 1)
f = {'linear': vis.LinearStretch(), 'sqrt': vis.SqrtStretch(), 'power': vis.PowerStretch(2), 'log': vis.LogStretch(1000), 'asinh': vis.AsinhStretch(0.1)}[stretch]
ok = np.isfinite(v)
level = f(share[ok])
if cmap == 'gray':
    expected, got = 1 + 254 * level, got[ok].reshape(len(level), -1)[:, 0].astype('f8')
else:
    from matplotlib import cm
    expected, got = 255 * getattr(cm, cmap)(level)[:, :3], got[ok][:, :3].astype('f8')
print(json.dumps([int(ok.sum()), float(np.abs(expected - got).max())]))
`

describe('pictures of views', { skip: withoutPython('astropy', 'PIL') }, () => {
  let tree: PublishedTree
  before(async () => {
    const [images, root] = [path.join(folder, 'in'), path.join(folder, 'asinh')]
    mkdirSync(images)
    makeImages(images, 150, 2.2, 'TAN', 2)
    const look = { stretch: 'asinh', cuts: [8, 14] } as const
    const request = treeRequest(root, imagesIn(images), folder, { here: true, look, order: 8 })
    await finishTree(await buildTree(request), ABOUT, false)
    tree = await openTree(root)
  })

  async function view(more: Record<string, string>): Promise<string> {
    const query = { ra: '150', dec: '2.2', fov: '0.1', width: '200', height: '150', ...more }
    const request = parseCutout(query)
    if (typeof request === 'string') throw new Error(request)
    const file = path.join(folder, `view.${request.format}`)
    writeFileSync(file, (await cutoutView(tree, request)).bytes)
    return file
  }

  const cases: [string, Record<string, string>, string[]][] = [
    ['as the tree itself shows them', {}, ['asinh', '8', '14', 'gray']],
    [
      'linear between given cuts',
      { stretch: 'linear', min_cut: '7', max_cut: '13' },
      ['linear', '7', '13', 'gray'],
    ],
    [
      'by a square root between percentiles',
      { stretch: 'sqrt', min_cut: '1%', max_cut: '99%' },
      ['sqrt', '1%', '99%', 'gray'],
    ],
    ['by a power', { stretch: 'power' }, ['power', '8', '14', 'gray']],
    [
      'by a logarithm, white on black turned',
      { stretch: 'log', cmap: 'Greys_r' },
      ['log', '8', '14', 'gray'],
    ],
  ]
  for (const [name, more, expected] of cases) {
    it(`are ${name}`, async () => {
      const values = await view({ format: 'fits' })
      const picture = await view({ format: 'png', ...more })
      const [pixels, worst] = JSON.parse(python(COMPARE, '', [values, picture, ...expected]).toString())
      assert.ok(pixels > 20_000, `${pixels} pixels`)
      assert.ok(worst <= 0.51, `worst ${worst}`)
    })
  }

  it('have the colours of matplotlib', { skip: withoutPython('matplotlib') }, async () => {
    for (const cmap of ['viridis', 'magma_r']) {
      const [values, picture] = [
        await view({ format: 'fits' }),
        await view({ format: 'png', stretch: 'linear', cmap }),
      ]
      const args = [values, picture, 'linear', '8', '14', cmap]
      const [, worst] = JSON.parse(python(COMPARE, '', args).toString())
      assert.ok(worst <= 9, `${cmap}: worst ${worst}`)
    }
  })

  it('refuse what they cannot be', async () => {
    const ask = (more: Record<string, string>) => parseCutout({ ra: '1', dec: '2', fov: '1', ...more })
    assert.match(String(ask({ stretch: 'cubic' })), /stretch must be one of linear, sqrt, power, log, asinh/)
    assert.match(String(ask({ cmap: 'jet' })), /cmap must be one of gray, gray_r/)
    assert.match(String(ask({ min_cut: '120%' })), /min_cut: '120%' is neither/)
    assert.match(String(ask({ max_cut: '' })), /max_cut: '' is neither/)
    assert.match(String(ask({ RA: '3' })), /given more than once/)
    await assert.rejects(
      view({ format: 'png', min_cut: '9', max_cut: '3' }),
      /min_cut is 9, more than max_cut, 3/,
    )
  })
})
