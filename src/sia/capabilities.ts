/** Capabilities of the two versions of SIA. */
import type { Limits } from '../config.ts'
import { paramHttp, vosiCapabilities } from '../vosi/capabilities.ts'
import { element, leaf, type XmlElement } from '../vosi/xml.ts'
import { QUERY_ID } from './self.ts'

// No param elements: pyvo warns about each of them, and every answer describes the parameters.
const query = (baseUrl: string, version: string, use: 'full' | 'base') => {
  const { attributes, ...rest } = paramHttp(
    `${baseUrl}/query${use === 'base' ? '?' : ''}`,
    use,
    leaf('resultType', 'application/x-votable+xml'),
  )
  return { ...rest, attributes: { ...attributes, version } }
}

/** SIA 2.0 §2.3. */
export function sia2Capabilities(baseUrl: string): readonly XmlElement[] {
  return [
    ...vosiCapabilities(baseUrl),
    element('capability', { standardID: QUERY_ID }, query(baseUrl, '2.0', 'full')),
  ]
}

/** SIA 1.0 with SIARegExt 1.1. */
export function sia1Capabilities(baseUrl: string, limits: Limits): readonly XmlElement[] {
  return [
    ...vosiCapabilities(baseUrl),
    element(
      'capability',
      { standardID: 'ivo://ivoa.net/std/SIA', 'xsi:type': 'sia:SimpleImageAccess' },
      query(baseUrl, '1.0', 'base'),
      leaf('imageServiceType', 'Pointed'),
      element('maxQueryRegionSize', {}, leaf('long', 360), leaf('lat', 180)),
      element('maxImageExtent', {}, leaf('long', 360), leaf('lat', 180)),
      leaf('maxRecords', limits.maxrecHard),
    ),
  ]
}
