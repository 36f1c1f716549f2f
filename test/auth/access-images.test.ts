/** A closed image collection and a closed HiPS, by every path that leads to them. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import type { RuleKind } from '../../src/auth/access.ts'
import { setRule } from '../../src/auth/access-rules.ts'
import { createToken } from '../../src/auth/tokens.ts'
import { setAccount } from '../../src/auth/users.ts'
import { ingestImages } from '../../src/ingest/images/index.ts'
import { testDatabase } from '../support/database.ts'
import { python, withoutPython } from '../support/python.ts'
import { startTestService } from '../support/service.ts'
import { SMALL_IMAGES } from '../support/small-images.ts'

const OPERATOR = { name: 'operator of the test' }
/** Marks what must not leave the service. */
const SECRET = 'zzsecret'
const skip = withoutPython('astropy')

describe('closed images', { skip }, async () => {
  if (skip) return
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-access-'))
  for (const collection of ['open', SECRET]) {
    mkdirSync(path.join(folder, collection))
    python(SMALL_IMAGES, '', [path.join(folder, collection)])
  }
  for (const [name, collection] of [
    ['opentree', 'open'],
    ['zztree', 'other'],
    ['zztree_made', SECRET],
  ] as const) {
    const root = path.join(folder, 'site/hips', name)
    mkdirSync(path.join(root, 'Norder0/Dir0'), { recursive: true })
    writeFileSync(
      path.join(root, 'properties'),
      `creator_did = ivo://x/${name}\nobs_title = ${name}\nobs_collection = ${collection}\nhips_order = 0\nhips_tile_format = png\ndataproduct_type = image\nhips_status = public master\n`,
    )
    writeFileSync(path.join(root, 'Norder0/Dir0/Npix0.png'), `tile of ${name}`)
  }
  const service = await startTestService({
    database: await testDatabase(),
    config: { auth: {}, dir: path.join(folder, 'site'), authority: 'test.example' },
    async fill(db) {
      for (const collection of ['open', SECRET]) {
        await ingestImages(
          db,
          { sources: [path.join(folder, collection)], collection, authority: 'test.example', complain() {} },
          () => {},
          new AbortController().signal,
        )
      }
    },
  })
  after(async () => {
    await service.close()
    rmSync(folder, { recursive: true })
  })
  const tokens: Record<string, string> = {}
  for (const [name, groups] of Object.entries({ ann: ['desc'], bob: ['others'] })) {
    await setAccount(service.db, name, groups)
    const scopes = ['read:tap', 'read:image', 'read:hips', 'write:jobs'] as const
    tokens[name] = (await createToken(service.db, name, { name: 't', scopes, expires: null }, OPERATOR)).token
  }
  const did = `ivo://test.example/${SECRET}?plain.fits`
  const openDid = 'ivo://test.example/open?plain.fits'

  const close = async (kind: RuleKind, name: string, announced = false, groups = ['desc']) => {
    await setRule(service.db, { kind, name, groups, announced, opensAt: undefined }, OPERATOR)
    await new Promise<void>(resolve => {
      void service.db
        .listen('access', () => setTimeout(resolve, 150))
        .then(() => service.db.query('NOTIFY access'))
    })
  }
  const ask = (who: string | undefined, to: string, init: RequestInit = {}) =>
    fetch(`${service.url}${to}`, {
      redirect: 'manual',
      ...init,
      headers: {
        ...(init.headers as Record<string, string>),
        ...(who && { Authorization: `Bearer ${tokens[who]}` }),
      },
    })
  const adql = async (who: string | undefined, query: string) => {
    const response = await ask(
      who,
      `/tap/sync?${new URLSearchParams({ LANG: 'ADQL', FORMAT: 'csv', QUERY: query })}`,
    )
    return { status: response.status, text: await response.text() }
  }
  const id = new URLSearchParams({ ID: did })
  const circle = new URLSearchParams({ ID: did, CIRCLE: '150 2 0.002' })

  /** Path, and the status for an image that is there. */
  const files: readonly (readonly [string, number])[] = [
    [`/files/${SECRET}/plain.fits`, 200],
    [`/preview/${SECRET}/plain.fits`, 200],
    [`/preview/${SECRET}/plain.fits?size=64`, 200],
    [`/moc/${SECRET}`, 200],
    [`/cutout/sync?${circle}`, 200],
    ['/hips/zztree/properties', 200],
    ['/hips/zztree/Norder0/Dir0/Npix0.png', 200],
    ['/hips/zztree', 301],
  ]
  const lists = [
    '/sia2/query?POS=CIRCLE+150+2+1',
    '/sia2/query?POS=CIRCLE+150+2+1&RESPONSEFORMAT=text/uri-list',
    '/sia2/query?MAXREC=0',
    `/sia2/query?COLLECTION=${SECRET}`,
    '/sia1/query?POS=150,2&SIZE=1',
    '/hips/list',
    '/sky',
    '/',
  ]

  it('are there for everybody without a rule', async () => {
    for (const [to, status] of files) assert.equal((await ask(undefined, to)).status, status, to)
    for (const to of lists) {
      if (to.includes('COLLECTION')) continue
      assert.match(await (await ask(undefined, to)).text(), /zzsecret|zztree/, to)
    }
  })

  it('are as though they were not there for outsiders, also when asked with an ETag', async () => {
    const tags = await Promise.all(files.map(async ([to]) => (await ask(undefined, to)).headers.get('etag')))
    await close('collection', SECRET)
    await close('hips', 'zztree')
    for (const who of [undefined, 'bob']) {
      for (const [i, [to]] of files.entries()) {
        const headers = { 'If-None-Match': tags[i] ?? '*', Range: 'bytes=0-3' }
        for (const response of [
          await ask(who, to),
          await ask(who, to, { headers }),
          await ask(who, to, { method: 'HEAD', headers }),
        ]) {
          assert.ok(
            response.status === 404 || (response.status === 400 && to.startsWith('/cutout')),
            `${to}: ${response.status}`,
          )
          assert.equal(response.headers.get('etag'), null)
          const text = (await response.text()).replaceAll(did, '').replaceAll(`/${SECRET}`, '')
          assert.doesNotMatch(text, /login|group/, to)
        }
      }
      // What is said of a closed one is what is said of none.
      const none = (await (await ask(who, '/moc/nosuch')).text()).replaceAll('nosuch', 'x')
      assert.equal((await (await ask(who, `/moc/${SECRET}`)).text()).replaceAll(SECRET, 'x'), none)
      for (const to of lists) {
        const text = await (await ask(who, to)).text()
        assert.doesNotMatch(text.replaceAll(/<INFO[^>]*>/g, ''), /zzsecret|zztree/, to)
      }
    }
  })

  it('go on for members, and no shared cache may keep them', async () => {
    for (const [to, status] of files) {
      const response = await ask('ann', to)
      assert.equal(response.status, status, to)
      if (!to.startsWith('/cutout')) assert.match(response.headers.get('cache-control') ?? '', /private/, to)
    }
    for (const to of lists) assert.match(await (await ask('ann', to)).text(), /zzsecret|zztree/, to)
    for (const to of ['/files/open/plain.fits', '/hips/opentree/properties']) {
      assert.equal((await ask(undefined, to)).status, 200, to)
    }
  })

  it('are handed out by signed links of members, while these are members, and by nobody else', async () => {
    const linked = async (who: string, url: string) => {
      const headers = { 'Content-Type': 'application/json' }
      const made = await ask(who, '/auth/link', { method: 'POST', headers, body: JSON.stringify({ url }) })
      assert.equal(made.status, 201)
      return ((await made.json()) as { url: string }).url
    }
    for (const to of [
      `/files/${SECRET}/plain.fits`,
      `/preview/${SECRET}/plain.fits`,
      `/cutout/sync?${circle}`,
    ]) {
      const link = await linked('ann', to)
      assert.equal((await fetch(link)).status, 200, to)
      const other = link.replace('plain.fits', 'two.fits')
      assert.equal((await fetch(other)).status, 403, 'a link is for one URL')
      assert.equal((await fetch(await linked('bob', to))).status, 404, to)
      await setAccount(service.db, 'ann', [])
      await new Promise(resolve => setTimeout(resolve, 500))
      assert.equal((await fetch(link)).status, 404, `${to} when its maker has left the group`)
      await setAccount(service.db, 'ann', ['desc'])
      await new Promise(resolve => setTimeout(resolve, 500))
    }
  })

  it('close a HiPS that is made of them, unless it has a rule of its own', async () => {
    const to = '/hips/zztree_made/properties'
    assert.equal((await ask(undefined, to)).status, 404)
    assert.equal((await ask('ann', to)).status, 200)
    await close('hips', 'zztree_made', false, ['public'])
    assert.equal((await ask(undefined, to)).status, 200)
    assert.match(await (await ask(undefined, '/hips/list')).text(), /zztree_made/)
  })

  it('are not in ObsCore for outsiders, whatever they ask', async () => {
    const count = 'SELECT obs_collection, COUNT(*) AS n FROM ivoa.ObsCore GROUP BY obs_collection ORDER BY 1'
    assert.equal((await adql(undefined, count)).text.replaceAll('\r', ''), 'obs_collection,n\nopen,5\n')
    assert.equal((await adql('bob', count)).text.replaceAll('\r', ''), 'obs_collection,n\nopen,5\n')
    assert.match((await adql('ann', count)).text, new RegExp(SECRET))
    const [leaky] = await service.db.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_operator AS o JOIN pg_proc AS p ON p.oid = o.oprcode
        WHERE o.oprleft = 'spoly'::regtype AND o.oprname IN ('&&', '@>') AND NOT p.proleakproof`,
    )
    assert.equal(leaky!.n, 0, 'regions are found by index behind the barrier')
    for (const query of [
      `SELECT COUNT(*) AS n FROM ivoa.ObsCore WHERE 1 / (CASE WHEN obs_collection = '${SECRET}' THEN 0 ELSE 1 END) = 1`,
      `SELECT COUNT(*) AS n FROM ivoa.ObsCore AS o WHERE POWER(CASE WHEN obs_id LIKE '%' AND obs_collection = '${SECRET}' THEN -1 ELSE 4 END, 0.5) = 2`,
      `SELECT COUNT(*) AS n FROM ivoa.ObsCore WHERE 1 = CONTAINS(POINT(150, 2), s_region) AND 1 / (CASE WHEN obs_collection = '${SECRET}' THEN 0 ELSE 1 END) = 1`,
    ]) {
      const outsider = await adql(undefined, query)
      assert.equal(outsider.status, 200, outsider.text)
      assert.equal((await adql('ann', query)).status, 400, query)
    }
    assert.match(
      (await adql(undefined, "SELECT table_name FROM tap_schema.tables WHERE table_name LIKE 'ivoa%'")).text,
      /ObsCore/,
    )
  })

  it('have no links for outsiders, and say to members that the links need a login', async () => {
    const links = async (who: string | undefined, of = did) =>
      (await ask(who, `/datalink/links?${new URLSearchParams({ ID: of, RESPONSEFORMAT: 'csv' })}`)).text()
    for (const who of [undefined, 'bob']) assert.match(await links(who), /NotFoundFault/)
    const mine = (await links('ann')).trim().split('\n')
    assert.ok(mine.length >= 6)
    for (const line of mine.slice(1)) assert.match(line, /,true,(true|T|1)\s*$/)
    const open = (await links(undefined, openDid)).trim().split('\n')
    for (const line of open.slice(1)) assert.match(line, /,false,(true|T|1)\s*$/)
  })

  it('are in no batch of cutouts and in no job of an outsider', async () => {
    for (const who of [undefined, 'bob']) {
      for (const [to, body] of [
        ['/cutout/async', new URLSearchParams({ ID: did, CIRCLE: '150 2 0.002', PHASE: 'RUN' })],
        ['/cutout/batch', batch()],
      ] as const) {
        const created = await ask(who, to, { method: 'POST', body })
        assert.equal(created.status, 303)
        const job = new URL(created.headers.get('location')!).pathname
        const cookie = created.headers
          .getSetCookie()
          .map(one => one.split(';')[0])
          .join('; ')
        const text = await (await ask(who, `${job}?WAIT=30`, { headers: { cookie } })).text()
        assert.match(text, /ERROR/, text)
        assert.match(text, /no such/)
      }
    }
  })

  function batch(): FormData {
    const form = new FormData()
    form.set('COLLECTION', SECRET)
    form.set('SIZE', '10')
    form.set('PHASE', 'RUN')
    form.set('UPLOAD', 't,param:t')
    form.set('t', new Blob(['ra,dec\n150,2\n'], { type: 'text/csv' }), 't.csv')
    return form
  }

  it('are told of where they are announced: 401 to nobody known, 403 to others', async () => {
    await close('collection', SECRET, true)
    await close('hips', 'zztree', true)
    for (const [to] of files) {
      const anonymous = await ask(undefined, to)
      assert.equal(anonymous.status, 401, to)
      assert.match(anonymous.headers.get('www-authenticate') ?? '', /Basic/, to)
      assert.match(anonymous.headers.get('cache-control') ?? '', /no-store/, to)
      const other = await ask('bob', to)
      assert.equal(other.status, 403, to)
      assert.match(await other.text(), /open to the group desc/, to)
    }
    assert.match(await (await ask('bob', `/cutout/sync?${circle}`)).text(), /^AuthorizationError/)
    const rows = await (await ask('bob', `/datalink/links?${id}&RESPONSEFORMAT=csv`)).text()
    assert.match(rows, /AuthorizationFault: .*open to the group desc.*true,(false|F|0)/)
  })
})
