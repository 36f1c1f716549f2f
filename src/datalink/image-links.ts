/** Links of images: the file, a thumbnail, cutouts at once and as jobs, weight maps and the like. */
import type { Identity } from '../auth/identity.ts'
import type { Database } from '../db/database.ts'
import { cutoutDescriptors, cutoutIds } from '../images/descriptors.ts'
import { type LocatedImage, locateAll, locateKnown } from '../images/locate.ts'
import { fileType, fileUrl, PREVIEW_TYPE, previewUrl } from '../images/urls.ts'
import type { Cell } from './rows.ts'

export interface ImageLinks {
  /** By the identifier as it was given; identifiers that mean no image are not there. */
  readonly rows: ReadonlyMap<string, readonly (readonly Cell[])[]>
  /** Service descriptors that the rows refer to. */
  readonly resources: readonly string[]
}

/** One descriptor an image, with its bounds, for so many; for more of them, one for all. */
const MOST_DESCRIPTORS = 200

const ROLES = { weight: 'Weight map', mask: 'Mask', variance: 'Variance', science: 'Image' } as const

/** `idRef`: XML ID of the column with the identifiers. */
export async function imageLinks(
  db: Pick<Database, 'query'>,
  identity: Identity,
  origin: string,
  given: readonly string[],
  idRef: string,
): Promise<ImageLinks> {
  const { images: located, closed } = await locateKnown(
    db,
    identity,
    given.filter(id => id.startsWith('ivo://')),
  )
  const refused = [...closed].map(([did, { message }]) => [did, [closedRow(did, message)]] as const)
  if (located.size === 0) return { rows: new Map(refused), resources: [] }
  const companions = await companionsOf(db, identity, [...located.keys()])
  const each = located.size <= MOST_DESCRIPTORS
  const asked = [...new Set(given)].flatMap(id => located.get(id) ?? [])
  const images = asked.map((image, n) => ({
    id: image.did,
    image,
    service: each ? `cutout_${n + 1}` : 'cutout',
  }))
  return {
    rows: new Map<string, readonly (readonly Cell[])[]>([
      ...refused,
      ...images.map(
        ({ id, image, service }) =>
          [id, rowsOf(origin, id, image, cutoutIds(service), companions.get(image.did) ?? [])] as const,
      ),
    ]),
    resources: each
      ? images.flatMap(({ image, service }) => cutoutDescriptors(origin, { id: service, image }))
      : cutoutDescriptors(origin, { id: 'cutout', ref: idRef }),
  }
}

/** Weight maps, masks … by the DID of the image that they belong to. */
async function companionsOf(
  db: Pick<Database, 'query'>,
  identity: Identity,
  dids: readonly string[],
): Promise<ReadonlyMap<string, readonly LocatedImage[]>> {
  const rows = await db.query<{ did: string }>(
    'SELECT obs_publisher_did AS did FROM almagest.image WHERE science_did = ANY($1) ORDER BY image_id',
    [dids],
  )
  const found = await locateAll(
    db,
    identity,
    rows.map(row => row.did),
  )
  const byImage = new Map<string, LocatedImage[]>()
  for (const { did } of rows) {
    const one = found.get(did)
    if (one?.scienceDid === undefined) continue
    const same = byImage.get(one.scienceDid)
    if (same) same.push(one)
    else byImage.set(one.scienceDid, [one])
  }
  return byImage
}

/** DataLink 1.1 §3.2.12: somebody who logs in as another may follow it. */
function closedRow(id: string, message: string): readonly Cell[] {
  const fault = `AuthorizationFault: ${message}`
  return [id, null, null, fault, null, '#this', null, null, null, null, 'true', false]
}

/** In the order of DataLink 1.1 §3.2's columns, as `links` has them. */
function rowsOf(
  origin: string,
  id: string,
  image: LocatedImage,
  cutout: { readonly sync: string; readonly async: string },
  companions: readonly LocatedImage[],
): readonly (readonly Cell[])[] {
  const title = image.title ?? image.key
  const auth = image.rule ? 'true' : 'false'
  const kind = image.productType === 'cube' ? '#cube' : '#image'
  const file = (semantics: string, of: LocatedImage, description: string, local: string): readonly Cell[] => {
    const where = of.hdu === 0 ? '' : `, HDU ${of.hdu}`
    const url = fileUrl(origin, of)
    return [
      id,
      url,
      null,
      null,
      description + where,
      semantics,
      fileType(of),
      of.bytes,
      kind,
      local,
      auth,
      true,
    ]
  }
  const service = (ref: string, description: string, local: string): readonly Cell[] => {
    const type = local === 'cutout' ? 'image/fits' : null
    return [id, null, ref, null, description, '#cutout', type, null, kind, local, auth, true]
  }
  const preview = previewUrl(origin, image.did)
  return [
    file('#this', image, title, 'file'),
    [
      id,
      preview,
      null,
      null,
      `Thumbnail of ${title}`,
      '#preview',
      PREVIEW_TYPE,
      null,
      '#image',
      'thumbnail',
      auth,
      true,
    ],
    service(cutout.sync, `A piece of ${title}`, 'cutout'),
    service(cutout.async, `Several pieces of ${title}, by one job`, 'cutout-job'),
    ...companions.map(one => file('#auxiliary', one, `${ROLES[one.role]} of ${title}`, one.role)),
  ]
}
