/**
 * The contract of a kind of job. A kind is one plain object; the store, the UWS resources, `/jobs`, the queue, claims
 * and leases, results and their formats, destruction and messages are the same for all.
 *
 *   export function cutoutJobs(deps: CutoutDependencies): JobKind {
 *     return {
 *       name: 'cutout',
 *       path: '/cutout/async',
 *       once: ['RESPONSEFORMAT'],
 *       title: parameters => `Cutouts of ${parameters.all('ID').length} images`,
 *       estimate: async ({ parameters }) => ({ seconds: 0.1 * parameters.all('ID').length }),
 *       async run({ parameters, job, signal, progress, write }) {
 *         const wanted = await combinations(deps, parameters, job.identity) // throws ServiceError: the errorSummary
 *         for (const [i, one] of wanted.entries()) {
 *           const { contentType, fileName, chunks } = await cut(one, signal)
 *           await write({ id: `result_${i + 1}`, contentType, fileName }, chunks)
 *           progress(i + 1, wanted.length)
 *         }
 *       },
 *     }
 *   }
 *
 * It is registered in `jobKinds` of runner.ts, and its resources stand where its router says:
 * `router.use('/async', uwsRouter({ jobs, kind: kindNamed(jobs, 'cutout'), limits, origin }))`.
 *
 * What holds for `run`: it may be called again for a job whose runner or database died, so nothing but `write` may
 * have effects; nothing that a broken-off run wrote is kept. It may be called in several runners at once for
 * different jobs. Jobs of a `name` that a runner does not know stay in the queue for one that does.
 */
import type { Readable } from 'node:stream'
import type { Identity } from '../auth/identity.ts'
import type { ByteRange } from '../dali/file.ts'
import type { Parameters } from '../dali/parameters.ts'
import type { Outcome } from '../votable/row.ts'
import type { Job, JobResult, Jobs, UploadedPart } from './job.ts'

export interface JobKind {
  /** Stored with every job; never changes. */
  readonly name: string
  /** Where clients see its jobs, from the root of the service: `/tap/async`. */
  readonly path: string
  /**
   * Names in upper case of the parameters that can be given once: twice is refused when a job is created. Whether they
   * make sense together is found by `run` (DALI 1.1 §2.1: parameters may come later, one by one).
   */
  readonly once: readonly string[]
  /** What a job does, in a line or more, for lists and searches. */
  title(parameters: Parameters): string | undefined
  /**
   * Asked when a job is queued: above `jobs.fastSeconds` it waits in the slow lane, and the quote adds these up.
   * Undefined or a rejection: nothing is known; what is wrong with the job is found when it runs.
   */
  estimate(asked: Asked): Promise<Estimate | undefined>
  /**
   * Asked when somebody who is not logged in creates a job; throws `unauthenticated` when that needs a login. Clients
   * answer the challenge that comes with it, which they never see in a job that fails. Without this nothing does.
   */
  readonly admit?: (asked: Pick<Asked, 'parameters' | 'identity'>) => Promise<void>
  /**
   * Resolves when every result is written. What it throws becomes the errorSummary: a ServiceError in its own words,
   * `timeout` as ABORTED (the executionDuration is over), anything else as our fault without its words.
   */
  run(work: Work): Promise<void>
  /**
   * Another format of a result, made from what is stored; undefined when it is stored in that format. `folder` makes
   * one for what has to be spooled. Without this, results have the one format they are stored in.
   */
  readonly convert?: (
    stored: StoredResult,
    responseFormat: string,
    folder: () => Promise<string>,
  ) => Promise<Converted | undefined>
}

/** A job that is about to be queued. */
export interface Asked {
  readonly parameters: Parameters
  readonly identity: Identity
  readonly uploads: readonly Pick<UploadedPart, 'part' | 'bytes'>[]
  /** As in `Work`. */
  files(): Promise<ReadonlyMap<string, string>>
  folder(): Promise<string>
}

export interface Estimate {
  readonly seconds: number
  /** Of a cluster, that it asks. */
  readonly shards?: number
}

/** One execution of a job, as its kind sees it. */
export interface Work {
  /** Its `identity` is whoever created it: it runs with their rights. `executionDuration` in seconds, 0: no limit. */
  readonly job: Job
  /** The work's own, without those of UWS (PHASE, RUNID …). */
  readonly parameters: Parameters
  /** Aborts when the job is aborted, held, deleted, overdue, or no longer this runner's. Then `run` rejects soon. */
  readonly signal: AbortSignal
  /** Copies the uploaded parts into `folder()`; paths by part. */
  files(): Promise<ReadonlyMap<string, string>>
  /** A folder of this execution's own, made on demand, removed afterwards. */
  folder(): Promise<string>
  /**
   * The sink of one result; resolves when its bytes are safe. Any number of results, each with its own id; they are
   * listed in the order of these calls. Its size and SHA-256 are taken from the bytes.
   */
  write(head: ResultHead, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>
  /** How many of how many things are done; clients read it in jobInfo and `/jobs` within seconds. */
  progress(done: number, total: number): void
}

/** A result on its way into the storage. */
export interface ResultHead {
  /** Letters, digits, `_`, `-` and `.`; in the result's URL, once a job. */
  readonly id: string
  readonly contentType: string
  readonly fileName: string
  /** Rows and overflow; complete once the bytes are. An error in it fails the job. */
  readonly outcome?: Outcome
}

/** A stored result, as a conversion reads it. */
export interface StoredResult extends Pick<JobResult, 'contentType' | 'fileName' | 'bytes' | 'overflow'> {
  read(range?: ByteRange): Promise<Readable>
}

export interface Converted {
  readonly contentType: string
  readonly fileName: string
  readonly chunks: AsyncIterable<Uint8Array>
  /** Complete once `chunks` is. */
  readonly outcome: Outcome
}

/** A kind that is registered, for its router. */
export function kindNamed({ kinds }: Jobs, name: string): JobKind {
  const kind = kinds.find(one => one.name === name)
  if (!kind) throw new Error(`there is no kind of job named ${name}`)
  return kind
}
