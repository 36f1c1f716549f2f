/**
 * `/moc/<collection>`, `/moc/<schema.table>`, `/moc/hips/<name>`: coverage as FITS, or as RESPONSEFORMAT says as JSON or
 * text (MOC 2.0 §4.3). Always in ICRS.
 */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { type NextFunction, type Request, type Response, Router } from 'express'
import { type Rules, requireAdmission } from '../auth/access.ts'
import { type Identity, identify } from '../auth/identity.ts'
import { sendFile } from '../dali/file.ts'
import { parametersOf } from '../dali/parameters.ts'
import { STATUS, serviceError } from '../dali/respond.ts'
import type { Client } from '../db/database.ts'
import { errorText, ServiceError } from '../error.ts'
import { mocFits } from '../fits/moc.ts'
import { type Moc, mocAscii, mocDegraded, mocJson, mocUniq } from '../healpix/moc.ts'
import { mocTurned } from '../healpix/turned.ts'
import { frameChange } from '../sphere/frames.ts'
import { coverageDocument } from '../vosi/coverage.ts'
import { type Coverage, coverageOf } from './coverage.ts'
import { tableCoverage } from './table-coverage.ts'

const GALACTIC = frameChange({ name: 'GALACTIC' })

type Extent = Pick<Coverage, 'moc' | 'times' | 'wavelengths'>

interface Form {
  readonly type: string
  readonly ending: string
  write(extent: Extent): Buffer | string
}

const FITS: Form = {
  type: 'application/fits',
  ending: 'fits',
  write: ({ moc }) => mocFits(mocUniq(moc), moc.order, 'equatorial'),
}
const JSON_FORM: Form = { type: 'application/json', ending: 'json', write: ({ moc }) => mocJson(moc) }
const ASCII: Form = { type: 'text/plain', ending: 'txt', write: ({ moc }) => mocAscii(moc) }
/** For registries: in cells so coarse that it is small (VODataService 1.2 §3.2), but of order 6 at least. */
const RECORD: Form = {
  type: 'application/xml',
  ending: 'xml',
  write: ({ moc, times, wavelengths }) => {
    let spatial = mocAscii(moc)
    for (let order = moc.order - 1; spatial.length > MOST_OF_RECORD && order >= 6; order--)
      spatial = mocAscii(mocDegraded(moc, order))
    return coverageDocument({ spatial, temporal: times, wavelengths })
  },
}
const MOST_OF_RECORD = 30_000

const FORMS: Readonly<Record<string, Form>> = {
  fits: FITS,
  'application/fits': FITS,
  json: JSON_FORM,
  'application/json': JSON_FORM,
  ascii: ASCII,
  text: ASCII,
  'text/plain': ASCII,
  vodataservice: RECORD,
}

export interface MocDependencies {
  readonly db: Client
  readonly rules: () => Rules
  /** Of a HiPS that somebody may see; throws where they are to be told that they may not. */
  readonly hips: (name: string, identity: Identity) => Promise<HipsCoverage | undefined>
}

export interface HipsCoverage {
  /** In the frame of the HiPS. */
  readonly moc: Moc | undefined
  readonly isGalactic: boolean
}

export function mocRouter({ db, rules, hips }: MocDependencies): Router {
  const router = Router()

  /** A collection or, where there is none of the name, a table. */
  async function coverage(name: string, identity: Identity): Promise<Extent | undefined> {
    const admits = (kind: 'collection' | 'table', what: string) =>
      requireAdmission(rules().rule(kind, name), `The ${what} ${name}`, identity)
    const collection = admits('collection', 'collection') ? await coverageOf(db, name) : undefined
    if (collection) return collection
    return admits('table', 'table') ? tableCoverage(db, name) : undefined
  }

  router.get('/hips/:name', async (request, response) => {
    const { name } = request.params
    const found = await hips(name, identify(request))
    if (!found?.moc) throw new ServiceError('notFound', `there is no HiPS ${name} with a coverage`)
    const moc = found.isGalactic ? mocTurned(found.moc, GALACTIC.toIcrs) : found.moc
    await sendMoc(request, response, name, { moc })
  })

  router.get('/:name', async (request, response) => {
    const { name } = request.params
    const extent = await coverage(name, identify(request))
    if (!extent)
      throw new ServiceError('notFound', `there is no collection, and no table with positions, ${name}`)
    await sendMoc(request, response, name, extent)
  })

  router.use((request: Request) => {
    throw new ServiceError(
      'notFound',
      `there is nothing at ${request.baseUrl}${request.path}; coverage is at /moc/<collection>, /moc/<schema.table> and /moc/hips/<name>`,
    )
  })
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.locals.failure = error
    // Names that cannot be decoded come as errors of their own with a status.
    const isNoName = (error as { status?: number }).status === 400
    const failure = isNoName ? new ServiceError('notFound', 'this is no name') : serviceError(error)
    response
      .status(STATUS[failure.code])
      .type('text/plain')
      .send(`${errorText(failure)}\n`)
  })
  return router
}

/** As FITS, or as RESPONSEFORMAT says; in coarser cells by ORDER. */
async function sendMoc(request: Request, response: Response, name: string, extent: Extent): Promise<void> {
  const whole = extent.moc
  const parameters = parametersOf(new URL(request.url, 'http://host').searchParams)
  const asked = (parameters.single('RESPONSEFORMAT') ?? 'fits').toLowerCase()
  const form = Object.hasOwn(FORMS, asked) ? FORMS[asked] : undefined
  if (!form)
    throw new ServiceError(
      'usage',
      `RESPONSEFORMAT=${asked} is not offered; fits, json, ascii and vodataservice are`,
    )
  const order = parameters.single('ORDER') ?? String(whole.order)
  if (!/^[12]?\d$/.test(order)) throw new ServiceError('usage', `ORDER=${order} is no order from 0 to 29`)
  const moc = Number(order) < whole.order ? mocDegraded(whole, Number(order)) : whole
  const bytes = asBytes(form.write({ ...extent, moc }))
  await sendFile(request, response, {
    contentType: form.type,
    fileName: `${name}.moc.${form.ending}`,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    read: async range => Readable.from([range ? bytes.subarray(range.start, range.end + 1) : bytes]),
  })
}

const asBytes = (content: Buffer | string) => (typeof content === 'string' ? Buffer.from(content) : content)
