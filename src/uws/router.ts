/** UWS 1.1 §2.2: the resources of a job list, for one kind of work. */
import { type NextFunction, type Request, type Response, Router } from 'express'
import { identify } from '../auth/identity.ts'
import { allowanceOf } from '../auth/limits.ts'
import { sendFile } from '../dali/file.ts'
import { type Parameters, parametersOf, readParameters } from '../dali/parameters.ts'
import { RESULT_POLICY } from '../dali/policy.ts'
import { send, sendError, sendXml, serviceError } from '../dali/respond.ts'
import { readRequest, type UploadLimits } from '../dali/uploads.ts'
import { ServiceError } from '../error.ts'
import { errorDocument } from '../votable/document.ts'
import {
  checkedText,
  DAY_SECONDS,
  durationValue,
  enqueue,
  grantedDuration,
  mergePairs,
  type Requester,
  storeParts,
  submitJob,
  timeValue,
  workParameters,
} from './create.ts'
import { jobDocument, jobListDocument, parametersDocument, resultsDocument, timeText } from './document.ts'
import { watchJob } from './events.ts'
import { goneHtml, goneText } from './gone.ts'
import type { Job, Jobs } from './job.ts'
import type { JobKind } from './kind.ts'
import { listJobs, type Viewer } from './list.ts'
import { notifyTargets } from './notify.ts'
import { resultOf } from './results.ts'
import { ensureSession, sessionOf } from './session.ts'
import { requireOwner, requireReader } from './share.ts'
import { freshBody } from './small.ts'
import {
  abortJob,
  archiveJob,
  deleteJobs,
  findJob,
  setDestruction,
  setExecutionDuration,
  setNotify,
  setParameters,
  setRunId,
} from './store.ts'
import { phaseValue, waitForChange, waitParameters } from './wait.ts'

export interface UwsRouterDependencies {
  readonly jobs: Jobs
  readonly kind: JobKind
  readonly limits: UploadLimits
  /** URL of the service as the client of a request sees it, without a path. */
  readonly origin: (request: Request) => string
}

type Answer = (request: Request, response: Response) => Promise<void>
type JobAnswer = (request: Request, response: Response, job: Job) => Promise<void>

export function uwsRouter({ jobs, kind, limits, origin }: UwsRouterDependencies): Router {
  const { db, storage } = jobs
  const router = Router()
  const listUrl = (request: Request) => `${origin(request)}${kind.path}`
  const jobUrl = (request: Request, job: Pick<Job, 'id'>) => `${listUrl(request)}/${job.id}`
  const readBody = (request: Request) => readParameters(request, limits)
  const uploadLimits = (request: Request) => ({
    ...limits,
    uploadBytes: allowanceOf(request).uploadBytes ?? limits.uploadBytes,
  })
  const seeJob = (request: Request, response: Response, id: string) =>
    seeOther(response, jobUrl(request, { id }))

  /** The job of the path, when the client may have it; 410 for one that has expired. */
  function ofJob(answer: JobAnswer): Answer {
    return async (request, response) => {
      const job = await findJob(db, String(request.params.id))
      if (!job || job.kind !== kind.name) {
        throw new ServiceError(
          'notFound',
          `there is no job ${request.params.id} here; ${kind.path} lists those there are`,
        )
      }
      const reads = request.method === 'GET' || request.method === 'HEAD'
      if (reads) await requireReader(db, job, identify(request))
      else requireOwner(job, identify(request))
      if (job.expiredAt && !isDeletion(request)) {
        const isBrowser = /application\/xhtml/.test(request.get('accept') ?? '')
        const told = isBrowser ? goneHtml : goneText
        if (isBrowser) response.setHeader('Content-Security-Policy', RESULT_POLICY)
        response
          .status(410)
          .type(isBrowser ? 'html' : 'text/plain')
          .send(told(job, origin(request)))
        return
      }
      await answer(request, response, job)
    }
  }

  // -- the job list

  const list: Answer = async (request, response) => {
    const parameters = queryOf(request)
    const phases = parameters.all('PHASE').flatMap(value => phaseValue(value) ?? [])
    const filter = {
      phases,
      after: timeValue('AFTER', parameters.single('AFTER')),
      last: lastValue(parameters),
    }
    await send(request, response, {
      contentType: 'application/xml',
      headers: { 'Cache-Control': 'no-store' },
      chunks: jobListDocument(listJobs(db, kind.name, viewerOf(request, jobs), filter), listUrl(request)),
    })
  }

  const create: Answer = async (request, response) => {
    const content = await readRequest(request, uploadLimits(request), jobs.spool)
    try {
      const session = identify(request).name ? undefined : ensureSession(request, response, request.secure)
      seeJob(request, response, await submitJob(jobs, kind, requesterOf(request, session), content))
    } finally {
      await content.discard()
    }
  }

  // -- a job

  const show = ofJob(async (request, response, job) => {
    sendXml(response, jobDocument(job, jobUrl(request, job)))
  })

  const showOrWait: Answer = async (request, response) => {
    const wait = waitParameters(queryOf(request), jobs.limits.waitSeconds)
    if (!wait) return show(request, response)
    const watch = watchJob(jobs.events, String(request.params.id))
    response.once('close', watch.close)
    try {
      await ofJob(async (_request, _response, job) => {
        const now = await waitForChange(db, watch, job, wait)
        if (response.destroyed) return
        if (!now || now.expiredAt) await show(request, response)
        else sendXml(response, jobDocument(now, jobUrl(request, job)))
      })(request, response)
    } finally {
      watch.close()
    }
  }

  const remove: JobAnswer = async (request, response, job) => {
    await deleteJobs(db, [job.id])
    seeOther(response, listUrl(request))
  }

  /** DALI 1.1 §2.1: parameters of the work are not taken here. */
  const act: JobAnswer = async (request, response, job) => {
    const parameters = await readBody(request)
    const action = parameters.single('ACTION')
    if (action?.toUpperCase() === 'DELETE') return remove(request, response, job)
    throw new ServiceError('usage', 'A POST to a job itself can only say ACTION=DELETE.', {
      detail: 'PHASE goes to …/phase, parameters to …/parameters, DESTRUCTION to …/destruction.',
    })
  }

  const setPhase: JobAnswer = async (request, response, job) => {
    const asked = required(await readBody(request), 'PHASE').toUpperCase()
    if (asked === 'RUN') {
      const session = sessionOf(request)
      if (!(await enqueue(jobs, kind, requesterOf(request, session), job)))
        throw await wrongPhase(job, 'RUN', 'a job that is PENDING, HELD or SUSPENDED')
    } else if (asked === 'ABORT') {
      await abortJob(db, job.id)
    } else if (asked === 'ARCHIVE') {
      if (!(await archiveJob(db, job.id))) throw await wrongPhase(job, 'ARCHIVE', 'a job that has ended')
    } else {
      throw new ServiceError('usage', `PHASE=${asked} cannot be asked for; say RUN, ABORT or ARCHIVE`)
    }
    seeJob(request, response, job.id)
  }

  async function wrongPhase(job: Job, asked: string, fitting: string): Promise<ServiceError> {
    const phase = (await findJob(db, job.id))?.phase ?? 'gone'
    return new ServiceError('usage', `The job is ${phase}; PHASE=${asked} is for ${fitting}.`)
  }

  const postDuration: JobAnswer = async (request, response, job) => {
    const seconds = durationValue(required(await readBody(request), 'EXECUTIONDURATION'))
    if (!(await setExecutionDuration(db, job.id, grantedDuration(jobs, seconds)))) {
      throw new ServiceError('usage', 'The executionDuration can change while the job is PENDING only.')
    }
    seeJob(request, response, job.id)
  }

  const postDestruction: JobAnswer = async (request, response, job) => {
    const at = timeValue('DESTRUCTION', required(await readBody(request), 'DESTRUCTION'))!
    await setDestruction(db, job.id, at, jobs.limits.retentionDaysHard * DAY_SECONDS)
    seeJob(request, response, job.id)
  }

  const postParameters: JobAnswer = async (request, response, job) => {
    const content = await readRequest(request, uploadLimits(request), jobs.spool)
    try {
      if (job.phase !== 'PENDING') throw frozen()
      const merged = parametersOf(mergePairs(job.parameters, workParameters(kind, content.parameters).pairs))
      const own = workParameters(kind, merged)
      const runId = content.parameters.single('RUNID')
      const notify = notifyTargets(content.parameters.all('NOTIFY'), identify(request), jobs.notify)
      const stored = await storeParts(jobs, job.id, content.files)
      const uploads = [...job.uploads.filter(old => !stored.some(part => part.part === old.part)), ...stored]
      const given = { parameters: own.pairs, uploads, title: kind.title(own) }
      if (!(await setParameters(db, job.id, given))) throw frozen()
      if (notify.length > 0) await setNotify(db, job.id, notify)
      if (runId !== undefined) await setRunId(db, job.id, checkedText('RUNID', runId))
    } finally {
      await content.discard()
    }
    seeJob(request, response, job.id)
  }

  const frozen = () => new ServiceError('usage', 'Parameters can change while the job is PENDING only.')

  const showParameter: JobAnswer = async (request, response, job) => {
    const name = String(request.params.name)
    const upload = job.uploads.find(part => part.part === name)
    if (upload) {
      const bytes = await storage.read(upload.key)
      response.setHeader('Content-Type', 'application/octet-stream')
      response.setHeader('Content-Length', upload.bytes)
      await send(request, response, { contentType: 'application/octet-stream', chunks: bytes })
      return
    }
    const values = parametersOf(job.parameters).all(name.toUpperCase())
    if (values.length === 0) throw new ServiceError('notFound', `the job has no parameter ${name}`)
    sendText(response, values.join('\n'))
  }

  const showResult: JobAnswer = async (request, response, job) => {
    const parameters = queryOf(request)
    const format = parameters.single('RESPONSEFORMAT') || parameters.single('FORMAT') || undefined
    const result = await resultOf(jobs, kind, job, String(request.params.name), format)
    await sendFile(request, response, {
      ...result,
      read: async range => freshBody(result.key, range) ?? storage.read(result.key, range),
    })
  }

  /** DALI 1.1 §4.2: 200 with the error as a document; 404 for a job that has none. */
  const showError: JobAnswer = async (_request, response, job) => {
    if (!job.error) throw new ServiceError('notFound', `the job has no error; it is ${job.phase}`)
    const { message, detail } = job.error
    sendXml(response, errorDocument(detail ? `${message}\n${detail}` : message), 'application/x-votable+xml')
  }

  const text = (value: (job: Job) => string): Answer =>
    ofJob(async (_request, response, job) => sendText(response, value(job)))

  const resources: readonly [path: string, answers: Readonly<Record<string, Answer>>][] = [
    ['/', { GET: list, POST: create }],
    ['/:id', { GET: showOrWait, POST: ofJob(act), DELETE: ofJob(remove) }],
    ['/:id/phase', { GET: text(job => job.phase), POST: ofJob(setPhase) }],
    [
      '/:id/executionduration',
      { GET: text(job => String(job.executionDuration)), POST: ofJob(postDuration) },
    ],
    ['/:id/destruction', { GET: text(job => timeText(job.destruction)), POST: ofJob(postDestruction) }],
    ['/:id/quote', { GET: text(job => (job.quote ? timeText(job.quote) : '')) }],
    ['/:id/owner', { GET: text(job => job.owner ?? '') }],
    [
      '/:id/parameters',
      {
        GET: ofJob(async (request, response, job) =>
          sendXml(response, parametersDocument(job, jobUrl(request, job))),
        ),
        POST: ofJob(postParameters),
      },
    ],
    ['/:id/parameters/:name', { GET: ofJob(showParameter) }],
    [
      '/:id/results',
      {
        GET: ofJob(async (request, response, job) =>
          sendXml(response, resultsDocument(job, jobUrl(request, job))),
        ),
      },
    ],
    ['/:id/results/:name', { GET: ofJob(showResult) }],
    ['/:id/error', { GET: ofJob(showError) }],
  ]
  for (const [path, answers] of resources) {
    router.all(path, async (request, response) => {
      const answer = answers[request.method === 'HEAD' ? 'GET' : request.method]
      if (!answer) {
        const methods = Object.keys(answers).flatMap(method =>
          method === 'GET' ? ['GET', 'HEAD'] : [method],
        )
        response.setHeader('Allow', methods.join(', '))
        throw new ServiceError('method', `${request.method} does not apply here; use ${methods.join(', ')}`)
      }
      response.setHeader('Cache-Control', 'no-store')
      await answer(request, response)
    })
  }
  router.use((request: Request) => {
    throw new ServiceError('notFound', `there is nothing at ${request.originalUrl.split('?')[0]}`)
  })
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.locals.failure = error
    sendError(response, serviceError(error), true)
  })
  return router
}

/** Whose jobs the client may list. */
export function viewerOf(request: Request, { limits }: Jobs): Viewer {
  const owner = identify(request).name
  if (owner !== undefined) return { owner }
  if (limits.listAnonymous) return 'anonymous'
  const session = sessionOf(request)
  return session ? { session } : 'nobody'
}

export function requesterOf(request: Request, session: string | undefined): Requester {
  return { identity: identify(request), session, address: request.ip ?? '', allowance: allowanceOf(request) }
}

function queryOf(request: Request): Parameters {
  return parametersOf(new URL(request.originalUrl, 'http://host').searchParams)
}

function isDeletion(request: Request): boolean {
  return request.method === 'DELETE' || (request.method === 'POST' && /^\/[^/]+\/?$/.test(request.path))
}

function lastValue(parameters: Parameters): number | undefined {
  const value = parameters.single('LAST')
  if (value === undefined || value === '') return undefined
  if (/^\+?\d+$/.test(value.trim()) && Number(value) > 0) return Number(value)
  throw new ServiceError('usage', `LAST=${value} is not a whole number greater than 0`)
}

function required(parameters: Parameters, name: string): string {
  const value = parameters.single(name)?.trim()
  if (!value) throw new ServiceError('usage', `${name} is missing`)
  return value
}

function seeOther(response: Response, url: string): void {
  response.status(303).setHeader('Location', url)
  response.end()
}

function sendText(response: Response, value: string): void {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end(value)
}
