/**
 * What a build has done, so that the next one does the rest: each leaf with the fingerprint of what it was made of and
 * the cells of its coverage. A subtree is written down when all its tiles are; what a killed build leaves otherwise is
 * made again.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { TreeSettings } from './tree.ts'

export interface KnownLeaf {
  readonly fingerprint: string
  readonly covered: readonly number[]
}

export interface Journal {
  /** Leaves that are as their fingerprints say. */
  readonly leaves: ReadonlyMap<number, KnownLeaf>
  /** False when a build was broken off. */
  readonly complete: boolean
  /** What the tiles were made with; undefined when there are none. */
  readonly settings: JournalSettings | undefined
}

export type JournalSettings = Omit<TreeSettings, 'root' | 'published'>

/** Hidden in the tree; nobody is served from it. */
const FOLDER = '.build'
const fileOf = (root: string, name: string) => path.join(root, FOLDER, name)

export function readJournal(root: string): Journal {
  const settings = readText(fileOf(root, 'settings.json'))
  if (settings === undefined) return { leaves: new Map(), complete: false, settings: undefined }
  const leaves = new Map<number, KnownLeaf>()
  const text = readText(fileOf(root, 'leaves')) ?? ''
  // The last line of a killed build may be half of one.
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    const [npix, fingerprint, covered] = line.split(' ')
    if (!npix) continue
    if (fingerprint) {
      leaves.set(Number(npix), { fingerprint, covered: covered ? covered.split(',').map(Number) : [] })
    } else leaves.delete(Number(npix))
  }
  const complete = readText(fileOf(root, 'complete')) !== undefined
  return { leaves, complete, settings: JSON.parse(settings) as JournalSettings }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Begins a build: from now on the tree is not complete. Leaves that are known stay. */
export function beginJournal(root: string, { root: _, published: __, ...settings }: TreeSettings): void {
  mkdirSync(path.join(root, FOLDER), { recursive: true })
  rmSync(fileOf(root, 'complete'), { force: true })
  writeWhole(fileOf(root, 'settings.json'), JSON.stringify(settings))
}

/** What no leaf is made of. */
const STALE = '-'

/**
 * These leaves are about to be made: their tiles may be anything until they are recorded, even when the images become
 * again what they were, or go.
 */
export function recordStale(root: string, leaves: Iterable<number>): void {
  const lines = Array.from(leaves, npix => `${npix} ${STALE} \n`).join('')
  if (lines) appendFileSync(fileOf(root, 'leaves'), lines)
}

/** These leaves are no more. */
export function recordGone(root: string, leaves: Iterable<number>): void {
  const lines = Array.from(leaves, npix => `${npix}\n`).join('')
  if (lines) appendFileSync(fileOf(root, 'leaves'), lines)
}

/** All tiles of these leaves' subtree are written. */
export function recordLeaves(root: string, leaves: Iterable<readonly [npix: number, leaf: KnownLeaf]>): void {
  const lines = Array.from(
    leaves,
    ([npix, { fingerprint, covered }]) => `${npix} ${fingerprint} ${covered.join(',')}\n`,
  ).join('')
  if (lines) appendFileSync(fileOf(root, 'leaves'), lines)
}

/** Ends a build; the journal is written anew, without what is no more. */
export function completeJournal(root: string, leaves: ReadonlyMap<number, KnownLeaf>): void {
  writeWhole(
    fileOf(root, 'leaves'),
    Array.from(leaves, ([npix, leaf]) => `${npix} ${leaf.fingerprint} ${leaf.covered.join(',')}\n`).join(''),
  )
  writeWhole(fileOf(root, 'complete'), '')
}

function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.part`, text)
  renameSync(`${file}.part`, file)
}

/** Short, and different for all that makes a tile different. */
export function fingerprintOf(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('base64url').slice(0, 16)
}
