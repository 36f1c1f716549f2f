/**
 * Tables of an UPLOAD that are elsewhere: results of this service's own jobs come straight from where results are,
 * under the rights of whoever asks; others are fetched from where the site allows it.
 */
import type { Identity } from '../auth/identity.ts'
import type { Config } from '../config.ts'
import type { RemoteTables } from '../dali/uploads.ts'
import { fetchTable } from '../dali/uploads-fetch.ts'
import { ServiceError } from '../error.ts'
import type { Jobs } from '../uws/job.ts'
import { resultOf } from '../uws/results.ts'
import { requireReader } from '../uws/share.ts'
import { findJob } from '../uws/store.ts'

/** What somebody may name. */
export type Remote = (identity: Identity, signal: AbortSignal) => RemoteTables

/** `jobs` is asked when a table is: kinds of jobs have this before there are jobs. */
export function openRemote(
  { uploads, limits, publicUrl }: Pick<Config, 'uploads' | 'limits' | 'publicUrl'>,
  jobs: () => Jobs,
): Remote {
  return (identity, signal) => ({
    mostBytes: limits.uploadBytes,
    async *open(url) {
      const own = await ownResult(jobs(), url, publicUrl, identity)
      if (own) yield* own as AsyncIterable<Uint8Array>
      else if (uploads.allow.length > 0) {
        yield* fetchTable(url, { allow: uploads.allow, timeoutMs: limits.uploadSeconds * 1000, signal })
      } else {
        throw new ServiceError('usage', `${url}: this service fetches nothing from elsewhere`, {
          detail:
            "Send the table in the request (UPLOAD=name,param:part), or name the result of one of this service's jobs.",
        })
      }
    },
  })
}

/**
 * The bytes of a job's result that a URL of this service names; undefined for other URLs. Where nobody has said what
 * the service's URL is, it goes by the job, which no other service has.
 */
async function ownResult(
  jobs: Jobs,
  text: string,
  publicUrl: string | undefined,
  identity: Identity,
): Promise<AsyncIterable<Buffer> | undefined> {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || (publicUrl !== undefined && !text.startsWith(`${publicUrl}/`))) return undefined
  const [, path, id, result] =
    /(\/[\w-]+\/[\w-]+)\/([0-9a-f-]{36})\/results\/([^/]+)$/.exec(url.pathname) ?? []
  const kind = jobs.kinds.find(one => one.path === path)
  const job = kind && (await findJob(jobs.db, id!))
  if (!job || job.kind !== kind.name) {
    if (publicUrl === undefined || path === undefined) return undefined
    throw new ServiceError('usage', `${text}: there is no such result here`)
  }
  await requireReader(jobs.db, job, identity)
  const format = url.searchParams.get('RESPONSEFORMAT') ?? url.searchParams.get('FORMAT') ?? undefined
  const { key } = await resultOf(jobs, kind, job, result!, format)
  return (await jobs.storage.read(key)) as AsyncIterable<Buffer>
}
