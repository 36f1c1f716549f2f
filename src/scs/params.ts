/** Parameters of a cone search (SCS 1.03 §2). */
import { badValue, integerParameter, type Parameters } from '../dali/parameters.ts'
import { numberLiteral } from '../dali/shapes.ts'
import { ServiceError } from '../error.ts'

export interface ConeParameters {
  /** ICRS degrees. */
  readonly ra: number
  readonly dec: number
  /** 0: only the columns are asked for. */
  readonly sr: number
  /** 1: few columns, 2: the principal ones, 3: all. */
  readonly verb: 1 | 2 | 3
  readonly maxrec: number | undefined
  readonly responseFormat: string | undefined
}

export function coneParameters(parameters: Parameters): ConeParameters {
  return {
    ra: degrees(parameters, 'RA', 0, 360),
    dec: degrees(parameters, 'DEC', -90, 90),
    sr: degrees(parameters, 'SR', 0, 180),
    verb: verbosity(parameters),
    maxrec: integerParameter(parameters, 'MAXREC'),
    responseFormat: parameters.single('RESPONSEFORMAT') || undefined,
  }
}

function degrees(parameters: Parameters, name: string, low: number, high: number): number {
  const given = parameters.single(name)?.trim()
  if (!given)
    throw new ServiceError(
      'usage',
      `${name} is missing; a cone search has RA, DEC and SR, in decimal degrees`,
    )
  const number = numberLiteral(given)
  if (number === undefined || Number.isNaN(number)) throw badValue(name, given, 'a number of decimal degrees')
  if (number < low || number > high)
    throw new ServiceError('usage', `${name}=${given.slice(0, 40)} is not within ${low} and ${high} degrees`)
  return number
}

function verbosity(parameters: Parameters): 1 | 2 | 3 {
  const given = parameters.single('VERB')?.trim() || '2'
  if (given !== '1' && given !== '2' && given !== '3') throw badValue('VERB', given, '1, 2 or 3')
  return Number(given) as 1 | 2 | 3
}
