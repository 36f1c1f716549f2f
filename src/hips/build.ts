/**
 * Builds the tiles of an image HiPS: plan from the places of the images, subtrees on threads, the tiles above them
 * here. A build that was broken off, or whose images have changed since, makes only what is missing.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { ServiceError } from '../error.ts'
import { type Moc, mocOfCells } from '../healpix/moc.ts'
import type { Report } from '../progress.ts'
import { lockTree } from './build-lock.ts'
import { leavesOf, likelyLeaves, requireRoom } from './build-room.ts'
import { type AutoLook, chooseLook, medianOf } from './cuts.ts'
import type { ImageFormat, Storage } from './image-tile.ts'
import { type HduPlace, type HipsImage, openPlaced, requireWhole } from './input.ts'
import {
  beginJournal,
  completeJournal,
  fingerprintOf,
  type JournalSettings,
  type KnownLeaf,
  readJournal,
  recordGone,
  recordLeaves,
  recordStale,
} from './journal.ts'
import { COVERAGE_DEPTH, type HipsFrame, imageScale, tilesTouched } from './plan.ts'
import type { Floats } from './resample.ts'
import { inThreads } from './threads.ts'
import { orderFor, type Tile, tilePath } from './tile.ts'
import {
  addChild,
  type Leaf,
  readTile,
  removeTile,
  type SubtreeTask,
  type TreeSettings,
  writeTile,
} from './tree.ts'

export interface BuildRequest {
  readonly root: string
  readonly images: readonly HipsImage[]
  /** Undefined: pixels no larger than those of the finest image. */
  readonly order: number | undefined
  readonly frame: HipsFrame
  readonly formats: readonly ImageFormat[]
  readonly storage: Storage
  readonly look: AutoLook
  /** Takes the median of each image from its values. */
  readonly levelled: boolean
  /** Begins anew, whatever is there. */
  readonly force: boolean
  readonly spool: string
  readonly memoryBytes: number
  readonly threads?: number
  /** One of the threads is this one: not for a service, which must answer meanwhile. */
  readonly here?: boolean
  readonly report: Report
  /** Aborting ends the threads; the next build goes on from there. */
  readonly signal?: AbortSignal
}

export interface BuiltTree {
  readonly settings: TreeSettings
  readonly moc: Moc
  /** Tiles of this build, and leaves of the whole tree. */
  readonly tiles: number
  readonly leaves: number
  /** Images that could not be placed, with the reason. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[]
  /** Tiles of order 3, for Allsky files. */
  readonly order3: ReadonlyMap<number, Floats>
}

/** The lowest order that a HiPS of images goes to: clients begin there (HiPS 1.0 §4.3). */
const LEAST_ORDER = 3
/** Subtrees for each thread, so that all are at work to the end. */
const TASKS_PER_THREAD = 12

interface Planned {
  readonly image: HipsImage
  readonly offset: number
  readonly tiles: ReadonlySet<number>
}

/** One build at a time; a full disk is an error after which the same build goes on. */
export async function buildTree(request: BuildRequest): Promise<BuiltTree> {
  const unlock = await lockTree(request.root)
  try {
    return await buildLocked(request)
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT'].includes(String((error as NodeJS.ErrnoException).code))) throw error
    throw new ServiceError(
      'tooLarge',
      `there is no more room on the disk of ${request.root}: make some and give the same command again, which goes on from here`,
      { cause: error },
    )
  } finally {
    await unlock()
  }
}

async function buildLocked(request: BuildRequest): Promise<BuiltTree> {
  const { root, spool } = request
  const journal = readJournal(root)
  const before = request.force ? undefined : journal.settings
  if (!request.force && !journal.settings && existsSync(path.join(root, 'properties')))
    throw new ServiceError(
      'usage',
      `${path.basename(root)} is a HiPS that was not built of images: take another --name, or replace it by --force`,
    )
  const skipped: { name: string; reason: string }[] = []
  const order = request.order ?? before?.order ?? (await finestOrder(request, skipped))
  if (order < LEAST_ORDER) throw new ServiceError('usage', `the order of a HiPS is at least ${LEAST_ORDER}`)
  const planned = await plan(request, order, skipped)
  if (request.images.length === 0) throw new ServiceError('usage', 'there are no images of the sky')
  if (planned.length === 0) {
    const reasons = skipped.map(({ name, reason }) => `\n  ${name}: ${reason}`).join('')
    throw new ServiceError('usage', `no image can be placed on the sky${reasons}`)
  }
  // Cuts that nobody gave stay as they are: a new image must not change the look of all tiles.
  const isSameLook = before && !request.look.cuts && request.look.stretch === before.look.stretch
  const look = isSameLook ? before.look : await chooseLook(planned, request.look, spool)
  const settings: TreeSettings = {
    root,
    order,
    frame: request.frame,
    formats: request.formats,
    storage: request.storage,
    look,
    published: !request.force && existsSync(path.join(root, 'properties')),
  }
  requireSame(before, settings)
  if (request.force) rmSync(root, { recursive: true, force: true })
  mkdirSync(root, { recursive: true })
  const known: ReadonlyMap<number, KnownLeaf> = before ? journal.leaves : new Map()
  beginJournal(root, settings)
  return makeTiles(request, settings, planned, known, before !== undefined && journal.complete, skipped)
}

/** Tiles of two kinds in one tree would be worse than an error. */
function requireSame(
  before: JournalSettings | undefined,
  { root: _, published: __, ...settings }: TreeSettings,
): void {
  if (!before) return
  for (const key of Object.keys(settings) as (keyof JournalSettings)[]) {
    const [was, is] = [JSON.stringify(before[key]), JSON.stringify(settings[key])]
    if (was === is) continue
    throw new ServiceError(
      'usage',
      `the tiles that are there were made with ${key} ${was}, now it is ${is}: --force makes all of them anew`,
    )
  }
}

async function finestOrder(
  { images, spool }: BuildRequest,
  skipped: { name: string; reason: string }[],
): Promise<number> {
  let order = LEAST_ORDER
  for (const image of images) {
    try {
      const placed = await openPlaced(image, spool)
      const scale = imageScale(placed.wcs, placed.size)
      await placed.close()
      if (scale !== undefined) order = Math.max(order, orderFor(scale))
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error
      skipped.push({ name: image.name, reason: error.message })
    }
  }
  return order
}

async function plan(
  { root, images, frame, formats, storage, spool, levelled, report }: BuildRequest,
  order: number,
  skipped: { name: string; reason: string }[],
): Promise<Planned[]> {
  const planned: Planned[] = []
  for (const [i, image] of images.entries()) {
    report({ phase: 'planning', done: i, total: images.length })
    if (skipped.some(one => one.name === image.name)) continue
    try {
      const placed = await openPlaced(image, spool)
      const { wcs, size } = placed
      const scale = imageScale(wcs, size)
      if (scale !== undefined) requireRoom({ root, order, formats, storage }, leavesOf(size, scale, order))
      const tiles = tilesTouched(wcs, size, frame, order)
      const offset = levelled ? ((await medianOf(placed)) ?? 0) : 0
      requireWhole(placed)
      await placed.close()
      if (tiles.size === 0) throw new ServiceError('usage', 'none of its pixels is on the sky')
      if (image.weight) await requireSize(image.weight, size, spool)
      planned.push({ image, offset, tiles })
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code === 'tooLarge') throw error
      skipped.push({ name: image.name, reason: error.message })
    }
  }
  report({ phase: 'planning', done: images.length, total: images.length })
  return planned
}

/** Weights are those of the image's own pixels. */
async function requireSize(place: HduPlace, [width, height]: readonly [number, number], spool: string) {
  const weight = await openPlaced(place, spool)
  await weight.close()
  const [w, h] = weight.size
  if (w !== width || h !== height)
    throw new ServiceError(
      'usage',
      `its weight map ${place.location} has ${w} × ${h} pixels, not ${width} × ${height}`,
    )
}

async function makeTiles(
  request: BuildRequest,
  settings: TreeSettings,
  planned: readonly Planned[],
  known: ReadonlyMap<number, KnownLeaf>,
  complete: boolean,
  skipped: BuiltTree['skipped'],
): Promise<BuiltTree> {
  const { root, order } = settings
  const { root: _, published: __, ...kind } = settings
  const imagesOf = new Map<number, number[]>()
  planned.forEach(({ tiles }, i) => {
    for (const npix of tiles) {
      const list = imagesOf.get(npix)
      if (list) list.push(i)
      else imagesOf.set(npix, [i])
    }
  })
  const names = planned.map(({ image, offset }) => `${image.name} ${image.stamp} ${offset}`)
  const fingerprints = new Map<number, string>()
  for (const [npix, list] of imagesOf) {
    fingerprints.set(npix, fingerprintOf(JSON.stringify(kind), ...list.map(i => names[i]!)))
  }
  // Without FITS tiles there is nothing to go on from.
  const canGoOn = settings.formats.includes('fits')
  const leaves: Leaf[] = [...imagesOf]
    .sort(([a], [b]) => a - b)
    .map(([npix, images]) => ({
      npix,
      images,
      changed: !canGoOn || known.get(npix)?.fingerprint !== fingerprints.get(npix),
    }))
  const gone = [...known.keys()].filter(npix => !imagesOf.has(npix)).sort((a, b) => a - b)
  const threads = request.threads ?? availableParallelism()
  const top = topOrder(leaves, order, threads)
  const tasks = tasksOf(leaves, gone, order, top)
  const work = tasks.filter(task => task.gone.length > 0 || task.leaves.some(leaf => leaf.changed))
  const total = work.reduce((sum, task) => sum + task.leaves.filter(leaf => leaf.changed).length, 0)

  const now = new Map<number, KnownLeaf>()
  for (const { npix, changed } of leaves) if (!changed) now.set(npix, known.get(npix)!)
  const tops = topsOf(settings, tasks, top)
  const toMake = leaves.filter(leaf => leaf.changed).map(leaf => leaf.npix)
  requireRoom(settings, likelyLeaves(toMake.filter(npix => !known.get(npix)?.covered.length).length))
  recordStale(root, toMake)
  let done = 0
  let tiles = 0
  request.report({ phase: 'tiles', done, total })
  const setup = {
    settings,
    images: planned.map(({ image, offset }) => ({ ...image, offset })),
    spool: request.spool,
    cacheBytes: request.memoryBytes / threads,
  }
  await inThreads(work, setup, { count: threads, here: request.here ?? false }, request.signal, {
    leaf() {
      request.report({ phase: 'tiles', done: ++done, total })
    },
    async done(task, result) {
      const made = result.covered.map(([npix, covered]): [number, KnownLeaf] => [
        npix,
        { fingerprint: fingerprints.get(npix)!, covered },
      ])
      for (const [npix, leaf] of made) now.set(npix, leaf)
      recordLeaves(root, made)
      recordGone(root, task.gone)
      tiles += result.tiles
      tiles += await tops.add(task.cell, result.values)
    },
  })
  if (work.length > 0 || !complete) {
    // What is between unchanged subtrees and changed ones, or was not reached when a build was broken off.
    const unchanged = tasks.filter(task => !work.includes(task))
    for (const task of unchanged) tiles += await tops.add(task.cell, readTile(settings, task.cell))
  }
  const order3 = work.length > 0 || !complete ? tops.order3 : readOrder3(settings, leaves)
  const moc = mocOfCells(
    order + COVERAGE_DEPTH,
    [...now.values()].flatMap(leaf => leaf.covered),
  )
  completeJournal(root, now)
  const filled = [...now.values()].filter(leaf => leaf.covered.length > 0).length
  return { settings, moc, tiles, leaves: filled, skipped, order3 }
}

/** The order of the subtrees: fine enough to share them among threads, and no coarser than the least order. */
function topOrder(leaves: readonly Leaf[], order: number, threads: number): number {
  for (let top = LEAST_ORDER; top < order; top++) {
    const cells = new Set(leaves.map(leaf => Math.floor(leaf.npix / 4 ** (order - top))))
    if (cells.size >= TASKS_PER_THREAD * threads) return top
  }
  return order
}

function tasksOf(
  leaves: readonly Leaf[],
  gone: readonly number[],
  order: number,
  top: number,
): SubtreeTask[] {
  const cellOf = (npix: number) => Math.floor(npix / 4 ** (order - top))
  const tasks = new Map<number, { leaves: Leaf[]; gone: number[] }>()
  const taskOf = (npix: number) => {
    const cell = cellOf(npix)
    const task = tasks.get(cell) ?? { leaves: [], gone: [] }
    tasks.set(cell, task)
    return task
  }
  for (const leaf of leaves) taskOf(leaf.npix).leaves.push(leaf)
  for (const npix of gone) taskOf(npix).gone.push(npix)
  return [...tasks].sort(([a], [b]) => a - b).map(([npix, task]) => ({ cell: { order: top, npix }, ...task }))
}

/** The tiles above the subtrees: each is made as soon as its last child is there. */
function topsOf(settings: TreeSettings, tasks: readonly SubtreeTask[], top: number) {
  /** Children that are still to come. */
  const awaited = new Map<string, number>()
  const values = new Map<string, (Floats | undefined)[]>()
  const order3 = new Map<number, Floats>()
  for (let order = top; order > 0; order--) {
    const cells = new Set(tasks.map(task => Math.floor(task.cell.npix / 4 ** (top - order))))
    for (const npix of cells) {
      const parent = tilePath({ order: order - 1, npix: Math.floor(npix / 4) })
      awaited.set(parent, (awaited.get(parent) ?? 0) + 1)
    }
  }
  /** Resolves to the number of tiles that were written. */
  async function add(tile: Tile, made: Floats | undefined): Promise<number> {
    if (tile.order === LEAST_ORDER && made) order3.set(tile.npix, made)
    if (tile.order === 0) return 0
    const parent = { order: tile.order - 1, npix: Math.floor(tile.npix / 4) }
    const key = tilePath(parent)
    const children = values.get(key) ?? [undefined, undefined, undefined, undefined]
    values.set(key, children)
    children[tile.npix % 4] = made
    const left = awaited.get(key)! - 1
    awaited.set(key, left)
    if (left > 0) return 0
    values.delete(key)
    let mean: Floats | undefined
    children.forEach((child, k) => {
      if (child) mean = addChild(mean, k, child)
    })
    if (mean) await writeTile(settings, parent, mean)
    else removeTile(settings, parent)
    return (mean ? 1 : 0) + (await add(parent, mean))
  }
  return { add, order3 }
}

function readOrder3(settings: TreeSettings, leaves: readonly Leaf[]): ReadonlyMap<number, Floats> {
  const cells = new Set(leaves.map(leaf => Math.floor(leaf.npix / 4 ** (settings.order - LEAST_ORDER))))
  const order3 = new Map<number, Floats>()
  for (const npix of cells) {
    const values = readTile(settings, { order: LEAST_ORDER, npix })
    if (values) order3.set(npix, values)
  }
  return order3
}
