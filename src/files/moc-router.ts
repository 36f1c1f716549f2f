/** `/moc/<collection>`: coverage as FITS, or as RESPONSEFORMAT says as JSON or text (MOC 2.0 §4.3). */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { type NextFunction, type Request, type Response, Router } from 'express'
import { type Rules, requireAdmission } from '../auth/access.ts'
import { identify } from '../auth/identity.ts'
import { sendFile } from '../dali/file.ts'
import { parametersOf } from '../dali/parameters.ts'
import { STATUS, serviceError } from '../dali/respond.ts'
import type { Client } from '../db/database.ts'
import { errorText, ServiceError } from '../error.ts'
import { mocFits } from '../fits/moc.ts'
import { type Moc, mocAscii, mocJson, mocUniq } from '../healpix/moc.ts'
import { coverageOf } from './coverage.ts'

interface Form {
  readonly type: string
  readonly ending: string
  write(moc: Moc): Buffer | string
}

const FITS: Form = {
  type: 'application/fits',
  ending: 'fits',
  write: moc => mocFits(mocUniq(moc), moc.order, 'equatorial'),
}
const JSON_FORM: Form = { type: 'application/json', ending: 'json', write: mocJson }
const ASCII: Form = { type: 'text/plain', ending: 'txt', write: mocAscii }

const FORMS: Readonly<Record<string, Form>> = {
  fits: FITS,
  'application/fits': FITS,
  json: JSON_FORM,
  'application/json': JSON_FORM,
  ascii: ASCII,
  text: ASCII,
  'text/plain': ASCII,
}

export interface MocDependencies {
  readonly db: Client
  readonly rules: () => Rules
}

export function mocRouter({ db, rules }: MocDependencies): Router {
  const router = Router()
  router.get('/:collection', async (request, response) => {
    const { collection } = request.params
    const parameters = parametersOf(new URL(request.url, 'http://host').searchParams)
    const asked = (parameters.single('RESPONSEFORMAT') ?? 'fits').toLowerCase()
    const form = Object.hasOwn(FORMS, asked) ? FORMS[asked] : undefined
    if (!form)
      throw new ServiceError('usage', `RESPONSEFORMAT=${asked} is not offered; fits, json and ascii are`)
    const rule = rules().rule('collection', collection)
    const isOpen = requireAdmission(rule, `The collection ${collection}`, identify(request))
    const coverage = isOpen ? await coverageOf(db, collection) : undefined
    if (!coverage) throw new ServiceError('notFound', `there is no collection ${collection}`)
    const bytes = asBytes(form.write(coverage.moc))
    await sendFile(request, response, {
      contentType: form.type,
      fileName: `${collection}.moc.${form.ending}`,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      read: async range => Readable.from([range ? bytes.subarray(range.start, range.end + 1) : bytes]),
    })
  })
  router.use((request: Request) => {
    throw new ServiceError(
      'notFound',
      `there is nothing at ${request.baseUrl}${request.path}; coverage is at /moc/<collection>`,
    )
  })
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.locals.failure = error
    const failure = serviceError(error)
    response
      .status(STATUS[failure.code])
      .type('text/plain')
      .send(`${errorText(failure)}\n`)
  })
  return router
}

const asBytes = (content: Buffer | string) => (typeof content === 'string' ? Buffer.from(content) : content)
