/** What the query resource takes, told in every answer (SIA 2.0 §2.1 and §3.1.2). */
import { numberParam, options, serviceDescriptor, textParam } from '../votable/descriptor.ts'
import { element, escapeText } from '../votable/xml.ts'
import { INTERVALS } from './conditions.ts'

export const QUERY_ID = 'ivo://ivoa.net/std/SIA#query-2.0'

/** Values that the images have. */
export type Vocabulary = Readonly<
  Record<'COLLECTION' | 'FACILITY' | 'INSTRUMENT' | 'DPTYPE' | 'CALIB' | 'FORMAT', readonly string[]>
>

/** DAL standards' states of polarization (ObsCore 1.1 §B.6.6). */
const STATES = 'I Q U V RR LL RL LR XX YY XY YX POLI POLA'.split(' ')

/** Parameters that are texts: UCD, and what they are. */
const TEXTS: Readonly<Record<string, readonly [ucd: string, description: string]>> = {
  POS: [
    'pos.outline;obs',
    'CIRCLE lon lat radius, RANGE lon1 lon2 lat1 lat2 or POLYGON lon lat …, ICRS, degrees',
  ],
  POL: ['meta.code;phys.polarization', 'State of polarization'],
  ID: ['meta.ref.ivoid', 'Publisher DID'],
  COLLECTION: ['meta.id', 'Collection'],
  FACILITY: ['meta.id;instr.tel', 'Observatory or telescope'],
  INSTRUMENT: ['meta.id;instr', 'Instrument'],
  DPTYPE: ['meta.code.class', 'Kind of the data'],
  CALIB: ['meta.code;obs.calib', 'Level of calibration'],
  TARGET: ['meta.id;src', 'Object that was observed'],
  FORMAT: ['meta.code.mime', 'Media type of the file'],
  RELEASEDATE: ['time.release', 'When the data became public: one date or two'],
  RESPONSEFORMAT: ['meta.code.mime', 'Format of the answer; text/uri-list: URLs of the files'],
}

/** At the origin of the whole service. */
export function selfDescriptor(origin: string, vocabulary: Vocabulary | undefined): string {
  const known: Readonly<Record<string, readonly string[]>> = { POL: STATES, ...vocabulary }
  return serviceDescriptor({
    name: 'this',
    description: 'Images by where, when and how they were taken',
    accessUrl: `${origin}/sia2/query`,
    standardId: QUERY_ID,
    contentType: 'application/x-votable+xml',
    inputs: [
      ...Object.entries(TEXTS).map(([name, [ucd, text]]) =>
        textParam(
          name,
          '',
          { ucd },
          element('DESCRIPTION', {}, escapeText(text)) + options(known[name] ?? []),
        ),
      ),
      ...Object.entries(INTERVALS).map(([name, [, , unit]]) =>
        numberParam(name, { arraysize: '2', xtype: 'interval', unit }),
      ),
      textParam('MAXREC', '', { ucd: 'meta.number' }),
    ],
  })
}
