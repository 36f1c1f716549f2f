/** `/datalink/capabilities`: DataLink 1.1 §2.2, and the light curves as a service of their own. */

import { paramHttp, vosiCapabilities } from '../vosi/capabilities.ts'
import { element, leaf, type XmlElement } from '../vosi/xml.ts'
import { LINKS_ID } from '../votable/descriptor.ts'

export function datalinkCapabilities(baseUrl: string): readonly XmlElement[] {
  return [
    ...vosiCapabilities(baseUrl),
    element(
      'capability',
      { standardID: LINKS_ID },
      paramHttp(
        `${baseUrl}/links`,
        'full',
        leaf('queryType', 'GET'),
        leaf('queryType', 'POST'),
        leaf('resultType', 'application/x-votable+xml;content=datalink'),
        element(
          'param',
          { std: 'true', use: 'required' },
          leaf('name', 'ID'),
          leaf('description', 'Identifier of an object'),
          leaf('ucd', 'meta.id;meta.main'),
          leaf('dataType', 'string'),
        ),
      ),
    ),
  ]
}
