/** Capabilities of the cone search of one table (ConeSearch registry extension 1.1). */
import type { Limits } from '../config.ts'
import { paramHttp, vosiCapabilities } from '../vosi/capabilities.ts'
import { element, leaf, type XmlElement } from '../vosi/xml.ts'

/** `test` is a position at which there is something. */
export function coneCapabilities(
  baseUrl: string,
  limits: Limits,
  test: { readonly ra: number; readonly dec: number } | undefined,
): readonly XmlElement[] {
  return [
    ...vosiCapabilities(baseUrl),
    element(
      'capability',
      { standardID: 'ivo://ivoa.net/std/ConeSearch', 'xsi:type': 'cs:ConeSearch' },
      paramHttp(`${baseUrl}?`, 'base', leaf('resultType', 'text/xml;content=x-votable')),
      leaf('maxSR', 180),
      leaf('maxRecords', limits.maxrecHard),
      leaf('verbosity', 'true'),
      element('testQuery', {}, leaf('ra', test?.ra ?? 0), leaf('dec', test?.dec ?? 0), leaf('sr', 0.001)),
    ),
  ]
}
