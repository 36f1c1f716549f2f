/** The lint finds nothing in a sound tree, and each fault that is put into one. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import express from 'express'
import { buildTree } from '../../src/hips/build.ts'
import { finishTree } from '../../src/hips/finish.ts'
import { lintTree } from '../../src/hips/lint.ts'
import { remoteTree } from '../../src/hips/lint-files.ts'
import { publishedTrees } from '../../src/hips/published.ts'
import { withoutPython } from '../support/python.ts'
import { ABOUT, makeImages, treeRequest } from './images.ts'

describe('hips lint', { skip: withoutPython('astropy') }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-hips-'))
  before(async () => {
    mkdirSync(path.join(folder, 'in'))
    makeImages(path.join(folder, 'in'), 150, 2.2, 'TAN', 1)
    const built = await buildTree(
      treeRequest(
        path.join(folder, 'sound'),
        [{ name: 'a', location: path.join(folder, 'in', 'a.fits'), hdu: 0, stamp: '1' }],
        folder,
        { order: 8 },
      ),
    )
    await finishTree(built, ABOUT, false)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  async function faults(harm: (root: string) => void): Promise<string[]> {
    const root = path.join(folder, 'harmed')
    rmSync(root, { recursive: true, force: true })
    cpSync(path.join(folder, 'sound'), root, { recursive: true })
    harm(root)
    const tree = await publishedTrees(folder).tree('harmed')
    const found: string[] = []
    for await (const { level, text } of lintTree(tree!)) if (level !== 'info') found.push(`${level}: ${text}`)
    return found
  }
  const tileFile = (root: string, order: number, extension: string) =>
    path.join(
      root,
      readdirSync(root, { recursive: true, encoding: 'utf8' }).find(
        name => name.startsWith(`Norder${order}/`) && name.includes('Npix') && name.endsWith(extension),
      )!,
    )

  it('has nothing to say of a sound tree', async () => {
    assert.deepEqual(await faults(() => {}), [])
  })

  it('looks at a tree at a URL, and follows redirects on its host alone', async () => {
    cpSync(path.join(folder, 'sound'), path.join(folder, 'lame'), { recursive: true })
    for (const order of [4, 8]) rmSync(tileFile(path.join(folder, 'lame'), order, 'png'))
    const app = express()
    app.get('/moved/*path', (request, response) => response.redirect(`/hips/sound${request.path.slice(6)}`))
    app.get('/away/*path', (_request, response) => response.redirect('http://localhost:1/properties'))
    app.get('/round/*path', (_request, response) => response.redirect('/round/properties'))
    app.get('/broken/*path', (_request, response) => response.status(500).end())
    app.use('/hips', express.static(folder))
    const server = createServer({ keepAliveTimeout: 60_000 }, app).listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      const lint = async (at: string) => {
        const { tree, files } = await remoteTree(new URL(`${url}/${at}`))
        const found: string[] = []
        for await (const { level, text } of lintTree(tree, files))
          if (level !== 'info') found.push(`${level}: ${text}`)
        return found
      }
      assert.deepEqual(await lint('hips/sound/?x=1#y'), [])
      assert.deepEqual(await lint('moved'), [])
      const lame = await lint('hips/lame')
      assert.ok(
        lame.some(text => /error: coverage: 1 tiles of \d+ asked for are missing at order 4/.test(text)),
        lame.join('\n'),
      )
      await assert.rejects(
        lint('away'),
        /redirects to http:\/\/localhost:1\/properties, which is not followed/,
      )
      await assert.rejects(lint('round'), /is not followed/)
      await assert.rejects(lint('broken'), /the status 500/)
      await assert.rejects(lint('hips/none'), /There is no HiPS/)
      await assert.rejects(remoteTree(new URL('http://127.0.0.1:1/')), /cannot be read/)
    } finally {
      server.close()
    }
  })

  it('finds each fault', async () => {
    const rewrite = (root: string, from: RegExp, to: string) => {
      const file = path.join(root, 'properties')
      writeFileSync(file, readFileSync(file, 'utf8').replace(from, to))
    }
    const cases: [RegExp, (root: string) => void][] = [
      [/error: properties: obs_title is missing/, root => rewrite(root, /^obs_title.*\n/m, '')],
      [/error: properties: hips_frame is 'icrs'/, root => rewrite(root, /^(hips_frame *=).*$/m, '$1 icrs')],
      [/error: coverage: 1 tiles are missing at order 8/, root => rmSync(tileFile(root, 8, 'png'))],
      [/png: it is jpeg/, root => cpSync(path.join(root, 'preview.jpg'), tileFile(root, 8, 'png'))],
      [
        /fits: .*(truncated|ends|missing)/,
        root =>
          writeFileSync(tileFile(root, 8, 'fits'), readFileSync(tileFile(root, 8, 'fits')).subarray(0, 1000)),
      ],
      [/are not the means of its children/, root => turnTile(tileFile(root, 7, 'fits'))],
      [/warning: Norder3\/Allsky.png is missing/, root => rmSync(path.join(root, 'Norder3', 'Allsky.png'))],
      [/error: Moc.fits is missing/, root => rmSync(path.join(root, 'Moc.fits'))],
    ]
    for (const [message, harm] of cases) {
      const found = await faults(harm)
      assert.ok(
        found.some(text => message.test(text)),
        `${message} in ${JSON.stringify(found)}`,
      )
    }
  })
})

/** Upside down, as tiles are whose rows begin at the wrong end. */
function turnTile(file: string): void {
  const bytes = readFileSync(file)
  const row = 512 * 4
  const data = Buffer.from(bytes.subarray(2880, 2880 + 512 * row))
  for (let j = 0; j < 512; j++) data.copy(bytes, 2880 + (511 - j) * row, j * row, (j + 1) * row)
  writeFileSync(file, bytes)
}
