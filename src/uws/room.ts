/** Whether somebody may have one more job: of the queue, and of the storage. */
import type { Allowance } from '../auth/limits.ts'
import { storedBytes } from '../auth/quota.ts'
import type { Client } from '../db/database.ts'
import { ServiceError } from '../error.ts'

/** `requester` as in the queue; `owner` undefined: nobody known, whose jobs are not added up. Throws `tooMany`. */
export async function requireRoom(
  client: Pick<Client, 'query'>,
  { queuedJobs, storageBytes }: Allowance,
  requester: string,
  owner: string | undefined,
): Promise<void> {
  if (queuedJobs !== undefined && Number.isFinite(queuedJobs)) {
    const [row] = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM uws.job WHERE requester = $1 AND phase = 'QUEUED'`,
      [requester],
    )
    if (row!.n >= queuedJobs) {
      throw new ServiceError('tooMany', `You have ${row!.n} jobs in the queue, and may have ${queuedJobs}.`, {
        detail: 'Wait until some have run, or delete them: /jobs lists them.',
        retryAfter: 60,
      })
    }
  }
  if (storageBytes !== undefined && Number.isFinite(storageBytes) && owner !== undefined) {
    const stored = await storedBytes(client, owner)
    if (stored >= storageBytes) throw full(storageBytes)
  }
}

const full = (bytes: number) =>
  new ServiceError(
    'tooMany',
    `Results and uploads of your jobs take the ${bytes.toLocaleString('en')} bytes that you have.`,
    {
      detail: 'Delete jobs that you need no longer: /jobs lists them with their sizes.',
    },
  )

/** The bytes of a result, broken off with an error when they are more than what is left. */
export async function* fitting(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  left: { bytes: number },
  storageBytes: number,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    left.bytes -= chunk.length
    if (left.bytes < 0) throw full(storageBytes)
    yield chunk
  }
}
