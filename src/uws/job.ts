/** What a job is (UWS 1.1 §2.1), and what a kind of work must know to be run as one. */
import type { Readable } from 'node:stream'
import type { Identity } from '../auth/identity.ts'
import type { JobLimits } from '../config.ts'
import type { ByteRange } from '../dali/file.ts'
import type { Parameters } from '../dali/parameters.ts'
import type { Database } from '../db/database.ts'
import type { Outcome } from '../votable/row.ts'
import type { JobEvents } from './events.ts'
import type { Storage } from './storage.ts'

export type Phase =
  | 'PENDING'
  | 'QUEUED'
  | 'EXECUTING'
  | 'COMPLETED'
  | 'ERROR'
  | 'ABORTED'
  | 'HELD'
  | 'SUSPENDED'
  | 'ARCHIVED'
  | 'UNKNOWN'

export const PHASES: readonly Phase[] = [
  'PENDING',
  'QUEUED',
  'EXECUTING',
  'COMPLETED',
  'ERROR',
  'ABORTED',
  'HELD',
  'SUSPENDED',
  'ARCHIVED',
  'UNKNOWN',
]

/** Phases that WAIT blocks in (UWS 1.1 §2.2.1.2). */
export const ACTIVE: readonly Phase[] = ['PENDING', 'QUEUED', 'EXECUTING']

/** Jobs of small estimate do not wait behind long ones. */
export type Lane = 'fast' | 'slow'

/** As given, in order; names in the client's spelling. */
export type Pairs = readonly (readonly [name: string, value: string])[]

export interface ErrorSummary {
  /** `transient`: the same job may succeed later. */
  readonly type: 'fatal' | 'transient'
  readonly message: string
  /** More for people: `/error` has it. */
  readonly detail?: string
}

/** A part of the creating request that was a file. */
export interface UploadedPart {
  readonly part: string
  /** In the storage. */
  readonly key: string
  readonly bytes: number
}

export interface JobResult {
  readonly id: string
  /** Empty: as the job stored it. */
  readonly format: string
  readonly key: string
  readonly contentType: string
  readonly fileName: string
  readonly bytes: number
  readonly sha256: string
  readonly rows: number | undefined
  readonly overflow: boolean
}

export interface Job {
  readonly id: string
  readonly kind: string
  readonly owner: string | undefined
  readonly session: string | undefined
  readonly identity: Identity
  readonly runId: string | undefined
  readonly title: string | undefined
  readonly parameters: Pairs
  readonly uploads: readonly UploadedPart[]
  readonly phase: Phase
  readonly creationTime: Date
  readonly queuedAt: Date | undefined
  readonly startTime: Date | undefined
  readonly endTime: Date | undefined
  readonly quote: Date | undefined
  /** Seconds; 0: no limit. */
  readonly executionDuration: number
  readonly destruction: Date
  readonly error: ErrorSummary | undefined
  readonly lane: Lane | undefined
  readonly estimateSeconds: number | undefined
  /** Progress of one that is executing. */
  readonly rows: number | undefined
  readonly bytes: number | undefined
  /** The phase in which an archived job ended. */
  readonly was: Phase | undefined
  /** Destruction came: it is gone but for what it was. */
  readonly expiredAt: Date | undefined
  /** Whose claim it is that executes or executed it. */
  readonly claim: string | undefined
  readonly results: readonly JobResult[]
}

/** A result on its way into the storage. */
export interface ResultHead {
  readonly id: string
  readonly contentType: string
  readonly fileName: string
  /** Complete once the bytes are; an error in it fails the job. */
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

/** One execution of a job, as its kind sees it. */
export interface Work {
  readonly job: Job
  readonly parameters: Parameters
  readonly signal: AbortSignal
  /** Copies the uploaded parts into a folder of this execution's own; paths by part. */
  files(): Promise<ReadonlyMap<string, string>>
  /** A folder of this execution's own, made on demand, removed afterwards. */
  folder(): Promise<string>
  /** The sink. */
  write(head: ResultHead, chunks: AsyncIterable<Uint8Array>): Promise<void>
}

export interface Estimate {
  readonly seconds: number
}

export interface JobKind {
  readonly name: string
  /** Where clients see its jobs, from the root of the service: `/tap/async`. */
  readonly path: string
  /** Names in upper case of the parameters that can be given once. */
  readonly once: readonly string[]
  /** What a job does, in a line or more, for lists. */
  title(parameters: Parameters): string | undefined
  /** Undefined or a rejection: nothing is known; what is wrong with the job is found when it runs. */
  estimate(parameters: Parameters, identity: Identity): Promise<Estimate | undefined>
  /** Resolves when every result is written; rejects with what failed. */
  run(work: Work): Promise<void>
  /**
   * Another format of a result, from what is stored; undefined when it is stored in that format. `folder` makes one
   * for what has to be spooled.
   */
  readonly convert?: (
    stored: StoredResult,
    responseFormat: string,
    folder: () => Promise<string>,
  ) => Promise<Converted | undefined>
}

/** Everything that routers and runners of jobs share. */
export interface Jobs {
  readonly db: Database
  readonly events: JobEvents
  readonly storage: Storage
  readonly kinds: readonly JobKind[]
  readonly limits: JobLimits
  /** Folder for what is only passing through. */
  readonly spool: string
}
