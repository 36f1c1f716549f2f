/** The section of the first page that shows the image collections. */
import type { Client } from '../db/database.ts'
import { type Html, html } from './html.ts'

export interface ShownCollection {
  readonly collection: string
  readonly title: string | null
  readonly description: string | null
  readonly images: number
  readonly bands: string | null
  /** Some of its images. */
  readonly shown: readonly Shown[]
}

interface Shown {
  /** Publisher DIDs: of one image, or of three of the same place in different bands. */
  readonly dids: readonly string[]
  readonly title: string | null
  readonly ra: number
  readonly dec: number
  /** Degrees. */
  readonly fov: number
}

/** Thumbnails of a collection. */
const SHOWN = 12
/** Images among which they are chosen. */
const LOOKED_AT = 2000
/** Collections on the page; the others are counted. */
const MOST = 20
/** Radius of a composite at most, in degrees: 4′ on 160 pixels show galaxies as such. */
const RADIUS = 0.066

/** Collections with images, and which of them to show: the same ones each time. */
export function shownCollections(db: Client): Promise<ShownCollection[]> {
  return db.query<ShownCollection>(
    `SELECT c.collection, c.title, c.description, s.images, s.bands,
            (SELECT json_agg(p)
               FROM (SELECT CASE WHEN count(DISTINCT em_min) >= 3
                              THEN ARRAY[(array_agg(did ORDER BY em_min DESC))[1],
                                         (array_agg(did ORDER BY em_min))[1 + count(*)::int / 2],
                                         (array_agg(did ORDER BY em_min))[1]]
                              ELSE ARRAY[min(did)] END AS dids,
                            min(title) AS title, min(ra) AS ra, min(dec) AS dec, min(fov) AS fov
                       FROM (SELECT image_id, obs_publisher_did AS did, obs_title AS title, s_ra AS ra, s_dec AS dec,
                                    s_fov AS fov, s_xel1, em_min
                               FROM almagest.image WHERE obs_collection = c.collection AND role = 'science'
                              LIMIT ${LOOKED_AT}) AS i
                      GROUP BY ra, dec, s_xel1
                      ORDER BY hashint8(min(image_id)) LIMIT ${SHOWN}) AS p) AS shown
       FROM almagest.image_collection AS c
       CROSS JOIN LATERAL (
         SELECT count(*)::int AS images,
                (SELECT string_agg(f, ', ' ORDER BY f)
                   FROM (SELECT DISTINCT filter_name AS f FROM almagest.image
                          WHERE obs_collection = c.collection AND filter_name IS NOT NULL LIMIT 12) AS b) AS bands
           FROM almagest.image AS i WHERE i.obs_collection = c.collection AND i.role = 'science') AS s
      WHERE s.images > 0 ORDER BY c.created_at, c.collection`,
  )
}

export function imagesSection(collections: readonly ShownCollection[], origin: string): Html {
  if (collections.length === 0) return html``
  const more = collections.length - MOST
  return html`<section aria-labelledby="images">
<h2 id="images">Images</h2>
${collections.slice(0, MOST).map(one => collectionPart(one, origin))}${
  more > 0 ? html`<p>and ${more} more collections in <code>ivoa.ObsCore</code>.</p>` : ''
}</section>
`
}

function collectionPart(one: ShownCollection, origin: string): Html {
  const { collection, title, description, images, bands, shown } = one
  const query = `SELECT TOP 100 * FROM ivoa.ObsCore WHERE obs_collection = '${collection}'`
  const run = new URLSearchParams({ LANG: 'ADQL', RESPONSEFORMAT: 'html', MAXREC: '1000', QUERY: query })
  const count = `${images.toLocaleString('en')} ${images === 1 ? 'image' : 'images'}`
  return html`<h3>${title ?? collection}</h3>
<p>${description ?? ''} ${count}${bands ? ` in ${bands}` : ''}: <a href="${origin}/tap/sync?${String(run)}">ObsCore of
<code>${collection}</code></a>, <a href="${origin}/moc/${collection}">coverage (MOC)</a>.</p>
<ul class="gallery">
${shown.map(image => {
  const [small, large] = pictures(origin, collection, image)
  const title = image.title ?? ''
  return html`<li><a href="${large}"><img src="${small}" alt="${title}" title="${title}" loading="lazy" width="160" height="160"></a></li>
`
})}</ul>
`
}

/** A thumbnail and a larger picture: of three bands in colour, of one its preview. */
function pictures(
  origin: string,
  collection: string,
  { dids, ra, dec, fov }: Shown,
): readonly [string, string] {
  const [first] = dids
  if (dids.length < 3) {
    const preview = `${origin}/preview/${collection}/${first!.slice(first!.indexOf('?') + 1)}`
    return [preview, `${preview}?size=1024`]
  }
  const cutout = (radius: number, width: number) => {
    const circle = `${ra} ${dec} ${Math.min(radius, fov / 3)}`
    const words = { CIRCLE: circle, COMPOSITE: '1', RESPONSEFORMAT: 'image/jpeg', WIDTH: String(width) }
    return `${origin}/cutout/sync?${new URLSearchParams([...dids.map((did): [string, string] => ['ID', did]), ...Object.entries(words)])}`
  }
  return [cutout(RADIUS, 320), cutout(2 * RADIUS, 1200)]
}
