/** Tiles of orders that are not built: the same bytes as built ones, made once, within limits. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import express from 'express'
import { NO_RULES } from '../../src/auth/access.ts'
import { ServiceError } from '../../src/error.ts'
import { buildTree } from '../../src/hips/build.ts'
import { finishTree } from '../../src/hips/finish.ts'
import { lintTree } from '../../src/hips/lint.ts'
import { type TileMaker, tileMaker } from '../../src/hips/on-demand.ts'
import { planDeeper } from '../../src/hips/on-demand-plan.ts'
import { publishedTrees } from '../../src/hips/published.ts'
import { hipsRouter } from '../../src/hips/router.ts'
import { withoutPython } from '../support/python.ts'
import { ABOUT, makeImages, treeRequest } from './images.ts'

const [BUILT, DEEP] = [5, 8]

describe('tiles on demand', { skip: withoutPython('astropy') }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-demand-'))
  const root = (name: string) => path.join(folder, 'trees', name)
  const images = ['a', 'b', 'c'].map(name => ({
    name,
    location: path.join(folder, 'in', `${name}.fits`),
    hdu: 0,
    stamp: '1',
  }))
  let server: Server
  let url = ''
  before(async () => {
    mkdirSync(path.join(folder, 'in'))
    makeImages(path.join(folder, 'in'), 150, 2.2)
    for (const [name, order] of [
      ['deep', DEEP],
      ['lazy', BUILT],
    ] as const) {
      const look = { stretch: 'linear', cuts: [5, 15] } as const
      const built = await buildTree(treeRequest(root(name), images, folder, { order, look }))
      await finishTree(built, ABOUT, false)
    }
    assert.equal(await planDeeper({ root: root('lazy'), images, order: DEEP, spool: folder }), DEEP)
    server = createServer(
      { keepAliveTimeout: 60_000 },
      express().use('/hips', routerOf(tileMaker(folder))),
    ).listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hips`
  })
  after(() => {
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const routerOf = (maker: TileMaker) => {
    const trees = publishedTrees(path.join(folder, 'trees'))
    return hipsRouter({ trees, rules: () => NO_RULES, origin: () => url, maker })
  }
  const tilesOf = (name: string, order: number, extension: string) =>
    readdirSync(path.join(root(name), `Norder${order}`), { recursive: true, encoding: 'utf8' })
      .filter(file => file.endsWith(extension))
      .map(file => `Norder${order}/${file}`)
      .filter(file => file.includes('Npix'))

  it('are those of a build of that order, whoever comes first', async () => {
    for (const order of [BUILT + 1, DEEP]) {
      const tiles = tilesOf('deep', order, '.fits').slice(0, 6)
      assert.ok(tiles.length > 0)
      // At the built order and below, leaves are made of images; a build of DEEP makes means of all but its leaves.
      const asked = tiles.flatMap(tile => [tile, tile, tile.replace('.fits', '.png')])
      const answers = await Promise.all(asked.map(tile => fetch(`${url}/lazy/${tile}`)))
      for (const [i, answer] of answers.entries()) {
        assert.equal(answer.status, 200, asked[i])
        const bytes = Buffer.from(await answer.arrayBuffer())
        if (order === DEEP)
          assert.ok(bytes.equals(readFileSync(path.join(root('deep'), asked[i]!))), asked[i])
        assert.ok(existsSync(path.join(root('lazy'), asked[i]!)))
      }
    }
  })

  it('are within the coverage and the formats, and no deeper than said', async () => {
    const [tile] = tilesOf('deep', DEEP, '.fits') as [string]
    const npix = Number(/Npix(\d+)/.exec(tile)![1])
    const deeper = `Norder${DEEP + 1}/Dir${Math.floor((4 * npix) / 10_000) * 10_000}/Npix${4 * npix}.fits`
    for (const where of [tile.replace('.fits', '.webp'), deeper, `Norder${DEEP}/Dir0/Npix1.fits`])
      assert.equal((await fetch(`${url}/lazy/${where}`)).status, 404, where)
    assert.equal((await fetch(`${url}/deep/${deeper}`)).status, 404)
  })

  it('leave what is built to those who read it: lint, cutouts, properties', async () => {
    const tree = (await publishedTrees(path.join(folder, 'trees')).tree('lazy'))!
    assert.deepEqual([tree.order, tree.deepest], [BUILT, DEEP])
    const findings: string[] = []
    for await (const { level, text } of lintTree(tree)) if (level === 'error') findings.push(text)
    assert.deepEqual(findings, [])
    const cutout = await fetch(`${url}/lazy/cutout?ra=150&dec=2.2&fov=0.05&width=64&height=64&format=png`)
    assert.equal(cutout.status, 200)
    assert.match(
      await (await fetch(`${url}/lazy/properties`)).text(),
      new RegExp(`^hips_order +=  *${DEEP}$`, 'm'),
    )
  })

  it('are refused when too many are asked for at once', async () => {
    await planDeeper({ root: root('lazy'), images, order: 12, spool: folder })
    const npix = Number(/Npix(\d+)/.exec(tilesOf('deep', DEEP, '.fits')[0]!)![1])
    const maker = tileMaker(folder)
    // All in one go: how fast tiles are made makes no difference.
    const asked = Array.from({ length: 60 }, (_, k) =>
      maker.make(root('lazy'), BUILT, { order: 12, npix: 256 * npix + k }),
    )
    const again = maker.make(root('lazy'), BUILT, { order: 12, npix: 256 * npix })
    const answers = await Promise.allSettled([...asked, again])
    const refused = answers.flatMap(answer =>
      answer.status === 'rejected' ? [answer.reason as ServiceError] : [],
    )
    assert.equal(refused.length, 20)
    for (const { code, retryAfter } of refused) assert.deepEqual([code, retryAfter], ['unavailable', 2])
    assert.equal(answers.at(-1)!.status, 'fulfilled')
  })

  it('are promised for later by a service that has too many to make', async () => {
    const busy = {
      make: () => Promise.reject(new ServiceError('unavailable', 'Too many tiles.', { retryAfter: 2 })),
    }
    const server = createServer({ keepAliveTimeout: 60_000 }, express().use('/hips', routerOf(busy))).listen(
      0,
      '127.0.0.1',
    )
    await once(server, 'listening')
    const tile = tilesOf('deep', DEEP, '.fits')[0]!.replace('.fits', '.png')
    rmSync(path.join(root('lazy'), tile), { force: true })
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hips/lazy/${tile}`)
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '2'])
    server.close()
  })

  it('are not for trees that nobody built here', async () => {
    mkdirSync(root('foreign'), { recursive: true })
    await assert.rejects(
      planDeeper({ root: root('foreign'), images, order: 9, spool: folder }),
      /no finished HiPS/,
    )
    await assert.rejects(
      planDeeper({ root: root('deep'), images, order: DEEP, spool: folder }),
      /built to order 8 already/,
    )
  })
})
