/** `/cutout/capabilities`: SODA 1.0 §2.5, with the parameters and the batch of our own. */
import { paramHttp, vosiCapabilities } from '../vosi/capabilities.ts'
import { element, leaf, type XmlElement } from '../vosi/xml.ts'
import { INPUTS } from './inputs.ts'

export function cutoutCapabilities(baseUrl: string): readonly XmlElement[] {
  const soda = (mode: 'sync' | 'async', resultType?: string) =>
    element(
      'capability',
      { standardID: `ivo://ivoa.net/std/SODA#${mode}-1.0` },
      paramHttp(
        `${baseUrl}/${mode}`,
        'full',
        leaf('queryType', 'GET'),
        leaf('queryType', 'POST'),
        ...(resultType ? [leaf('resultType', resultType)] : []),
        ...INPUTS.map(({ name, description, unit, ucd, dataType, required }) =>
          element(
            'param',
            { std: String(ucd !== undefined), use: required ? 'required' : 'optional' },
            leaf('name', name),
            leaf('description', description),
            ...(unit ? [leaf('unit', unit)] : []),
            ...(ucd ? [leaf('ucd', ucd)] : []),
            element('dataType', dataType.size ? { arraysize: dataType.size } : {}, dataType.name),
          ),
        ),
      ),
    )
  return [...vosiCapabilities(baseUrl), soda('sync', 'image/fits'), soda('async')]
}
