/** `/jobs`: people's side of the jobs of every kind, as JSON; plain UWS stays as the standard has it. */
import express, { type NextFunction, type Request, type Response, Router } from 'express'
import { identify } from '../auth/identity.ts'
import { sendFile } from '../dali/file.ts'
import { type Parameters, parametersOf } from '../dali/parameters.ts'
import { sendError, serviceError } from '../dali/respond.ts'
import { ServiceError } from '../error.ts'
import { type CopyChanges, copyJob } from './copy.ts'
import { checkedText, timeValue } from './create.ts'
import { streamEvents } from './event-stream.ts'
import type { Job, Jobs } from './job.ts'
import type { JobKind } from './kind.ts'
import { checkLink, LINK_SECONDS, LINK_SECONDS_MOST, newestSecret, signLink } from './link.ts'
import type { Viewer } from './list.ts'
import { notifyTargets, shownTarget, signingKey } from './notify.ts'
import { messagesOf } from './outbox.ts'
import { resultOf } from './results.ts'
import { requesterOf, viewerOf } from './router.ts'
import { findIds, type Search, searchJobs } from './search.ts'
import { ensureSession } from './session.ts'
import { isOwner, requireOwner, requireReader, shareJob, sharesOf, sharingGroups } from './share.ts'
import { freshBody } from './small.ts'
import { deleteJobs, findJob, holdJob, setNotify, setRunId } from './store.ts'
import { jobView } from './view.ts'
import { phaseValue } from './wait.ts'

export interface JobsRouterDependencies {
  readonly jobs: Jobs
  readonly origin: (request: Request) => string
}

const PAGE = 50
const LARGEST_PAGE = 1000
const BODY_BYTES = '1mb'

export function jobsRouter({ jobs, origin }: JobsRouterDependencies): Router {
  const { db, storage } = jobs
  const router = Router()
  router.use(express.json({ limit: BODY_BYTES }))
  router.use((_request, response, next) => {
    response.setHeader('Cache-Control', 'no-store')
    next()
  })
  /** Whom its owner lets be told of its end is nobody else's business. */
  const view = (request: Request) => (job: Job) => ({
    ...jobView(job, jobs, origin(request)),
    ...(isOwner(job, identify(request)) ? {} : { notify: [] }),
  })

  /** The job of the path, when it is the client's own. */
  async function jobFor(request: Request): Promise<{ job: Job; kind: JobKind }> {
    const { job, kind } = await jobOfPath(request)
    requireOwner(job, identify(request))
    return { job, kind }
  }

  /** The job of the path, when the client may see it. */
  async function seenJob(request: Request): Promise<{ job: Job; kind: JobKind }> {
    const { job, kind } = await jobOfPath(request)
    await requireReader(db, job, identify(request))
    return { job, kind }
  }

  async function jobOfPath(request: Request): Promise<{ job: Job; kind: JobKind }> {
    const job = await findJob(db, String(request.params.id))
    const kind = jobs.kinds.find(one => one.name === job?.kind)
    if (!job || !kind) throw new ServiceError('notFound', `there is no job ${request.params.id}`)
    return { job, kind }
  }

  /** `GET /jobs?limit&cursor&phase&search&runid&kind&after&until`; with `shared=true` those that others share. */
  router.get('/', async (request, response) => {
    const parameters = queryOf(request)
    const search = {
      ...searchOf(parameters),
      limit: limitOf(parameters),
      cursor: parameters.single('CURSOR') || undefined,
    }
    const shared = parameters.single('SHARED') === 'true'
    const viewer = shared ? { groups: sharingGroups(identify(request)) } : viewerOf(request, jobs)
    const page = await searchJobs(db, shared && !identify(request).name ? 'nobody' : viewer, search)
    response.json({ jobs: page.jobs.map(view(request)), next: page.next ?? null })
  })

  router.get('/events', async (request, response) => {
    const viewer = viewerOf(request, jobs)
    await streamEvents(jobs, response, {
      job: undefined,
      belongs: event => belongs(event, viewer),
      view: view(request),
    })
  })

  /** Bulk: `{ids: […]}`, or the filters of the list, of which one must be there. */
  router.post('/delete', async (request, response) => {
    const body = objectOf(request.body)
    const viewer = viewerOf(request, jobs)
    const ids = Array.isArray(body.ids)
      ? body.ids.map(String)
      : await findIds(db, viewer, searchOf(filtersIn(body)))
    const mine = await ownIds(request, ids)
    response.json({ deleted: await deleteJobs(db, mine) })
  })

  /** Of given ids, those that the client may delete; the others are refused by name rather than passed over. */
  async function ownIds(request: Request, ids: readonly string[]): Promise<readonly string[]> {
    const wrong = ids.find(id => !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id))
    if (wrong !== undefined) throw new ServiceError('notFound', `there is no job ${wrong}`)
    const rows = await db.query<{ job_id: string; owner: string | null }>(
      'SELECT job_id, owner FROM uws.job WHERE job_id = ANY($1) AND deleted_at IS NULL',
      [ids],
    )
    const name = identify(request).name
    const foreign = rows.find(row => row.owner !== null && row.owner !== name)
    if (foreign) {
      const code = name === undefined ? 'unauthenticated' : 'forbidden'
      throw new ServiceError(code, `job ${foreign.job_id} belongs to somebody else`)
    }
    return rows.map(row => row.job_id)
  }

  router.get('/:id', async (request, response) => {
    const { job } = await seenJob(request)
    response.status(job.expiredAt ? 410 : 200).json(view(request)(job))
  })

  router.patch('/:id', async (request, response) => {
    const { job } = await jobFor(request)
    const { runId, notify, ...rest } = objectOf(request.body)
    const isRunId = runId === undefined || runId === null || typeof runId === 'string'
    const isNotify =
      notify === undefined || (Array.isArray(notify) && notify.every(one => typeof one === 'string'))
    if (
      Object.keys(rest).length > 0 ||
      !isRunId ||
      !isNotify ||
      (runId === undefined && notify === undefined)
    ) {
      throw new ServiceError(
        'usage',
        'say {"runId": "a name"}, or null for none; {"notify": ["mailto:…", "https://…"]}; nothing else of a job changes here',
      )
    }
    if (notify !== undefined) {
      const targets = notifyTargets(notify, identify(request), jobs.notify)
      if (!(await setNotify(db, job.id, targets))) {
        throw new ServiceError('usage', 'The job has ended: nobody can be told of it any more.')
      }
    }
    if (runId !== undefined) await setRunId(db, job.id, checkedText('runId', runId ?? undefined))
    response.json(view(request)((await findJob(db, job.id))!))
  })

  /** What has become of the messages about its end, and the key that signs its webhooks. */
  router.get('/:id/messages', async (request, response) => {
    const { job } = await jobFor(request)
    const messages = await messagesOf(db, job.id)
    response.json({
      signingKey: jobs.notify?.webhooks ? signingKey((await newestSecret(jobs)).secret, job) : null,
      messages: messages.map(one => ({
        target: shownTarget(one.target),
        state: one.state,
        tries: one.tries,
        nextTry: one.state === 'waiting' ? one.next_at : null,
        endTime: one.ended_at,
        error: one.error,
      })),
    })
  })

  router.delete('/:id', async (request, response) => {
    const { job } = await jobFor(request)
    response.json({ deleted: await deleteJobs(db, [job.id]) })
  })

  router.get('/:id/events', async (request, response) => {
    const { job } = await seenJob(request)
    await streamEvents(jobs, response, { job, belongs: () => true, view: view(request) })
  })

  /** QUEUED → HELD, EXECUTING → SUSPENDED; PHASE=RUN on the UWS resource queues it again. */
  router.post('/:id/hold', async (request, response) => {
    const { job } = await jobFor(request)
    if (!(await holdJob(db, job.id))) {
      const phase = (await findJob(db, job.id))?.phase ?? 'gone'
      throw new ServiceError('usage', `The job is ${phase}; one that is QUEUED or EXECUTING can be held.`)
    }
    response.json(view(request)((await findJob(db, job.id))!))
  })

  /** Again as it was. No body is needed; a page's form is led to the new job. */
  router.post('/:id/rerun', async (request, response) => {
    await answerCopy(request, response, { parameters: [], without: [], run: true })
  })

  /** `{parameters: {QUERY: "…"} | [[name, value], …], run: true, runId}`: what is not said stays, null goes. */
  router.post('/:id/copy', async (request, response) => {
    const { parameters = {}, run = true, runId } = objectOf(request.body)
    if (typeof run !== 'boolean') throw new ServiceError('usage', 'run is true or false')
    if (runId !== undefined && typeof runId !== 'string') throw new ServiceError('usage', 'runId is a text')
    await answerCopy(request, response, {
      ...changesIn(parameters),
      run,
      ...(runId !== undefined && { runId }),
    })
  })

  async function answerCopy(request: Request, response: Response, changes: CopyChanges): Promise<void> {
    const { job, kind } = await jobFor(request)
    const session = identify(request).name ? undefined : ensureSession(request, response, request.secure)
    const id = await copyJob(jobs, kind, requesterOf(request, session), job, changes)
    if (request.is('urlencoded')) {
      response.redirect(303, `${origin(request)}${kind.path}/${id}`)
      return
    }
    response
      .status(201)
      .location(`${origin(request)}/jobs/${id}`)
      .json(view(request)((await findJob(db, id))!))
  }

  /** `{groups: […]}`: whose members may read the job and its results; none: nobody any more. */
  router.get('/:id/share', async (request, response) => {
    const { job } = await jobFor(request)
    response.json({ groups: await sharesOf(db, job) })
  })

  router.put('/:id/share', async (request, response) => {
    const { job } = await jobFor(request)
    const { groups, ...rest } = objectOf(request.body)
    if (
      !Array.isArray(groups) ||
      !groups.every(one => typeof one === 'string') ||
      Object.keys(rest).length > 0
    )
      throw new ServiceError('usage', 'say {"groups": ["a group of yours", …]}, or [] for none')
    response.json({ groups: await shareJob(db, job, groups, identify(request), request.ip) })
  })

  /** A link to hand to another program, without any header; `{seconds}`, a quarter of an hour without it. */
  router.post('/:id/results/:name/link', async (request, response) => {
    const { job, kind } = await jobFor(request)
    const name = String(request.params.name)
    await resultOf(jobs, kind, job, name, undefined)
    const { seconds = LINK_SECONDS } = objectOf(request.body)
    const isTime =
      Number.isInteger(seconds) && (seconds as number) > 0 && (seconds as number) <= LINK_SECONDS_MOST
    if (!isTime)
      throw new ServiceError('usage', `seconds is a whole number from 1 to ${LINK_SECONDS_MOST} (a week)`)
    const { expires, query } = await signLink(jobs, job.id, name, seconds as number)
    const url = `${origin(request)}/jobs/${job.id}/results/${encodeURIComponent(name)}?${query}`
    response.json({ url, expires })
  })

  router.get('/:id/results/:name', async (request, response) => {
    const parameters = queryOf(request)
    const given = { expires: parameters.single('EXPIRES'), signature: parameters.single('SIGNATURE') }
    const name = String(request.params.name)
    const { job, kind } = given.signature === undefined ? await seenJob(request) : await jobOfPath(request)
    if (given.signature !== undefined) await checkLink(jobs, job.id, name, given)
    const format = parameters.single('RESPONSEFORMAT') || undefined
    const result = await resultOf(jobs, kind, job, name, format)
    await sendFile(request, response, {
      ...result,
      read: async range => freshBody(result.key, range) ?? storage.read(result.key, range),
    })
  })

  router.use((request: Request) => {
    throw new ServiceError(
      'notFound',
      `there is nothing at ${request.method} ${request.originalUrl.split('?')[0]}`,
    )
  })
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.locals.failure = error
    const isBody = (error as { type?: unknown }).type === 'entity.parse.failed'
    const told = isBody ? new ServiceError('usage', 'the body is not JSON') : serviceError(error)
    sendError(response, told, true)
  })
  return router

  function belongs(event: { owner: string | null; session: string | null }, viewer: Viewer): boolean {
    if (viewer === 'nobody') return false
    if (viewer === 'anonymous') return event.owner === null
    if ('owner' in viewer) return event.owner === viewer.owner
    return 'session' in viewer && event.session === viewer.session
  }
}

function queryOf(request: Request): Parameters {
  return parametersOf(new URL(request.originalUrl, 'http://host').searchParams)
}

function searchOf(parameters: Parameters): Omit<Search, 'limit' | 'cursor'> {
  const value = (name: string) => checkedText(name, parameters.single(name))
  return {
    phases: parameters.all('PHASE').flatMap(phase => phaseValue(phase) ?? []),
    text: value('SEARCH'),
    runId: value('RUNID'),
    kind: value('KIND'),
    after: timeValue('AFTER', parameters.single('AFTER')),
    until: timeValue('UNTIL', parameters.single('UNTIL')),
  }
}

function limitOf(parameters: Parameters): number {
  const value = parameters.single('LIMIT')
  if (value === undefined || value === '') return PAGE
  const limit = /^\d+$/.test(value) ? Number(value) : 0
  if (limit >= 1 && limit <= LARGEST_PAGE) return limit
  throw new ServiceError('usage', `limit=${value} is not a whole number from 1 to ${LARGEST_PAGE}`)
}

const FILTERS = ['PHASE', 'SEARCH', 'RUNID', 'KIND', 'AFTER', 'UNTIL']

/** Filters in a JSON body. None at all would delete everything, which must be said: `{"all": true}`. */
function filtersIn(body: Record<string, unknown>): Parameters {
  const { all, ...rest } = body
  const pairs = Object.entries(rest).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map(one => [name, String(one)] as const),
  )
  const unknown = pairs.find(([name]) => !FILTERS.includes(name.toUpperCase()))
  if (unknown || (pairs.length === 0 && all !== true)) {
    throw new ServiceError('usage', 'Say which jobs: {"ids": […]}, filters of the list, or {"all": true}.', {
      detail: `Filters are ${FILTERS.join(', ').toLowerCase()}.`,
    })
  }
  return parametersOf(pairs)
}

/** `{"NAME": "value"}` or pairs; null leaves a parameter out. */
function changesIn(given: unknown): Pick<CopyChanges, 'parameters' | 'without'> {
  const entries: unknown[] = Array.isArray(given) ? given : Object.entries(objectOf(given))
  const without: string[] = []
  const parameters = entries.flatMap(entry => {
    const [name, value] = entry as [unknown, unknown]
    if (
      typeof name !== 'string' ||
      (typeof value !== 'string' && typeof value !== 'number' && value !== null)
    ) {
      throw new ServiceError('usage', 'parameters are {"NAME": "value"} or [["NAME", "value"], …]')
    }
    if (value !== null) return [[name, String(value)] as const]
    without.push(name.toUpperCase())
    return []
  })
  return { parameters, without }
}

function objectOf(body: unknown): Record<string, unknown> {
  if (body === undefined) return {}
  if (typeof body === 'object' && body !== null && !Array.isArray(body))
    return body as Record<string, unknown>
  throw new ServiceError('usage', 'the body must be a JSON object')
}
