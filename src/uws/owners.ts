/** Kinds of jobs as their owners may run them: with the groups and limits of this moment, and counted. */
import type { Access } from '../auth/access.ts'
import type { Identity } from '../auth/identity.ts'
import { type Allowance, type LimitsSource, limitsUnder } from '../auth/limits.ts'
import { presentIdentity } from '../auth/present.ts'
import { addUsage, requireRest, storedBytes, usageToday } from '../auth/quota.ts'
import { countedAs } from '../auth/rate.ts'
import type { Limits } from '../config.ts'
import type { Database } from '../db/database.ts'
import type { Job } from './job.ts'
import type { JobKind, Work } from './kind.ts'
import { fitting } from './room.ts'

export interface OwnersDependencies {
  readonly db: Database
  readonly access: Pick<Access, 'roleFor'>
  readonly allowances: Pick<LimitsSource, 'of'>
  /** The site's own. */
  readonly limits: Limits
}

/** `kindsUnder` makes the same kinds for whatever limits. */
export function forOwners(
  { db, access, allowances, limits }: OwnersDependencies,
  kindsUnder: (limits: Limits) => readonly JobKind[],
): readonly JobKind[] {
  const present = (identity: Identity) => presentIdentity(db, access, identity)
  return kindsUnder(limits).map((kind, n) => ({
    ...kind,
    async run(work) {
      const identity = await present(work.job.identity)
      const own = { ...work, job: { ...work.job, identity } }
      const allowance = allowances.of(identity)
      if (Object.keys(allowance).length === 0) return kind.run(own)
      const counted = await countedWork(db, own, allowance)
      await kindsUnder(limitsUnder(limits, { allowance, rowsLeft: counted.rowsLeft }))[n]!.run(counted.work)
      await counted.note()
    },
    async estimate(asked) {
      return kind.estimate({ ...asked, identity: await present(asked.identity) })
    },
  }))
}

/** The work with results that are added up, and held to what is left of the day and of the storage. */
async function countedWork(db: Database, work: Work, allowance: Allowance) {
  const { rowsPerDay, bytesPerDay, storageBytes } = allowance
  const who = await requesterOf(db, work.job)
  const used = await usageToday(db, who)
  requireRest(
    { ...(rowsPerDay !== undefined && { rowsPerDay }), ...(bytesPerDay !== undefined && { bytesPerDay }) },
    used,
  )
  const { owner } = work.job
  const isHeld = storageBytes !== undefined && Number.isFinite(storageBytes) && owner !== undefined
  const left = { bytes: isHeld ? storageBytes - (await storedBytes(db, owner)) : 0 }
  let rows = 0
  const write: Work['write'] = async (head, chunks) => {
    await work.write(head, isHeld ? fitting(chunks, left, storageBytes) : chunks)
    rows += head.outcome?.rows ?? 0
  }
  return {
    work: { ...work, write },
    rowsLeft: Number.isFinite(rowsPerDay) ? rowsPerDay! - used.rows : undefined,
    note: () => addUsage(db, who, { rows, bytes: 0 }), // its bytes count when they are fetched
  }
}

async function requesterOf(db: Database, { id, owner, identity }: Job): Promise<string> {
  if (owner !== undefined) return owner
  const [row] = await db.query<{ requester: string | null }>(
    'SELECT requester FROM uws.job WHERE job_id = $1',
    [id],
  )
  return countedAs(identity, row?.requester ?? undefined)
}
