/** Who may do what with a job: its owner everything, members of groups that it is shared with read it. */
import { LOGGED_IN } from '../auth/access.ts'
import { audit } from '../auth/audit.ts'
import type { Identity } from '../auth/identity.ts'
import type { Client, Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import type { Job } from './job.ts'

type Owned = Pick<Job, 'id' | 'owner'>

/** A job without an owner belongs to whoever knows its id. */
export const isOwner = ({ owner }: Owned, { name }: Identity) => owner === undefined || owner === name

export function requireOwner(job: Owned, identity: Identity): void {
  if (!isOwner(job, identity)) throw foreign(identity)
}

/** Its owner, or a member of a group that it is shared with. */
export async function requireReader(client: Client, job: Owned, identity: Identity): Promise<void> {
  if (isOwner(job, identity)) return
  if (identity.name === undefined) throw foreign(identity)
  const [shared] = await client.query(
    'SELECT FROM uws.share WHERE job_id = $1 AND group_name = ANY($2) LIMIT 1',
    [job.id, sharingGroups(identity)],
  )
  if (!shared) throw foreign(identity)
}

/** Who is nobody yet is asked to log in: clients answer the challenge (IVOA SSO 2.0 §2). */
function foreign({ name }: Identity): ServiceError {
  if (name !== undefined) return new ServiceError('forbidden', 'this job belongs to somebody else')
  return new ServiceError('unauthenticated', 'this job belongs to somebody: log in to read it')
}

/** Groups by which jobs of others are seen. */
export const sharingGroups = ({ groups }: Identity): readonly string[] => [...groups, LOGGED_IN]

/** Shares a job with these groups and no others; `usage` for one that its owner is not in. */
export async function shareJob(
  db: Database,
  job: Owned,
  groups: readonly string[],
  identity: Identity,
  address: string | undefined,
): Promise<readonly string[]> {
  if (job.owner === undefined) {
    throw new ServiceError(
      'usage',
      'Whoever knows the URL of an anonymous job can read it; log in to share one with groups.',
    )
  }
  const strange = groups.find(group => !sharingGroups(identity).includes(group))
  if (strange !== undefined) {
    throw new ServiceError('usage', `You are not in the group ${strange.slice(0, 80)}.`, {
      detail: `Jobs are shared with groups of one's own: ${sharingGroups(identity).join(', ')} (everybody who is logged in).`,
    })
  }
  const all = [...new Set(groups)]
  await db.transaction(async client => {
    await client.query('DELETE FROM uws.share WHERE job_id = $1', [job.id])
    await client.query('INSERT INTO uws.share SELECT $1, unnest($2::text[])', [job.id, all])
    await audit(client, {
      actor: identity.name,
      action: 'grant.job',
      object: job.id,
      address,
      detail: { groups: all },
    })
  })
  return all
}

export async function sharesOf(client: Client, { id }: Owned): Promise<readonly string[]> {
  const rows = await client.query<{ group_name: string }>(
    'SELECT group_name FROM uws.share WHERE job_id = $1 ORDER BY group_name',
    [id],
  )
  return rows.map(row => row.group_name)
}
