/** `/tap/capabilities`: TAP 1.1 §2.4 with TAPRegExt 1.0, printed from what the code can do. */
import { declaredFeatures } from '../adql/features.ts'
import type { Limits } from '../config.ts'
import { OUTPUT_FORMATS } from '../formats/index.ts'
import { paramHttp, simpleCapability, vosiCapabilities } from '../vosi/capabilities.ts'
import { element, leaf, type XmlElement } from '../vosi/xml.ts'

export function tapCapabilities(baseUrl: string, limits: Limits): readonly XmlElement[] {
  return [
    ...vosiCapabilities(baseUrl),
    simpleCapability('ivo://ivoa.net/std/VOSI#tables-1.1', `${baseUrl}/tables`),
    simpleCapability('ivo://ivoa.net/std/DALI#examples', `${baseUrl}/examples`),
    tableAccess(baseUrl, limits),
  ]
}

function tableAccess(baseUrl: string, limits: Limits): XmlElement {
  const tap = paramHttp(baseUrl, 'base')
  return element(
    'capability',
    { standardID: 'ivo://ivoa.net/std/TAP', 'xsi:type': 'tr:TableAccess' },
    { ...tap, attributes: { ...tap.attributes, version: '1.1' } },
    element(
      'language',
      {},
      leaf('name', 'ADQL'),
      element('version', { 'ivo-id': 'ivo://ivoa.net/std/ADQL#v2.0' }, '2.0'),
      element('version', { 'ivo-id': 'ivo://ivoa.net/std/ADQL#v2.1' }, '2.1'),
      leaf('description', 'Astronomical Data Query Language'),
      ...declaredFeatures().map(({ type, features }) =>
        element(
          'languageFeatures',
          { type },
          ...features.map(f =>
            element('feature', {}, leaf('form', f.form), leaf('description', f.description)),
          ),
        ),
      ),
    ),
    ...OUTPUT_FORMATS.map(format =>
      element(
        'outputFormat',
        { 'ivo-id': format.ivoId },
        leaf('mime', format.mediaType),
        ...format.aliases.map(alias => leaf('alias', alias)),
      ),
    ),
    element('executionDuration', {}, leaf('default', limits.syncSeconds), leaf('hard', limits.syncSeconds)),
    element(
      'outputLimit',
      {},
      element('default', { unit: 'row' }, String(limits.maxrecDefault)),
      element('hard', { unit: 'row' }, String(limits.maxrecHard)),
    ),
  )
}
