/** `ingest images`: FITS files become rows of ObsCore; what has not changed since the last time is left alone. */
import { stat } from 'node:fs/promises'
import path from 'node:path'
import type { Client, Database } from '../../db/database.ts'
import { sqlStateOf } from '../../db/error.ts'
import { errorText, ServiceError } from '../../error.ts'
import type { Report } from '../../progress.ts'
import type { Defaults } from './describe.ts'
import { addFilters, type Filters, openFilters } from './filters.ts'
import { requireCollectionName } from './names.ts'
import { publishObscore } from './publish.ts'
import { type ReadFile, readImages } from './read-file.ts'
import {
  type Collection,
  filesAfter,
  type Known,
  knownFiles,
  linkCompanions,
  type Present,
  removeFiles,
  storeFile,
  storeSkipped,
} from './store.ts'
import { type FileAt, requireSources, type Unreadable, walk } from './walk.ts'

export interface IngestImagesOptions extends Defaults {
  /** Folders and files. */
  readonly sources: readonly string[]
  readonly collection: string
  /** IVOA authority of the site. */
  readonly authority: string
  readonly title?: string | undefined
  readonly description?: string | undefined
  /** What every key begins with. */
  readonly idPrefix?: string | undefined
  /** YAML file of filters to keep for this and later times. */
  readonly filters?: string | undefined
  /** Removes what is not there any more below the sources. */
  readonly prune?: boolean | undefined
  /** Reads files again that have not changed. */
  readonly again?: boolean | undefined
  /** Hears of each file that cannot be taken, whole or in parts. */
  readonly complain: (problem: Unreadable) => void
}

export interface IngestImagesResult {
  readonly collection: string
  /** Images that this run put in, and files that they are from. */
  readonly images: number
  readonly files: number
  readonly unchanged: number
  /** Files in order without an image of the sky. */
  readonly without: number
  /** Files and folders that cannot be read. */
  readonly broken: number
  readonly removed: number
  /** Files below the folders that are not called like FITS files. */
  readonly others: number
  readonly seconds: number
}

type Counts = { -readonly [K in Exclude<keyof IngestImagesResult, 'collection' | 'seconds'>]: number }

/** Files that are looked up, read and put in together. */
const BATCH = 200
/** Files that are read at once. */
const AT_ONCE = 8

/**
 * Throws `usage` for wrong options; a file that cannot be read is told to `complain` and skipped. Aborting ends the run
 * after the files at work; what was put in stays, and the next run goes on from there.
 */
export async function ingestImages(
  db: Database,
  options: IngestImagesOptions,
  report: Report,
  signal: AbortSignal,
): Promise<IngestImagesResult> {
  const begun = performance.now()
  const { collection, sources } = options
  requireCollectionName(collection)
  requireSources(sources)
  const prefix = requirePrefix(options.idPrefix)
  const counts: Counts = { images: 0, files: 0, unchanged: 0, without: 0, broken: 0, removed: 0, others: 0 }
  const run: Run = { db, options, counts, filters: await prepare(db, options), signal }
  let total = 0
  for await (const _ of walk(
    sources,
    () => {},
    () => {},
  ))
    if (++total % 1000 === 0) report({ phase: 'looking', done: total })
  const unreadable = (problem: Unreadable) => {
    counts.broken++
    options.complain(problem)
  }
  let batch: FileAt[] = []
  let done = 0
  const flush = async () => {
    await ingestBatch(run, batch)
    done += batch.length
    batch = []
    report({ phase: 'files', done, total })
  }
  for await (const file of walk(sources, unreadable, () => counts.others++)) {
    signal.throwIfAborted()
    batch.push({ ...file, key: prefix + file.key })
    if (batch.length === BATCH) await flush()
  }
  await flush()
  if (options.prune) await prune(run)
  await linkCompanions(db, collection)
  await db.query('ANALYZE almagest.image, almagest.image_file, almagest.image_part, almagest.image_gap')
  const seconds = Math.round(performance.now() - begun) / 1000
  return { collection, ...counts, seconds }
}

interface Run {
  readonly db: Database
  readonly options: IngestImagesOptions
  readonly counts: Counts
  readonly filters: Filters
  readonly signal: AbortSignal
}

function requirePrefix(prefix = ''): string {
  const parts = prefix.split('/')
  if (
    prefix === '' ||
    (!parts.slice(0, -1).some(part => part === '' || part === '.' || part === '..') &&
      !/^\.\.?$/.test(parts.at(-1)!))
  )
    return prefix
  throw new ServiceError('usage', `--id-prefix '${prefix}' cannot be the beginning of a path`)
}

async function prepare(
  db: Database,
  { collection, title, description, filters }: IngestImagesOptions,
): Promise<Filters> {
  return db.transaction(async client => {
    await client.query(`SELECT pg_advisory_xact_lock(hashtext('almagest image collections'))`)
    await publishObscore(client)
    await client.query(
      `INSERT INTO almagest.image_collection (collection, title, description) VALUES ($1, $2, $3)
       ON CONFLICT (collection) DO UPDATE
         SET title = coalesce(excluded.title, image_collection.title),
             description = coalesce(excluded.description, image_collection.description)`,
      [collection, title ?? null, description ?? null],
    )
    if (filters !== undefined) await addFilters(client, filters)
    return openFilters(client)
  })
}

type Outcome =
  | { readonly kind: 'images'; readonly file: Present; readonly read: ReadFile }
  | { readonly kind: 'skipped'; readonly file: Present; readonly reason: string; readonly broken: boolean }

async function ingestBatch(run: Run, batch: readonly FileAt[]): Promise<void> {
  const { db, options } = run
  if (batch.length === 0) return
  const known = await knownFiles(
    db,
    options.collection,
    batch.map(file => file.key),
  )
  const outcomes: Outcome[] = []
  const taken = new Map<string, string>()
  const queue = batch.values()
  const work = async () => {
    for (const file of queue) {
      const outcome = await outcomeOf(run, file, known.get(file.key), taken)
      if (outcome) outcomes.push(outcome)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  await put(run, outcomes)
}

/** Undefined for what has not changed, or cannot even be looked at. */
async function outcomeOf(
  { options, filters, counts }: Run,
  at: FileAt,
  known: Known | undefined,
  taken: Map<string, string>,
): Promise<Outcome | undefined> {
  const complain = (reason: string) => options.complain({ location: at.location, reason })
  const stats = await stat(at.location).catch((error: Error) => error)
  if (stats instanceof Error) {
    counts.broken++
    complain(stats.message)
    return undefined
  }
  const other = taken.get(at.key) ?? known?.location
  taken.set(at.key, at.location)
  if (other !== undefined && other !== at.location && (await isThere(other))) {
    counts.broken++
    complain(`the collection has ${at.key} already, from ${other}; --id-prefix tells them apart`)
    return undefined
  }
  const file: Present = { ...at, bytes: stats.size, modified: stats.mtime }
  const same =
    known?.location === at.location &&
    known.bytes === file.bytes &&
    known.modified.getTime() === file.modified.getTime()
  if (same && !options.again) {
    if (known.reason === undefined) counts.unchanged++
    else if (known.broken) {
      counts.broken++
      complain(known.reason)
    } else counts.without++
    return undefined
  }
  return readFile(file, filters, options, complain)
}

const isThere = (location: string) =>
  stat(location).then(
    () => true,
    () => false,
  )

async function readFile(
  file: Present,
  filters: Filters,
  defaults: Defaults,
  complain: (reason: string) => void,
): Promise<Outcome> {
  try {
    const read = await readImages(file.location, filters, defaults)
    if (read.images.length > 0) {
      for (const problem of read.problems) complain(problem)
      return { kind: 'images', file, read }
    }
    const [reason] = read.problems
    if (reason === undefined)
      return { kind: 'skipped', file, reason: 'no HDU of it is an image of the sky', broken: false }
    return { kind: 'skipped', file, reason: read.problems.join('; '), broken: true }
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    return { kind: 'skipped', file, reason: errorText(error), broken: true }
  }
}

/** All in one transaction; where one of them cannot be put in, each in its own. */
async function put(run: Run, outcomes: readonly Outcome[]): Promise<void> {
  const { db, options } = run
  const collection: Collection = { name: options.collection, authority: options.authority }
  try {
    await db.transaction(async client => {
      for (const outcome of outcomes) await store(client, collection, outcome)
    })
    for (const outcome of outcomes) count(run, outcome)
  } catch (error) {
    // Class 22: values that PostgreSQL or pgSphere does not take, as a polygon that is none.
    if (!/^(22|XX)/.test(sqlStateOf(error) ?? '')) throw error
    const [only] = outcomes
    if (outcomes.length > 1) {
      for (const outcome of outcomes) await put(run, [outcome])
    } else if (only?.kind === 'images') {
      const reason = `what its header says cannot be stored: ${(error as Error).message}`
      await put(run, [{ kind: 'skipped', file: only.file, reason, broken: true }])
    } else throw error
  }
}

async function store(client: Client, collection: Collection, outcome: Outcome): Promise<void> {
  if (outcome.kind === 'images') await storeFile(client, collection, outcome.file, outcome.read)
  else await storeSkipped(client, collection.name, outcome.file, outcome.reason, outcome.broken)
}

function count({ counts, options }: Run, outcome: Outcome): void {
  if (outcome.kind === 'images') {
    counts.files++
    counts.images += outcome.read.images.length
  } else if (outcome.broken) {
    counts.broken++
    options.complain({ location: outcome.file.location, reason: outcome.reason })
  } else counts.without++
}

/** Removes files that were below the sources and are no more. */
async function prune({ db, options, counts, signal }: Run): Promise<void> {
  const roots = options.sources.map(source => path.resolve(source))
  const isBelow = (location: string) =>
    roots.some(root => location === root || location.startsWith(root.endsWith('/') ? root : `${root}/`))
  let after = ''
  for (;;) {
    signal.throwIfAborted()
    const page = await filesAfter(db, options.collection, after, 1000)
    if (page.length === 0) return
    after = page.at(-1)!.key
    const gone: string[] = []
    for (const { key, location } of page) {
      if (isBelow(location) && !(await isThere(location))) gone.push(key)
    }
    await removeFiles(db, options.collection, gone)
    counts.removed += gone.length
  }
}
