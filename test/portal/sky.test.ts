/** The sky page: what it loads is here, and hostile titles stay texts. */
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, it } from 'node:test'
import express from 'express'
import { NO_RULES } from '../../src/auth/access.ts'
import { loadConfig } from '../../src/config.ts'
import type { PublishedTree } from '../../src/hips/published.ts'
import { portalRouter } from '../../src/portal/router.ts'

const tree = (name: string, properties: Record<string, string>): PublishedTree => ({
  name,
  root: '',
  properties: new Map(Object.entries({ dataproduct_type: 'image', hips_tile_format: 'png', ...properties })),
  moc: undefined,
  order: 3,
  deepest: 3,
  version: 1,
  modified: '',
})
const trees = [
  tree('gray', { obs_title: '</script><script>alert(1)</script>' }),
  tree('stars', { dataproduct_type: 'catalog', hips_tile_format: 'tsv' }),
  tree('color', { dataproduct_subtype: 'color', hips_initial_ra: '150', hips_initial_dec: '2' }),
]
const unused = () => Promise.reject(new Error('not asked for here'))

let server: Server
let url = ''
before(async () => {
  const router = portalRouter({
    db: { query: unused, copyFrom: unused },
    catalog: unused,
    config: loadConfig({}),
    trees: { tree: unused, all: async () => trees },
    rules: () => NO_RULES,
    origin: () => url,
  })
  server = createServer({ keepAliveTimeout: 60_000 }, express().use(router)).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => server.close())

it('shows images, colour first, and runs nothing that a title says', async () => {
  const response = await fetch(`${url}/sky`)
  const page = await response.text()
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-security-policy')!, /default-src 'none'/)
  assert.doesNotMatch(page, /<script>alert/)
  const data = /<script type="application\/json" id="trees">(.*?)<\/script>/s.exec(page)![1]!
  const { surveys: shown, catalogues } = JSON.parse(data) as {
    surveys: { name: string; title: string; ra: number }[]
    catalogues: { name: string }[]
  }
  assert.deepEqual(
    shown.map(({ name }) => name),
    ['color', 'gray'],
  )
  assert.equal(shown[1]!.title, '</script><script>alert(1)</script>')
  assert.equal(shown[0]!.ra, 150)
  assert.deepEqual(
    catalogues.map(({ name }) => name),
    ['stars'],
  )
})

it('finds every script and style that it names in this service', async () => {
  const page = await (await fetch(`${url}/sky`)).text()
  const named = [...page.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)].map(match => match[1]!)
  assert.ok(named.length >= 3, named.join(' '))
  for (const file of [...named, 'assets/aladin.js']) {
    const response = await fetch(`${url}/${file}`)
    assert.equal(response.status, 200, file)
    assert.ok((await response.arrayBuffer()).byteLength > 100, file)
  }
})
