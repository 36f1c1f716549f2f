/** `/tap/capabilities`: TAP 1.1 §2.4 with TAPRegExt 1.0, printed from what the code can do. */
import { declaredFeatures } from '../adql/features.ts'
import type { Config } from '../config.ts'
import { OUTPUT_FORMATS } from '../formats/index.ts'
import { paramHttp, simpleCapability, vosiCapabilities } from '../vosi/capabilities.ts'
import { element, leaf, type XmlElement } from '../vosi/xml.ts'

type CapabilityConfig = Pick<Config, 'limits' | 'jobs' | 'uploads'>

/** `obscore`: whether ivoa.ObsCore is published here. */
export function tapCapabilities(
  baseUrl: string,
  config: CapabilityConfig,
  obscore: boolean,
): readonly XmlElement[] {
  return [
    ...vosiCapabilities(baseUrl),
    simpleCapability('ivo://ivoa.net/std/VOSI#tables-1.1', `${baseUrl}/tables`),
    simpleCapability('ivo://ivoa.net/std/DALI#examples', `${baseUrl}/examples`),
    tableAccess(baseUrl, config, obscore),
  ]
}

function tableAccess(
  baseUrl: string,
  { limits, jobs, uploads }: CapabilityConfig,
  obscore: boolean,
): XmlElement {
  const tap = paramHttp(baseUrl, 'base')
  return element(
    'capability',
    { standardID: 'ivo://ivoa.net/std/TAP', 'xsi:type': 'tr:TableAccess' },
    { ...tap, attributes: { ...tap.attributes, version: '1.1' } },
    // ObsCore 1.1 §5. Not 1.0 beside it: units and utypes of the two differ, so a table is one or the other.
    ...(obscore
      ? [element('dataModel', { 'ivo-id': 'ivo://ivoa.net/std/ObsCore#core-1.1' }, 'ObsCore-1.1')]
      : []),
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
    // By URL only where the site names places to fetch from (docs/deviations.md).
    ...['inline', ...new Set(uploads.allow.map(({ protocol }) => protocol.slice(0, -1)))].map(method =>
      element('uploadMethod', { 'ivo-id': `ivo://ivoa.net/std/TAPRegExt#upload-${method}` }),
    ),
    element(
      'retentionPeriod',
      {},
      leaf('default', jobs.retentionDays * 86_400),
      leaf('hard', jobs.retentionDaysHard * 86_400),
    ),
    element(
      'executionDuration',
      {},
      leaf('default', jobs.executionSeconds),
      leaf('hard', jobs.executionSecondsHard),
    ),
    element(
      'outputLimit',
      {},
      element('default', { unit: 'row' }, String(limits.maxrecDefault)),
      element('hard', { unit: 'row' }, String(limits.maxrecHard)),
    ),
    element(
      'uploadLimit',
      {},
      element('default', { unit: 'byte' }, String(limits.uploadBytes)),
      element('hard', { unit: 'byte' }, String(limits.uploadBytes)),
    ),
  )
}
