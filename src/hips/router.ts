/**
 * /hips: the list (HiPS 1.0 §5.2) and the trees as they lie on the disk (§4.1). Only the names of the standard are looked
 * for, so no path leads elsewhere. Tiles outside of the coverage are refused from memory.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { gzip, type ZlibOptions } from 'node:zlib'
import express, { type NextFunction, type Request, type Response, type Router } from 'express'
import type { Rules } from '../auth/access.ts'
import { identify } from '../auth/identity.ts'
import type { ByteRange } from '../dali/file.ts'
import { FILE_POLICY } from '../dali/policy.ts'
import { STATUS } from '../dali/respond.ts'
import { type ErrorCode, errorText, ServiceError } from '../error.ts'
import { mocMeets } from '../healpix/moc.ts'
import { type CutoutRequest, cutoutView } from './cutout.ts'
import { parseCutout } from './cutout-params.ts'
import { hipsList } from './list.ts'
import type { TileMaker } from './on-demand.ts'
import { FORMAT_NAMES } from './properties.ts'
import type { PublishedTree, PublishedTrees } from './published.ts'
import type { Tile } from './tile.ts'
import { type TileCache, tileCache } from './tile-cache.ts'
import { type VisibleTree, visibleTrees } from './visible.ts'

export interface HipsDependencies {
  readonly trees: PublishedTrees
  readonly rules: () => Rules
  readonly origin: (request: Request) => string
  /** Makes tiles of orders that are not built; without it there are none. */
  readonly maker?: TileMaker
}

const TYPES: Readonly<Record<string, string>> = {
  fits: 'application/fits',
  png: 'image/png',
  jpg: 'image/jpeg',
  webp: 'image/webp',
  tsv: 'text/tab-separated-values',
  xml: 'application/x-votable+xml',
  html: 'text/html; charset=utf-8',
}
const TILE = /^Norder(0|[1-9]\d?)\/Dir(0|[1-9]\d{0,14})\/Npix(0|[1-9]\d{0,14})\.(fits|png|jpg|webp|tsv)$/
const OTHER =
  /^(?:properties|[Mm]etadata\.xml|preview\.jpg|index\.html|Moc\.fits|Norder\d{1,2}\/Allsky\.(?:fits|png|jpg|webp|tsv))$/

/** A browser asks again after a day; then the ETag tells that nothing has changed. */
const KEEP_TILES = 'public, max-age=86400'
const KEEP_OTHERS = 'public, max-age=60'
const KEEP_RELEASE = 'public, max-age=31536000, immutable'
/** Of a tree that is not for everybody a browser asks each time. */
const keep = ({ restricted }: VisibleTree, time: string) => (restricted ? 'private, no-cache' : time)
/** Bytes of tiles in memory. */
const CACHE_BYTES = 64 * 2 ** 20

/** What is told; anything else is our fault. */
const REFUSALS: readonly ErrorCode[] = ['usage', 'unauthenticated', 'forbidden', 'unavailable']

interface TileSources {
  readonly cache: TileCache
  readonly maker: TileMaker | undefined
}

export function hipsRouter({ trees: all, rules, origin, maker }: HipsDependencies): Router {
  const router = express.Router({ strict: true })
  const cache = tileCache(CACHE_BYTES)
  const treesFor = (request: Request) => visibleTrees(all, rules(), identify(request))

  router.get(['/', '/list'], async (request, response) => {
    response
      .type('text/plain; charset=utf-8')
      .send(hipsList(await treesFor(request).all(), `${origin(request)}/hips`))
  })

  router.get('/:name/cutout', async (request, response) => {
    const tree = await treesFor(request).tree(String(request.params.name))
    if (!tree) return noTree(response)
    if (tree.properties.get('dataproduct_type') === 'catalog')
      throw new ServiceError('usage', `${tree.name} is a catalogue: there is no picture to cut out of it`)
    const parsed = parseCutout(request.query as Record<string, unknown>)
    if (typeof parsed === 'string') {
      response.status(400).type('text/plain').send(`${parsed}\n`)
      return
    }
    await sendCutout(response, tree, parsed)
  })

  router.get('/:name', async (request, response) => {
    if (!(await treesFor(request).tree(String(request.params.name)))) return noTree(response)
    response.redirect(301, `${origin(request)}/hips/${encodeURIComponent(String(request.params.name))}/`)
  })

  router.get('/:name/{*path}', async (request, response) => {
    const tree = await treesFor(request).tree(String(request.params.name))
    if (!tree) return noTree(response)
    const rest = ((request.params.path as string[] | undefined) ?? []).join('/') || 'index.html'
    const tile = TILE.exec(rest)
    if (tile) return sendTile(request, response, { cache, maker }, tree, rest, tile)
    if (!OTHER.test(rest)) return missing(response, 'a HiPS has no such file')
    if (rest.endsWith('.tsv')) return sendAllskyTable(request, response, cache, tree, rest)
    response.setHeader('Cache-Control', keep(tree, KEEP_OTHERS))
    // Aladin Lite writes Metadata.xml.
    sendFile(response, tree.root, rest.replace('Metadata', 'metadata'))
  })
  router.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    // Paths that cannot be decoded come as errors of their own with a status.
    const failure = error as Error & { readonly status?: number }
    if (error instanceof ServiceError && REFUSALS.includes(error.code)) {
      if (error.retryAfter !== undefined) response.setHeader('Retry-After', error.retryAfter)
      response
        .status(STATUS[error.code])
        .type('text/plain')
        .send(`${errorText(error)}\n`)
    } else if (failure.status === 400) missing(response, 'a HiPS has no such file')
    else next(error)
  })
  return router
}

/** As soon as it is there, or open, it is seen. */
function noTree(response: Response): void {
  response.status(404).setHeader('Cache-Control', 'no-cache')
  response.type('text/plain').send('no such HiPS\n')
}

function missing(response: Response, why: string): void {
  response.status(404).setHeader('Cache-Control', KEEP_OTHERS)
  response.type('text/plain').send(`${why}\n`)
}

async function sendTile(
  request: Request,
  response: Response,
  { cache, maker }: TileSources,
  tree: VisibleTree,
  file: string,
  [, order, dir, npix, extension]: RegExpExecArray,
): Promise<void> {
  const [k, n] = [Number(order), Number(npix)]
  const isThere =
    k <= tree.deepest &&
    n < 12 * 4 ** k &&
    Number(dir) === Math.floor(n / 10_000) * 10_000 &&
    covers(tree, k, n)
  if (!isThere) return noTile(response)
  const bytes = await cache.get(`${tree.name}/${file}`, tree.version, () => {
    const there = readIfThere(path.join(tree.root, file))
    return k > tree.order
      ? there.then(found => found ?? made(maker, tree, file, { order: k, npix: n }))
      : there
  })
  if (!bytes) return noTile(response)
  if (extension === 'tsv') return sendTable(request, response, cache, tree, file, bytes)
  sendBytes(request, response, tree, bytes, { 'Content-Type': TYPES[extension!]! })
}

async function sendAllskyTable(
  request: Request,
  response: Response,
  cache: TileCache,
  tree: VisibleTree,
  file: string,
): Promise<void> {
  const read = () => readIfThere(path.join(tree.root, file))
  const bytes = await cache.get(`${tree.name}/${file}`, tree.version, read)
  if (!bytes) return noTile(response)
  await sendTable(request, response, cache, tree, file, bytes)
}

/** Rows of catalogues, which become a quarter of their size. */
async function sendTable(
  request: Request,
  response: Response,
  cache: TileCache,
  tree: VisibleTree,
  file: string,
  bytes: Buffer,
): Promise<void> {
  const headers = { 'Content-Type': TYPES.tsv!, Vary: 'Accept-Encoding' }
  const packs = /\bgzip\b/.test(request.get('accept-encoding') ?? '') && request.headers.range === undefined
  if (!packs || bytes.length < WORTH_PACKING) return sendBytes(request, response, tree, bytes, headers)
  const packed = await cache.get(`${tree.name}/${file}.gz`, tree.version, () => gzipped(bytes, { level: 4 }))
  sendBytes(request, response, tree, packed!, { ...headers, 'Content-Encoding': 'gzip' })
}

const gzipped: (bytes: Buffer, options: ZlibOptions) => Promise<Buffer> = promisify(gzip)
/** Less fits into one packet anyway. */
const WORTH_PACKING = 1400

function sendBytes(
  request: Request,
  response: Response,
  tree: VisibleTree,
  bytes: Buffer,
  own: Readonly<Record<string, string>>,
): void {
  const etag = `"${tree.version.toString(36)}-${bytes.length.toString(36)}"`
  const headers = {
    ...own,
    'Cache-Control': keep(tree, isOfRelease(request, tree) ? KEEP_RELEASE : KEEP_TILES),
    ETag: etag,
    'Last-Modified': tree.modified,
    'Accept-Ranges': 'bytes',
  }
  if (isFresh(request, etag, tree)) {
    response.writeHead(304, headers).end()
    return
  }
  const part = request.headers.range === undefined ? undefined : partOf(request, etag, bytes.length)
  if (part === 'none') {
    response
      .writeHead(416, { ...headers, 'Content-Range': `bytes */${bytes.length}`, 'Content-Length': 0 })
      .end()
    return
  }
  const body = part ? bytes.subarray(part.start, part.end + 1) : bytes
  const range = part && { 'Content-Range': `bytes ${part.start}-${part.end}/${bytes.length}` }
  response.writeHead(part ? 206 : 200, { ...headers, ...range, 'Content-Length': body.length })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** A tile of an order that is not built. */
async function made(
  maker: TileMaker | undefined,
  { root, order, properties }: PublishedTree,
  file: string,
  tile: Tile,
): Promise<Buffer | undefined> {
  const names = (properties.get('hips_tile_format') ?? '').split(/\s+/)
  const extension = file.slice(file.lastIndexOf('.') + 1)
  if (!maker || !names.includes(FORMAT_NAMES[extension as keyof typeof FORMAT_NAMES])) return undefined
  await maker.make(root, order, tile)
  return readIfThere(path.join(root, file))
}

/** `?release=` with the release date of the tree: such an address never means other bytes. */
const isOfRelease = (request: Request, { properties }: VisibleTree) =>
  request.url.includes('?release=') && request.query.release === properties.get('hips_release_date')

/** RFC 9110 §13.1: If-None-Match counts before If-Modified-Since. */
function isFresh({ headers }: Request, etag: string, { modified }: VisibleTree): boolean {
  const tags = headers['if-none-match']
  if (tags !== undefined) return tags === '*' || tags.includes(etag)
  const since = headers['if-modified-since']
  return since !== undefined && Date.parse(since) >= Date.parse(modified)
}

/** RFC 9110 §14.2: one range; of several the whole is given, and so where If-Range names another state. */
function partOf(request: Request, etag: string, length: number): ByteRange | 'none' | undefined {
  const condition = request.headers['if-range']
  if (condition !== undefined && condition !== etag) return undefined
  const ranges = request.range(length)
  if (ranges === -1) return 'none'
  return ranges === -2 || ranges === undefined || ranges.length !== 1 || ranges.type !== 'bytes'
    ? undefined
    : ranges[0]
}

const NO_TILE = Buffer.from('there is no tile here\n')

/** Without the detour over express: viewers ask for many tiles that are not there. */
function noTile(response: Response): void {
  response.writeHead(404, {
    'Content-Type': 'text/plain',
    'Content-Length': NO_TILE.length,
    'Cache-Control': KEEP_TILES,
  })
  response.end(NO_TILE)
}

const covers = ({ moc }: VisibleTree, order: number, npix: number) =>
  moc === undefined || mocMeets(moc, order, npix)

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function sendFile(response: Response, root: string, file: string): void {
  const extension = file.slice(file.lastIndexOf('.') + 1)
  response.type(
    file === 'properties' ? 'text/plain; charset=utf-8' : (TYPES[extension] ?? 'application/octet-stream'),
  )
  if (extension === 'html') response.setHeader('Content-Security-Policy', FILE_POLICY)
  response.sendFile(file, { root, dotfiles: 'deny', cacheControl: false }, error => {
    if (error && !response.headersSent) missing(response, 'a HiPS has no such file')
  })
}

async function sendCutout(response: Response, tree: VisibleTree, request: CutoutRequest): Promise<void> {
  const { bytes, contentType } = await cutoutView(tree, request)
  response.setHeader('Cache-Control', KEEP_OTHERS)
  response.type(contentType).send(bytes)
}
