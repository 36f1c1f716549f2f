/** Catalogue HiPS: read back by astropy and healpy from the disk, and served. */
import assert from 'node:assert/strict'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import express from 'express'
import { NO_RULES } from '../../src/auth/access.ts'
import { type CommandSetting, UsageError } from '../../src/command.ts'
import { loadConfig } from '../../src/config.ts'
import type { Database } from '../../src/db/database.ts'
import { openDatabase } from '../../src/db/postgres.ts'
import { buildCatalogue, type CatalogueRequest } from '../../src/hips/catalogue.ts'
import { type CatalogueTile, catalogueTree } from '../../src/hips/catalogue-tree.ts'
import { lintTree } from '../../src/hips/lint.ts'
import { publishedTrees } from '../../src/hips/published.ts'
import { hipsRouter } from '../../src/hips/router.ts'
import { hipsCatalogueCommand } from '../../src/hips-catalogue-command.ts'
import { openLog } from '../../src/log.ts'
import { readCatalog } from '../../src/tap/tap-schema.ts'
import { testDatabase } from '../support/database.ts'
import { fillSmallDemo } from '../support/demo.ts'
import { python, withoutPython } from '../support/python.ts'
import { fillSample, SAMPLE_ROWS } from '../support/sample.ts'
import { ABOUT } from './images.ts'

/** Tiles against the rows as PostgreSQL has them: [id, ra, dec, rank] of each, the most important with the lowest rank. */
const CHECK = `
import sys, json, os, re, glob, numpy as np, healpy
from astropy.io.votable import parse_single_table
from astropy.io import fits
folder = sys.argv[1]
rows = {r[0]: r[1:] for r in json.load(sys.stdin)}
fields = [f.name for f in parse_single_table(folder + '/metadata.xml').fields]
where, tiles = {}, {}
for file in glob.glob(folder + '/Norder*/Dir*/Npix*.tsv'):
    order, d, npix = map(int, re.search(r'Norder(\\d+)/Dir(\\d+)/Npix(\\d+)', file).groups())
    assert d == npix // 10000 * 10000
    comment, header, *lines = open(file, encoding='utf8').read().split('\\n')
    assert lines.pop() == ''
    shown, total = map(int, re.fullmatch(r'# Completeness = (\\d+)/(\\d+)', comment).groups())
    assert header.split('\\t') == fields, (header, fields)
    cells = [l.split('\\t') for l in lines]
    ids = [c[0] for c in cells]
    ranks = [rows[i][2] for i in ids]
    assert ranks == sorted(ranks), file
    for c in cells:
        assert len(c) == len(fields)
        assert c[0] not in where
        where[c[0]] = order
        assert healpy.ang2pix(2 ** order, float(c[1]), float(c[2]), nest=True, lonlat=True) == npix
    tiles[order, npix] = (ids, shown, total)
assert set(where) == set(rows), (len(where), len(rows))
ids = np.array(list(rows)); ra, dec, rank = np.array([rows[i] for i in ids]).T
for (order, npix), (own, shown, total) in tiles.items():
    inside = healpy.ang2pix(2 ** order, ra, dec, nest=True, lonlat=True) == npix
    assert inside.sum() == total
    levels = np.array([where[i] for i in ids[inside]])
    assert (levels <= order).sum() == shown
    deeper = rank[inside][levels > order]
    if len(deeper): assert rank[inside][levels <= order].max() <= deeper.min()
    assert order == 1 or (order - 1, npix // 4) in tiles
moc = fits.getdata(folder + '/Moc.fits', 1)['UNIQ'].astype('i8')
cover = set()
for u in moc:
    o = (int(u).bit_length() - 3) // 2
    c = int(u) - 4 * 4 ** o
    cover.update(range(c * 4 ** (10 - o), (c + 1) * 4 ** (10 - o)))
assert cover == set(healpy.ang2pix(1024, ra, dec, nest=True, lonlat=True).tolist())
for k in 1, 2:
    comment, header, *lines = open(f'{folder}/Norder{k}/Allsky.tsv').read().rstrip('\\n').split('\\n')
    assert sorted(l.split('\\t')[0] for l in lines if l) == sorted(i for i in where if where[i] == k)
print(json.dumps([len(tiles), max(o for o, _ in tiles)]))
`

describe('a catalogue HiPS', { skip: withoutPython('astropy', 'healpy') }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-catalogue-'))
  let db: Database
  before(async () => {
    db = await openDatabase({ url: await testDatabase(), log: openLog('silent') })
    await fillSample(db)
    await fillSmallDemo(db)
  })
  after(async () => {
    await db.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function build(name: string, schema: string, table: string, more: Partial<CatalogueRequest> = {}) {
    const { tables } = await readCatalog(db)
    const meta = tables.all.find(one => one.schema === schema && one.name === table)!
    return buildCatalogue(db, {
      root: path.join(folder, name),
      tables,
      table: meta,
      columns: ['objectid', 'ra', 'dec', 'r_psfflux'].map(
        column => meta.columns.find(one => one.field.name === column)!,
      ),
      rank: { expression: 'r_psfflux', largestFirst: true },
      where: undefined,
      links: [],
      properties: [['almagest_table', 'demo.object']],
      perTile: 30,
      deepest: 18,
      about: ABOUT,
      report: () => {},
      signal: new AbortController().signal,
      ...more,
    })
  }

  const check = (name: string, rows: readonly unknown[]) =>
    JSON.parse(python(CHECK, JSON.stringify(rows), [path.join(folder, name)]).toString()) as [number, number]

  it('has every row once, the brightest in the coarsest tiles', async () => {
    const built = await build('demo', 'demo', 'object')
    const rows = await db.query<{ row: unknown[] }>(
      'SELECT jsonb_build_array(objectid::text, ra, dec, coalesce(-r_psfflux, 1e30)) AS row FROM demo.object',
    )
    assert.equal(built.rows, rows.length)
    assert.deepEqual(
      check(
        'demo',
        rows.map(({ row }) => row),
      ),
      [built.tiles, built.order],
    )
    assert.ok(built.order > 5)
    const tree = await publishedTrees(folder).tree('demo')
    assert.equal(tree?.properties.get('dataproduct_type'), 'catalog')
    assert.equal(tree?.properties.get('hips_cat_nrows'), String(rows.length))
    assert.equal(tree?.properties.get('almagest_table'), 'demo.object')
  })

  it('takes a table without cells, over the whole sky, and spells what TSV cannot hold', async () => {
    const { tables } = await readCatalog(db)
    const stars = tables.all.find(one => one.schema === 'sample')!
    const named = (name: string) => stars.columns.find(one => one.field.name === name)!
    await build('stars', 'sample', 'stars', {
      columns: ['ID', 'ra', 'dec', 'mag', 'name', 'title', 'profile'].map(named),
      rank: { expression: 'mag', largestFirst: false },
      // Directions on borders of cells belong to either.
      where: 'ABS(dec) > 0.1 AND ABS(dec) < 89.9',
      perTile: 5,
    })
    // What has no magnitude comes last.
    const rows = await db.query<{ row: unknown[] }>(
      `SELECT jsonb_build_array(id::text, ra, dec, CASE WHEN mag < 1e30 THEN mag ELSE 1e30 END) AS row
         FROM sample.stars WHERE abs(dec) > 0.1 AND abs(dec) < 89.9`,
    )
    assert.ok(rows.length > SAMPLE_ROWS - 20)
    check(
      'stars',
      rows.map(({ row }) => row),
    )
  })

  it('is made by the command, with light curves, cutouts and properties', async () => {
    const printed: string[] = []
    const setting = {
      config: { ...loadConfig({}), dir: folder, publicUrl: 'https://survey.invalid' },
      log: openLog('silent'),
      stdout: { write: (text: string) => printed.push(text) },
      stderr: { write: () => true },
      database: async () => ({ db }),
    } as unknown as CommandSetting
    cpSync(path.join(folder, 'demo'), path.join(folder, 'hips', 'pictures'), { recursive: true })
    const words = ['DEMO.Object', '--json', '--property', 'obs_regime=Optical', '--cutouts', 'pictures']
    assert.equal(await hipsCatalogueCommand.run(words, setting), 0)
    assert.equal(JSON.parse(printed.join('')).rows, 8000)
    const tree = (await publishedTrees(path.join(folder, 'hips')).tree('demo_object'))!
    assert.equal(tree.properties.get('obs_regime'), 'Optical')
    assert.equal(tree.properties.get('almagest_table'), 'demo.object')
    const text = readFileSync(path.join(tree.root, 'Norder1', 'Allsky.tsv'), 'utf8')
    const [, header, first] = text.split('\n') as [string, string, string]
    assert.deepEqual(header.split('\t').slice(0, 3), ['objectid', 'ra', 'dec'])
    assert.deepEqual(header.split('\t').slice(-2), ['light_curve', 'cutout'])
    const [curve, cutout] = first.split('\t').slice(-2)
    const id = encodeURIComponent(`ivo://almagest.invalid/demo.object?${first.split('\t')[0]}`)
    assert.equal(curve, `https://survey.invalid/datalink/timeseries?ID=${id}`)
    assert.match(cutout!, /^https:\/\/survey.invalid\/hips\/pictures\/cutout\?ra=[\d.]+&dec=/)
    for (const wrong of [['demo.visit', '--columns', 'none'], ['demo.variable'], ['none.none'], []])
      await assert.rejects(hipsCatalogueCommand.run(wrong, setting), UsageError)
  })

  it('is served packed to whoever takes that, and as it is to others', async () => {
    const router = hipsRouter({ trees: publishedTrees(folder), rules: () => NO_RULES, origin: () => '' })
    const server = createServer({ keepAliveTimeout: 60_000 }, express().use('/hips', router)).listen(
      0,
      '127.0.0.1',
    )
    await new Promise(resolve => server.once('listening', resolve))
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hips/demo`
    try {
      const tile = readdirSync(path.join(folder, 'demo'), { recursive: true, encoding: 'utf8' }).find(name =>
        /^Norder4.*Npix/.test(name),
      )!
      for (const file of [tile, 'Norder1/Allsky.tsv']) {
        const expected = readFileSync(path.join(folder, 'demo', file), 'utf8')
        const [packed, plain, part] = await Promise.all([
          fetch(`${base}/${file}`, { headers: { 'Accept-Encoding': 'gzip' } }),
          fetch(`${base}/${file}`, { headers: { 'Accept-Encoding': 'identity' } }),
          fetch(`${base}/${file}`, { headers: { 'Accept-Encoding': 'identity', Range: 'bytes=2-9' } }),
        ])
        assert.equal(packed.headers.get('content-encoding'), 'gzip')
        assert.ok(Number(packed.headers.get('content-length')) < expected.length / 2)
        assert.equal(await packed.text(), expected)
        assert.equal(plain.headers.get('content-encoding'), null)
        assert.equal(plain.headers.get('content-type'), 'text/tab-separated-values')
        assert.equal(await plain.text(), expected)
        assert.equal(await part.text(), expected.slice(2, 10))
        assert.notEqual(packed.headers.get('etag'), plain.headers.get('etag'))
      }
      const metadata = await fetch(`${base}/Metadata.xml`)
      assert.equal(metadata.status, 200)
      assert.equal((await fetch(`${base}/cutout?ra=150&dec=2&fov=1`)).status, 400)
    } finally {
      server.close()
    }
  })

  it('adds columns of addresses, keeps to a condition, and ranks by any expression', async () => {
    const field = { name: 'light_curve', datatype: 'char', arraysize: '*' } as const
    const built = await build('some', 'demo', 'object', {
      where: 'refextendedness = 0 AND r_psfflux > 0',
      rank: { expression: 'g_psfflux / r_psfflux', largestFirst: false },
      links: [{ field, from: ['objectid', 'ra'], address: ([id, ra]) => `http://x/?ID=${id}&at=${ra}` }],
    })
    const [{ n }] = (await db.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM demo.object WHERE refextendedness = 0 AND r_psfflux > 0',
    )) as [{ n: number }]
    assert.equal(built.rows, n)
    const [, header, first] = readFileSync(path.join(folder, 'some', 'Norder1', 'Allsky.tsv'), 'utf8').split(
      '\n',
    )
    assert.equal(header!.split('\t').at(-1), 'light_curve')
    const [id, ra] = first!.split('\t')
    assert.ok(first!.endsWith(`\thttp://x/?ID=${id}&at=${ra}`), first)
  })

  it('is sound to lint, which finds each fault', async () => {
    const faults = async (harm: (root: string) => void) => {
      const root = path.join(folder, 'harmed')
      rmSync(root, { recursive: true, force: true })
      cpSync(path.join(folder, 'demo'), root, { recursive: true })
      harm(root)
      const found: string[] = []
      for await (const { level, text } of lintTree((await publishedTrees(folder).tree('harmed'))!))
        if (level !== 'info') found.push(`${level}: ${text}`)
      return found
    }
    assert.deepEqual(await faults(() => {}), [])
    const deepest = (root: string) => {
      const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(name =>
        /Npix\d+/.test(name),
      )
      return path.join(root, names.sort((a, b) => Number(/\d+/.exec(a)) - Number(/\d+/.exec(b))).at(-1)!)
    }
    const rewrite = (file: string, from: RegExp | string, to: string) =>
      writeFileSync(file, readFileSync(file, 'utf8').replace(from, to))
    const cases: [RegExp, (root: string) => void][] = [
      [/error: rows: the tiles have \d+, hips_cat_nrows says 8000/, root => rmSync(deepest(root))],
      [/error: .*rows have not 4 values/, root => rewrite(deepest(root), /\t[^\t]*\n$/, '\n')],
      [/error: .*do not lie in the tile/, root => rewrite(deepest(root), /\n(\d+)\t[\d.]+/, '\n$1\t10')],
      [/error: .*its columns are/, root => rewrite(deepest(root), 'r_psfflux', 'flux')],
      [/error: .*Completeness = 5\/3/, root => rewrite(deepest(root), /= \d+\/\d+/, '= 5/3')],
      [
        /error: metadata.xml has no FIELD of UCD/,
        root => rewrite(path.join(root, 'metadata.xml'), 'pos.eq.ra', 'x'),
      ],
      [/error: metadata.xml is missing/, root => rmSync(path.join(root, 'metadata.xml'))],
      [
        /error: Norder2\/Allsky.tsv: it has/,
        root => rewrite(path.join(root, 'Norder2', 'Allsky.tsv'), /[^\n]+\n$/, ''),
      ],
      [/warning: Norder1\/Allsky.tsv is missing/, root => rmSync(path.join(root, 'Norder1', 'Allsky.tsv'))],
    ]
    for (const [message, harm] of cases) {
      const found = await faults(harm)
      assert.ok(
        found.some(text => message.test(text)),
        `${message} in ${JSON.stringify(found)}`,
      )
    }
    rmSync(path.join(folder, 'harmed'), { recursive: true })
  })

  it('replaces a tree when it is whole, and leaves it when it cannot', async () => {
    const before = await publishedTrees(folder).tree('demo')
    await assert.rejects(
      build('demo', 'demo', 'object', { rank: { expression: 'nothing', largestFirst: true } }),
      /nothing/,
    )
    await assert.rejects(build('demo', 'demo', 'object', { where: 'ra > 400' }), /there are no rows/)
    await assert.rejects(
      build('demo', 'demo', 'object', { report: () => assert.fail('the disk is full') }),
      /the disk is full/,
    )
    assert.deepEqual(await publishedTrees(folder).tree('demo'), before)
    mkdirSync(path.join(folder, '.demo.part', 'Norder5'), { recursive: true })
    const built = await build('demo', 'demo', 'object', { where: 'ra > 150' })
    assert.ok(built.rows > 100 && built.rows < 7900)
    assert.deepEqual(
      readdirSync(folder).filter(name => name.startsWith('.')),
      [],
    )
    assert.ok(existsSync(path.join(folder, 'demo', 'properties')))
  })
})

describe('the tree of a catalogue', () => {
  it('divides no further than it may, whatever lies in one place', async () => {
    const rows = Array.from({ length: 1000 }, (_, i) => ({ cell: 7, rank: i, line: String(i) }))
    async function* batches() {
      for (let i = 0; i < rows.length; i += 70) yield rows.slice(i, i + 70)
    }
    const tiles: CatalogueTile[] = []
    const n = await catalogueTree(batches(), { perTile: () => 10, deepest: 4 }, tile => tiles.push(tile))
    assert.equal(n, 1000)
    assert.deepEqual(
      tiles.map(({ order, npix, rows: own, shown, total }) => [order, npix, own.length, shown, total]),
      [
        [4, 0, 970, 1000, 1000],
        [3, 0, 10, 30, 1000],
        [2, 0, 10, 20, 1000],
        [1, 0, 10, 10, 1000],
      ],
    )
  })
})
