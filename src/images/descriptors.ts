/** What can be done with an image, for clients: its links and its cutouts, as service descriptors (DataLink 1.1 §4, SODA 1.0 §4). */

import { LINKS_ID, most, numberParam, options, serviceDescriptor, textParam } from '../votable/descriptor.ts'
import type { Field } from '../votable/field.ts'
import type { LocatedImage } from './locate.ts'

export const SODA_SYNC_ID = 'ivo://ivoa.net/std/SODA#sync-1.0'
export const SODA_ASYNC_ID = 'ivo://ivoa.net/std/SODA#async-1.0'

/** For a table with a column of publisher DIDs, whose XML ID is `ref`. */
export function imageDescriptors(origin: string, ref: string): readonly string[] {
  return [
    serviceDescriptor({
      id: 'image_links',
      name: 'links',
      description: 'Everything that belongs to an image: the file, a preview, weight maps, cutouts',
      accessUrl: `${origin}/datalink/links`,
      standardId: LINKS_ID,
      contentType: 'application/x-votable+xml;content=datalink',
      inputs: [textParam('ID', '', { ucd: 'meta.id;meta.main', ref })],
    }),
    ...cutoutDescriptors(origin, { id: 'soda', ref }),
  ]
}

const CUTOUT_TYPES = ['image/fits', 'image/png', 'image/jpeg', 'image/webp']

export interface CutoutOf {
  /** The XML IDs are this with `_sync` and `_async`. */
  readonly id: string
  /** XML ID of the column with the publisher DIDs … */
  readonly ref?: string
  /** … or the one image, whose bounds are told then. */
  readonly image?: LocatedImage
}

export const cutoutIds = (id: string) => ({ sync: `${id}_sync`, async: `${id}_async` })

/** Cutouts at once and as jobs. */
export function cutoutDescriptors(origin: string, { id, ref, image }: CutoutOf): readonly string[] {
  const ids = cutoutIds(id)
  const inputs = [
    textParam('ID', image?.did ?? '', { ucd: 'meta.ref.url;meta.curation', ref }),
    ...filters(image),
  ]
  const service = (name: string, resource: 'sync' | 'async', standardId: string, description: string) =>
    serviceDescriptor({
      id: ids[resource],
      ...(image === undefined && { name }),
      description,
      accessUrl: `${origin}/cutout/${resource}`,
      standardId,
      ...(resource === 'sync' && { contentType: 'image/fits' }),
      inputs,
    })
  return [
    service('cutout', 'sync', SODA_SYNC_ID, 'A piece of the image, as FITS or as a picture'),
    service('cutouts as a job', 'async', SODA_ASYNC_ID, 'Several pieces of the image, by one job'),
  ]
}

/** PARAMs of SODA 1.0 §3.3 that are of use: of one image, those whose axes it has, with its bounds. */
function filters(image: LocatedImage | undefined): readonly string[] {
  const region = image?.region
  const circle = image?.sRa !== undefined && image.sDec !== undefined && image.sFov !== undefined
  const states = image?.polStates?.split('/').filter(state => state !== '') ?? []
  const hasBand = image === undefined || ((image.emXel ?? 1) > 1 && image.emMin !== undefined)
  return [
    textParam('POS', '', { ucd: 'pos.outline;obs' }),
    numberParam(
      'CIRCLE',
      { arraysize: '3', unit: 'deg', xtype: 'circle', ucd: 'pos.outline;obs' },
      circle ? most(`${image.sRa} ${image.sDec} ${Math.min(180, image.sFov! / 2)}`) : '',
    ),
    numberParam(
      'POLYGON',
      { arraysize: '*', unit: 'deg', xtype: 'polygon', ucd: 'pos.outline;obs' },
      region ? most(region.flat().join(' ')) : '',
    ),
    hasBand
      ? numberParam(
          'BAND',
          { arraysize: '2', unit: 'm', xtype: 'interval', ucd: 'em.wl;stat.interval' },
          image ? most(`${image.emMin} ${image.emMax}`) : '',
        )
      : '',
    image === undefined
      ? numberParam('TIME', {
          arraysize: '2',
          unit: 'd',
          xtype: 'interval',
          ucd: 'time.interval;obs.exposure',
        })
      : '',
    image === undefined || states.length > 1
      ? textParam('POL', '', { ucd: 'meta.code;phys.polarization' }, options(states))
      : '',
    textParam('RESPONSEFORMAT', '', { ucd: 'meta.code.mime' }, options(CUTOUT_TYPES)),
  ]
}

/** Whether a column of a result is ObsCore's with the DIDs of images. */
export function isPublisherDid(source: ColumnSource | undefined): boolean {
  return (
    source !== undefined &&
    source.column === 'obs_publisher_did' &&
    `${source.schema}.${source.table}`.toLowerCase() === 'ivoa.obscore'
  )
}

/** Where a column comes from, as queries name it. */
interface ColumnSource {
  readonly schema: string
  readonly table: string
  readonly column: string
}

/** The field of publisher DIDs with an XML ID that descriptors can refer to, and the descriptors. */
export function describeImages(
  origin: string,
  fields: readonly Field[],
  index: number,
): { readonly fields: readonly Field[]; readonly resources: readonly string[] } {
  const used = new Set(fields.map(field => field.id))
  const own = fields[index]!
  let id = own.id ?? (/^[A-Za-z_][\w.-]*$/.test(own.name) ? own.name : 'publisher_did')
  while (own.id === undefined && used.has(id)) id = `${id}_`
  return {
    fields: fields.map((field, i) => (i === index ? { ...field, id } : field)),
    resources: imageDescriptors(origin, id),
  }
}
