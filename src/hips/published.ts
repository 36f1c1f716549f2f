/** The finished trees under a folder: their properties and coverage, kept in memory and looked after once a second. */
import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { bytesSource } from '../fits/bytes-source.ts'
import { readMoc } from '../fits/moc.ts'
import { type Moc, mocOfUniq } from '../healpix/moc.ts'
import { type Properties, parseProperties } from './properties.ts'

export interface PublishedTree {
  readonly name: string
  readonly root: string
  readonly properties: Properties
  /** Undefined when the tree has none: then every tile is looked for on the disk. */
  readonly moc: Moc | undefined
  /** Of the finest tiles that are built. */
  readonly order: number
  /** Of the finest tiles that may be asked for: those between are made then. */
  readonly deepest: number
  /** Changes when the tree is built anew. */
  readonly version: number
  /** When that was, as HTTP spells dates. */
  readonly modified: string
}

export interface PublishedTrees {
  /** Undefined for a tree that is not there or not finished. */
  tree(name: string): Promise<PublishedTree | undefined>
  all(): Promise<readonly PublishedTree[]>
}

/** Names of trees; nothing else is looked for below the folder. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/
const FRESH_MS = 1000

export function publishedTrees(folder: string): PublishedTrees {
  const known = new Map<string, { tree: PublishedTree; lookedAt: number }>()

  async function tree(name: string): Promise<PublishedTree | undefined> {
    if (!NAME.test(name)) return undefined
    const before = known.get(name)
    const now = performance.now()
    if (before && now - before.lookedAt < FRESH_MS) return before.tree
    const root = path.join(folder, name)
    const stats = await stat(path.join(root, 'properties')).catch(() => undefined)
    if (!stats?.isFile()) {
      known.delete(name)
      return undefined
    }
    if (before && before.tree.version === stats.mtimeMs) {
      known.set(name, { tree: before.tree, lookedAt: now })
      return before.tree
    }
    const found = await readTree(name, root, stats.mtimeMs).catch(() => undefined)
    if (!found) return undefined
    known.set(name, { tree: found, lookedAt: now })
    return found
  }

  return {
    tree,
    async all() {
      const names = (await readdir(folder).catch(() => [])).filter(name => NAME.test(name)).sort()
      const trees = await Promise.all(names.map(tree))
      return trees.filter(one => one !== undefined)
    },
  }
}

/** A finished tree wherever it lies. */
export async function openTree(root: string): Promise<PublishedTree> {
  const { mtimeMs } = await stat(path.join(root, 'properties'))
  return readTree(path.basename(root), root, mtimeMs)
}

async function readTree(name: string, root: string, version: number): Promise<PublishedTree> {
  const properties = parseProperties(await readFile(path.join(root, 'properties'), 'utf8'))
  const bytes = await readFile(path.join(root, 'Moc.fits')).catch(() => undefined)
  return treeOf(name, root, properties, version, bytes && (await coverageIn(bytes, properties)))
}

export function treeOf(
  name: string,
  root: string,
  properties: Properties,
  version: number,
  moc: Moc | undefined,
): PublishedTree {
  const orderIn = (key: string) => {
    const order = Number(properties.get(key) ?? Number.NaN)
    return Number.isInteger(order) ? order : undefined
  }
  const deepest = orderIn('hips_order') ?? 0
  return {
    name,
    root,
    properties,
    moc,
    order: Math.min(deepest, orderIn('almagest_built_order') ?? deepest),
    deepest,
    version,
    modified: new Date(version).toUTCString(),
  }
}

/** Undefined for what is no coverage map, or where it is in another frame than the tiles. */
export async function coverageIn(bytes: Buffer, properties: Properties): Promise<Moc | undefined> {
  try {
    const { order, ordering, numbers, frame } = await readMoc(bytesSource(bytes))
    if (frame !== (properties.get('hips_frame') ?? 'equatorial')) return undefined
    if (ordering === 'NUNIQ') return mocOfUniq(order, numbers)
    return { order, ranges: BigUint64Array.from(numbers) }
  } catch {
    return undefined
  }
}
