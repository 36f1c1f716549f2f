/** UWS 1.1 appendix B: jobs as XML. Element order is the schema's; runId is left out rather than nil. */
import { element, escapeAttribute, escapeText } from '../votable/xml.ts'
import type { Job, JobResult } from './job.ts'
import type { JobReference } from './list.ts'

const NAMESPACES = {
  'xmlns:uws': 'http://www.ivoa.net/xml/UWS/v1.0',
  'xmlns:xlink': 'http://www.w3.org/1999/xlink',
  'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
}
const XML = '<?xml version="1.0" encoding="UTF-8"?>\n'

/** UTC with T and Z (UWS 1.1 §2.2.1). */
export function timeText(time: Date): string {
  return time.toISOString()
}

/** `jobUrl` is the job's own, without a trailing slash. */
export function jobDocument(job: Job, jobUrl: string): string {
  const content = [
    leaf('uws:jobId', job.id),
    job.runId === undefined ? '' : leaf('uws:runId', job.runId),
    leaf('uws:ownerId', job.owner),
    leaf('uws:phase', job.phase),
    leaf('uws:quote', job.quote && timeText(job.quote)),
    leaf('uws:creationTime', timeText(job.creationTime)),
    leaf('uws:startTime', job.startTime && timeText(job.startTime)),
    leaf('uws:endTime', job.endTime && timeText(job.endTime)),
    leaf('uws:executionDuration', String(job.executionDuration)),
    leaf('uws:destruction', timeText(job.destruction)),
    element('uws:parameters', {}, parameterElements(job, jobUrl)),
    element('uws:results', {}, resultElements(job, jobUrl)),
    job.error
      ? element(
          'uws:errorSummary',
          { type: job.error.type, hasDetail: 'true' },
          leaf('uws:message', job.error.message),
        )
      : '',
    jobInfo(job),
  ]
    .map(line => line && `\n  ${line}`)
    .join('')
  return `${XML}${element('uws:job', { ...NAMESPACES, version: '1.1' }, `${content}\n`)}\n`
}

export function parametersDocument(job: Job, jobUrl: string): string {
  return `${XML}${element('uws:parameters', NAMESPACES, parameterElements(job, jobUrl))}\n`
}

export function resultsDocument(job: Job, jobUrl: string): string {
  return `${XML}${element('uws:results', NAMESPACES, resultElements(job, jobUrl))}\n`
}

/** In pieces, so that a list of any length flows out. `listUrl` is that of the job list. */
export async function* jobListDocument(
  pages: AsyncIterable<readonly JobReference[]>,
  listUrl: string,
): AsyncGenerator<Uint8Array> {
  const open = element('uws:jobs', { ...NAMESPACES, version: '1.1' })
  yield Buffer.from(`${XML}${open.slice(0, -2)}>\n`)
  const url = escapeAttribute(listUrl)
  for await (const page of pages) yield Buffer.from(page.map(job => reference(job, url)).join(''))
  yield Buffer.from('</uws:jobs>\n')
}

/** Printed rather than built, since lists are long. `url` is escaped already. */
function reference({ id, phase, runId, owner, creationTime }: JobReference, url: string): string {
  const run = runId === undefined ? '' : leaf('uws:runId', runId)
  return (
    `<uws:jobref id="${id}" xlink:type="simple" xlink:href="${url}/${id}"><uws:phase>${phase}</uws:phase>${run}` +
    `${leaf('uws:ownerId', owner)}<uws:creationTime>${timeText(creationTime)}</uws:creationTime></uws:jobref>\n`
  )
}

/** UWS 1.1 §2.2.2.4: what came as a file is there by reference. */
function parameterElements(job: Job, jobUrl: string): string {
  const given = job.parameters.map(([id, value]) => element('uws:parameter', { id }, escapeText(value)))
  const files = job.uploads.map(({ part }) =>
    element(
      'uws:parameter',
      { id: part, byReference: 'true' },
      escapeText(`${jobUrl}/parameters/${encodeURIComponent(part)}`),
    ),
  )
  return [...given, ...files].join('')
}

/** Results are there as long as their bytes are. */
export function availableResults(job: Job): readonly JobResult[] {
  return job.phase === 'COMPLETED' ? job.results.filter(result => result.format === '') : []
}

function resultElements(job: Job, jobUrl: string): string {
  return availableResults(job)
    .map(result =>
      element('uws:result', {
        id: result.id,
        'xlink:type': 'simple',
        'xlink:href': `${jobUrl}/results/${encodeURIComponent(result.id)}`,
        size: String(result.bytes),
        'mime-type': result.contentType,
      }),
    )
    .join('')
}

export interface Summary {
  /** Of all results together; of an executing job, so far. */
  readonly rows: number | undefined
  readonly bytes: number | undefined
  readonly overflow: boolean | undefined
  /** Of the one result of a job that has one. */
  readonly sha256: string | undefined
}

export function summary(job: Job): Summary {
  const results = job.results.filter(result => result.format === '')
  if (results.length === 0)
    return { rows: job.rows, bytes: job.bytes, overflow: undefined, sha256: undefined }
  const counted = results.filter(result => result.rows !== undefined)
  return {
    rows: counted.length > 0 ? counted.reduce((sum, { rows }) => sum + rows!, 0) : undefined,
    bytes: results.reduce((sum, { bytes }) => sum + bytes, 0),
    overflow: results.some(result => result.overflow),
    sha256: results.length === 1 ? results[0]!.sha256 : undefined,
  }
}

/** UWS leaves jobInfo's content to the service: how far it is, how long it may take, whether rows are missing. */
function jobInfo(job: Job): string {
  const { rows, bytes, overflow, sha256 } = summary(job)
  const infos: readonly (readonly [string, string | undefined])[] = [
    ['rows', rows === undefined ? undefined : String(rows)],
    ['bytes', bytes === undefined ? undefined : String(bytes)],
    ['overflow', overflow === undefined ? undefined : String(overflow)],
    ['sha256', sha256],
    ['stepsDone', job.steps && String(job.steps.done)],
    ['stepsTotal', job.steps && String(job.steps.total)],
    ['lane', job.lane],
    ['estimatedSeconds', job.estimateSeconds === undefined ? undefined : job.estimateSeconds.toPrecision(3)],
    ['shards', job.shards === undefined ? undefined : String(job.shards)],
    ['endedAs', job.was],
  ]
  const content = infos
    .map(([name, value]) => (value === undefined ? '' : element(name, {}, escapeText(value))))
    .join('')
  return content === '' ? '' : element('uws:jobInfo', {}, content)
}

/** An element with text; without any, nil. An empty text is an empty element. */
function leaf(name: string, text: string | undefined): string {
  return text === undefined ? element(name, { 'xsi:nil': 'true' }) : element(name, {}, escapeText(text))
}
