/** What a job is (UWS 1.1 §2.1). */
import type { Identity } from '../auth/identity.ts'
import type { JobLimits, NotifySettings } from '../config.ts'
import type { Database } from '../db/database.ts'
import type { ClaimedJob } from './claim.ts'
import type { JobEvents } from './events.ts'
import type { JobKind } from './kind.ts'
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

/** Phases that a job does not leave for one of those before. */
export const ENDED: readonly Phase[] = ['COMPLETED', 'ERROR', 'ABORTED', 'ARCHIVED']

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
  /** Of a cluster, that its work asks. */
  readonly shards: number | undefined
  /** Progress of one that is executing. */
  readonly rows: number | undefined
  readonly bytes: number | undefined
  readonly steps: { readonly done: number; readonly total: number } | undefined
  /** The phase in which an archived job ended. */
  readonly was: Phase | undefined
  /** Destruction came: it is gone but for what it was. */
  readonly expiredAt: Date | undefined
  /** Who is told of its end: `mailto:` and `https:` URLs. */
  readonly notify: readonly string[]
  /** Whose claim it is that executes or executed it. */
  readonly claim: string | undefined
  readonly results: readonly JobResult[]
}

/** A free place of the fast lane in a runner, kept for one job. */
export interface Place {
  readonly runner: string
  readonly leaseSeconds: number
  /** The job that got it, claimed; undefined gives the place back. */
  take(job: ClaimedJob | undefined): void
}

/** How people are told of a job's end. */
export interface Notify extends NotifySettings {
  /** URL of the service as clients see it, for links in messages. */
  origin(): string
}

/** Everything that routers and runners of jobs share. */
export interface Jobs {
  readonly db: Database
  readonly events: JobEvents
  readonly storage: Storage
  readonly kinds: readonly JobKind[]
  /** The runner of this process, where one runs beside the web service: it may take a new job at once. */
  readonly here: { place?: (kind: string) => Place | undefined }
  readonly limits: JobLimits
  /** Undefined: nobody is told. */
  readonly notify: Notify | undefined
  /** What this site signs with, beside what the database has. */
  secret(): string
  /** Folder for what is only passing through. */
  readonly spool: string
}
