/** `/preview/<collection>/<key>`: thumbnails, made when they are asked for and kept on the disk. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { type NextFunction, type Request, type Response, Router } from 'express'
import { type Identity, identify } from '../auth/identity.ts'
import type { Config } from '../config.ts'
import { sendFile } from '../dali/file.ts'
import { STATUS, serviceError } from '../dali/respond.ts'
import type { Database } from '../db/database.ts'
import { errorText, ServiceError } from '../error.ts'
import { type LocatedImage, locateKnown } from '../images/locate.ts'
import { thumbnail } from './thumbnail.ts'

export interface PreviewDependencies {
  readonly db: Database
  readonly config: Pick<Config, 'dir' | 'authority'>
}

/** Longer side in pixels: as it comes, and the largest that `size` can ask for. */
const SIDE = 320
const LARGEST = 1024
/** Thumbnails that are made at once: each may hold an image of 32 megapixels. */
const AT_ONCE = 2

export function previewRouter({ db, config }: PreviewDependencies): Router {
  const router = Router()
  const making = new Map<string, Promise<Buffer>>()
  const turn = turns(AT_ONCE)

  router.get('/:collection/*key', async (request, response) => {
    // As it stands in the URL: identifiers have the key in the same encoding.
    const [collection, ...rest] = request.path.slice(1).split('/')
    const key = rest.join('/')
    const side = sizeOf(request.query.size)
    const image = await imageOf(db, config.authority, request, collection!, key)
    if (!image) throw new ServiceError('notFound', `there is no image ${decoded(key)} in ${collection}`)
    const bytes = await kept(image, side)
    await sendFile(request, response, {
      contentType: 'image/jpeg',
      fileName: `${image.imageId}.jpg`,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      read: async range => Readable.from([range ? bytes.subarray(range.start, range.end + 1) : bytes]),
    })
  })

  /** From the disk, or made now; several who ask at once get one made for all. */
  async function kept(image: LocatedImage, side: number): Promise<Buffer> {
    const file = path.join(config.dir, 'previews', `${await nameOf(image, side)}.jpg`)
    const there = await readFile(file).catch(() => undefined)
    if (there) return there
    const running = making.get(file)
    if (running) return running
    const work = turn(() => make(image, side, file)).finally(() => making.delete(file))
    making.set(file, work)
    return work
  }

  async function make(image: LocatedImage, side: number, file: string): Promise<Buffer> {
    const bytes = await thumbnail(image.location, image.hdu, path.join(config.dir, 'spool'), side)
    await mkdir(path.dirname(file), { recursive: true })
    const partial = `${file}.${randomUUID()}.part`
    await writeFile(partial, bytes)
    await rename(partial, file)
    return bytes
  }

  router.use((_request: Request) => {
    throw new ServiceError('notFound', 'previews are at /preview/<collection>/<key>')
  })
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.locals.failure = error
    const { status, text } = said(error)
    response.status(status).type('text/plain').send(`${text}\n`)
  })
  return router
}

function said(error: unknown): { readonly status: number; readonly text: string } {
  // Express refuses percent-encodings that are none.
  if (error instanceof URIError) return { status: 404, text: 'The path is no UTF-8.' }
  // What is wrong is the file, not the request.
  if (error instanceof ServiceError && error.code === 'usage')
    return { status: 404, text: `There is no preview: ${errorText(error)}` }
  const failure = serviceError(error)
  const status = failure.code === 'tooLarge' ? 400 : STATUS[failure.code]
  return { status, text: errorText(failure) }
}

function sizeOf(given: unknown): number {
  if (given === undefined) return SIDE
  const side = typeof given === 'string' && /^\d{1,5}$/.test(given) ? Number(given) : 0
  if (side >= 16 && side <= LARGEST) return side
  throw new ServiceError('tooLarge', `size is the longer side in pixels, from 16 to ${LARGEST}`)
}

/** By identifier; a key alone stands for the first image of its file. */
async function imageOf(
  db: Database,
  authority: string,
  request: Request,
  collection: string,
  key: string,
): Promise<LocatedImage | undefined> {
  const identity = identify(request)
  const exact = await known(db, identity, `ivo://${authority}/${collection}?${key}`)
  if (exact) return exact
  const [first] = await db.query<{ did: string }>(
    `SELECT i.obs_publisher_did AS did FROM almagest.image AS i JOIN almagest.image_file AS f USING (file_id)
      WHERE f.collection = $1 AND f.key = $2 ORDER BY i.role <> 'science', i.hdu LIMIT 1`,
    [collection, decoded(key)],
  )
  return first && known(db, identity, first.did)
}

/** Throws where somebody who may not have the image is told so. */
async function known(db: Database, identity: Identity, did: string): Promise<LocatedImage | undefined> {
  const { images, closed } = await locateKnown(db, identity, [did])
  const told = closed.get(did)
  if (told) throw new ServiceError(told.code, `${told.message}.`)
  return images.get(did)
}

function decoded(key: string): string {
  try {
    const text = decodeURIComponent(key)
    if (!text.includes('\0')) return text
  } catch {
    // as below
  }
  throw new ServiceError('notFound', `${key} is no key: its percent-encoding is wrong`)
}

/** Another state of the file has another name. */
async function nameOf({ did, location, bytes }: LocatedImage, side: number): Promise<string> {
  const { mtimeMs } = await stat(location).catch(error => {
    throw new ServiceError('notFound', `the file of ${did} cannot be read`, { cause: error })
  })
  return createHash('sha256')
    .update([did, location, bytes, mtimeMs, side].join('\0'))
    .digest('hex')
    .slice(0, 40)
}

/** Lets so many work at once; the others wait in order. */
function turns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0
  const waiting: (() => void)[] = []
  return async work => {
    if (running === most) await new Promise<void>(resolve => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
