/** Where lint finds the files of a tree: in a folder, or at a URL. */
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { ServiceError } from '../error.ts'
import { type Moc, mocCells, mocDegraded } from '../healpix/moc.ts'
import { parseProperties } from './properties.ts'
import { coverageIn, type PublishedTree, treeOf } from './published.ts'

export interface TreeFiles {
  /** Undefined for a file that is not there. */
  read(file: string): Promise<Buffer | undefined>
  /** Tiles of an order and format; undefined where they cannot be listed, so that some have to be asked for. */
  list(order: number, extension: string): ReadonlySet<number> | undefined
}

export function localFiles(root: string): TreeFiles {
  return {
    async read(file) {
      try {
        return await readFile(path.join(root, file))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    list(order, extension) {
      const there = new Set<number>()
      let names: string[] = []
      try {
        names = readdirSync(path.join(root, `Norder${order}`), { recursive: true, encoding: 'utf8' })
      } catch {}
      for (const name of names) {
        const found = /^Dir(\d+)\/Npix(\d+)\.(\w+)$/.exec(name)
        if (!found || found[3] !== extension) continue
        const npix = Number(found[2])
        if (Number(found[1]) === Math.floor(npix / 10_000) * 10_000) there.add(npix)
      }
      return there
    },
  }
}

/** Of one answer. */
const MOST_BYTES = 64 * 2 ** 20
const TIMEOUT_MS = 30_000
const MOST_REDIRECTS = 3

export interface RemoteTree {
  readonly tree: PublishedTree
  readonly files: TreeFiles
  /** Whether pages of other origins may read it. */
  readonly isOpen: boolean
}

/** A tree at a URL. Redirects are followed on the same host only. Throws `usage` where there is none. */
export async function remoteTree(url: URL): Promise<RemoteTree> {
  const base = new URL(url)
  base.search = ''
  base.hash = ''
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  const first = await get(new URL('properties', base))
  if (!first) throw new ServiceError('usage', `There is no HiPS at ${base}: it has no file 'properties'.`)
  const properties = parseProperties(first.bytes.toString())
  const files: TreeFiles = {
    read: async file => (await get(new URL(file, base)))?.bytes,
    list: () => undefined,
  }
  const name = decodeURIComponent(base.pathname.split('/').at(-2) || base.host)
  const bytes = await files.read('Moc.fits')
  const moc = bytes && (await coverageIn(bytes, properties))
  const tree = treeOf(name, base.href, properties, 0, moc)
  return { tree, files, isOpen: first.headers.get('access-control-allow-origin') === '*' }
}

async function get(url: URL): Promise<{ readonly bytes: Buffer; readonly headers: Headers } | undefined> {
  let at = url
  for (let redirects = 0; ; redirects++) {
    const response = await fetch(at, { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(
      (error: Error) => {
        const why = (error.cause as Error | undefined)?.message ?? error.message
        throw new ServiceError('usage', `${at} cannot be read: ${why}`)
      },
    )
    const location = response.headers.get('location')
    if (response.status >= 300 && response.status < 400 && location) {
      await response.body?.cancel()
      const next = new URL(location, at)
      if (next.host !== url.host || next.protocol !== url.protocol || redirects >= MOST_REDIRECTS)
        throw new ServiceError('usage', `${at} redirects to ${next}, which is not followed.`)
      at = next
      continue
    }
    if (response.status === 404) {
      await response.body?.cancel()
      return undefined
    }
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new ServiceError('usage', `${at} answers with the status ${response.status}.`)
    }
    return { bytes: await bytesOf(response, at), headers: response.headers }
  }
}

async function bytesOf(response: Response, url: URL): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > MOST_BYTES) throw new ServiceError('usage', `${url} has more than ${MOST_BYTES} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Up to `most` cells of a region at an order, evenly over it. */
export function someCells(moc: Moc, order: number, most: number): number[] {
  const runs = mocCells(mocDegraded(moc, order)).map(({ order: own, first, last }) => {
    const scale = 4 ** (order - own)
    return { first: Number(first) * scale, count: (Number(last - first) + 1) * scale }
  })
  const total = runs.reduce((sum, { count }) => sum + count, 0)
  const step = Math.max(1, total / most)
  const cells: number[] = []
  let [passed, next] = [0, 0]
  for (const { first, count } of runs) {
    for (; next < passed + count; next += step) cells.push(first + Math.floor(next - passed))
    passed += count
  }
  return cells
}
