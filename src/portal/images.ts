/** The section of the first page that shows the image collections. */
import type { Client } from '../db/database.ts'
import { type Html, html } from './html.ts'

export interface ShownCollection {
  readonly collection: string
  readonly title: string | null
  readonly description: string | null
  readonly images: number
  readonly bands: string | null
  /** Publisher DIDs of some images. */
  readonly shown: readonly { readonly did: string; readonly title: string | null }[]
}

/** Thumbnails of a collection. */
const SHOWN = 12
/** Collections on the page; the others are counted. */
const MOST = 20

/** Collections with images, and which of them to show: the same ones each time, from all over the collection. */
export function shownCollections(db: Client): Promise<ShownCollection[]> {
  return db.query<ShownCollection>(
    `SELECT c.collection, c.title, c.description, s.images, s.bands, s.shown
       FROM almagest.image_collection AS c
       CROSS JOIN LATERAL (
         SELECT count(*)::int AS images,
                (SELECT string_agg(f, ', ' ORDER BY f)
                   FROM (SELECT DISTINCT filter_name AS f FROM almagest.image
                          WHERE obs_collection = c.collection AND filter_name IS NOT NULL LIMIT 12) AS b) AS bands,
                (SELECT json_agg(json_build_object('did', p.obs_publisher_did, 'title', p.obs_title))
                   FROM (SELECT obs_publisher_did, obs_title FROM almagest.image
                          WHERE obs_collection = c.collection AND role = 'science'
                          ORDER BY hashint8(image_id), image_id LIMIT ${SHOWN}) AS p) AS shown
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
  const preview = `${origin}/preview/${collection}/${image.did.slice(image.did.indexOf('?') + 1)}`
  return html`<li><a href="${preview}?size=1024"><img src="${preview}" alt="${image.title ?? ''}" title="${image.title ?? ''}" loading="lazy" width="160" height="160"></a></li>
`
})}</ul>
`
}
