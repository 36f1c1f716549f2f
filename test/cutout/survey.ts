/** A service with images: those of the shared data, and small ones that astropy makes. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import type { Limits } from '../../src/config.ts'
import { ingestImages } from '../../src/ingest/images/index.ts'
import { testDatabase } from '../support/database.ts'
import { python } from '../support/python.ts'
import { startTestService, type TestService } from '../support/service.ts'

export interface Survey extends TestService {
  /** Publisher DIDs by key, or key and /hdu. */
  readonly dids: ReadonlyMap<string, string>
  readonly folder: string
}

/** Starts a service on the images in `sources`, which may be what `make` (Python, argv[1] is a folder) has written. */
export async function startSurvey(
  sources: readonly string[],
  make?: string,
  limits: Partial<Limits> = {},
): Promise<Survey> {
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-images-'))
  if (make) python(make, '', [folder])
  const problems: string[] = []
  const service = await startTestService({
    database: await testDatabase(),
    limits,
    fill: db =>
      ingestImages(
        db,
        {
          sources: make ? [folder, ...sources] : sources,
          collection: 'images',
          authority: 'test.example',
          complain: problem => problems.push(JSON.stringify(problem)),
        },
        () => {},
        new AbortController().signal,
      ),
  })
  after(async () => {
    await service.close()
    rmSync(folder, { recursive: true })
  })
  const rows = await service.db.query<{ did: string }>(
    'SELECT obs_publisher_did AS did FROM almagest.image ORDER BY did',
  )
  const dids = new Map(rows.map(({ did }) => [decodeURIComponent(did.slice(did.indexOf('?') + 1)), did]))
  return { ...service, dids, folder }
}

/** GETs a cutout; repeated parameters as a list. */
export function cutout(
  service: Pick<TestService, 'url'>,
  parameters: Readonly<Record<string, string | readonly string[]>>,
): Promise<Response> {
  const pairs = Object.entries(parameters).flatMap(([name, value]) =>
    [value].flat().map(one => [name, one as string] as [string, string]),
  )
  return fetch(`${service.url}/cutout/sync?${new URLSearchParams(pairs)}`)
}

/** Files of a job's results, finished or not, that are on the disk; what was uploaded is not of them. */
export function storedFiles({ jobs }: Pick<TestService, 'jobs'>, job: string): readonly string[] {
  return readdirSync(path.dirname(jobs.spool), { recursive: true, withFileTypes: true })
    .filter(
      entry => entry.isFile() && entry.parentPath.includes(job) && !entry.parentPath.endsWith('uploads'),
    )
    .map(entry => path.join(entry.parentPath, entry.name))
}
