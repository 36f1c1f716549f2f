/** The files below folders, with the keys that they get. */
import { type Dirent, type Stats, statSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { ServiceError } from '../../error.ts'

export interface FileAt {
  /** Absolute path. */
  readonly location: string
  /** Path below the folder that was given, with / between its parts; of a single file its name. */
  readonly key: string
}

/** Something that cannot be looked into. */
export interface Unreadable {
  readonly location: string
  readonly reason: string
}

const FITS_NAME = /\.(fits?|fts|imfits|fits\.fz|fit\.fz|fz)(\.(gz|bz2))?$|\.(ftz|fitz)$/i

/** Throws `usage` for sources that are not there. */
export function requireSources(sources: readonly string[]): void {
  for (const source of sources) {
    const stats = statSync(source, { throwIfNoEntry: false })
    if (!stats) throw new ServiceError('usage', `there is no ${source}`)
    if (!stats.isFile() && !stats.isDirectory())
      throw new ServiceError('usage', `${source} is neither a folder nor a file`)
  }
}

/**
 * Files that were named, and those below folders that are called like FITS files (`other` hears of the rest); links are
 * followed, but no folder is entered twice.
 */
export async function* walk(
  sources: readonly string[],
  unreadable: (problem: Unreadable) => void,
  other: () => void,
): AsyncGenerator<FileAt> {
  const entered = new Set<string>()
  for (const source of sources) {
    const top = path.resolve(source)
    if ((await stat(top)).isFile()) yield { location: top, key: path.basename(top) }
    else yield* below(top, '', entered, unreadable, other)
  }
}

async function* below(
  top: string,
  folder: string,
  entered: Set<string>,
  unreadable: (problem: Unreadable) => void,
  other: () => void,
): AsyncGenerator<FileAt> {
  const here = path.join(top, folder)
  let entries: Dirent[]
  try {
    const { dev, ino } = await stat(here)
    if (entered.has(`${dev}:${ino}`)) return
    entered.add(`${dev}:${ino}`)
    entries = await readdir(here, { withFileTypes: true })
  } catch (error) {
    unreadable({ location: here, reason: `the folder cannot be read: ${(error as Error).message}` })
    return
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    const key = folder === '' ? entry.name : `${folder}/${entry.name}`
    const location = path.join(top, key)
    if (entry.name.startsWith('.')) {
      other()
      continue
    }
    const kind = entry.isSymbolicLink() ? await stat(location).catch(() => undefined) : entry
    if (kind?.isDirectory()) yield* below(top, key, entered, unreadable, other)
    else if (!FITS_NAME.test(entry.name)) other()
    else if (entry.name.includes('\ufffd')) unreadable({ location, reason: 'its name is not UTF-8' })
    else if (!kind) unreadable({ location, reason: 'the link leads nowhere' })
    else if (!kind.isFile()) unreadable({ location, reason: 'it is no regular file' })
    else yield { location, key }
  }
}

export type FileStats = Pick<Stats, 'size' | 'mtime'>
