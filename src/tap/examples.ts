/**
 * `/tap/examples`: DALI 1.1 §2.3 and TAP 1.1 §2.6. An example is shown when the tables it uses are published. The
 * queries are ADQL 2.0 as well (coordinate systems named, ORDER BY an alias): TOPCAT checks them by that grammar.
 */
import { element, type XmlElement, xmlDocument } from '../vosi/xml.ts'
import type { Catalog } from './tap-schema.ts'

export interface Example {
  readonly id: string
  readonly name: string
  readonly description: string
  /** As TAP_SCHEMA has them. */
  readonly tables: readonly string[]
  readonly query: string
}

export const EXAMPLES: readonly Example[] = [
  {
    id: 'cone',
    name: 'Everything around a position',
    description: 'All objects within one arcminute of a position, the nearest first.',
    tables: ['demo.object'],
    query: `SELECT objectid, ra, dec, i_psfflux,
       DISTANCE(POINT('ICRS', ra, dec), POINT('ICRS', 150.1, 2.2)) AS separation
  FROM demo.object
 WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 150.1, 2.2, 1/60.))
 ORDER BY separation`,
  },
  {
    id: 'colours',
    name: 'Colours of bright stars',
    description:
      'AB magnitudes and a colour from fluxes in nanojansky, for point sources brighter than 20 mag.',
    tables: ['demo.object'],
    query: `SELECT TOP 1000 objectid,
       31.4 - 2.5 * LOG10(g_psfflux) AS g_mag,
       2.5 * LOG10(r_psfflux / g_psfflux) AS g_r
  FROM demo.object
 WHERE refextendedness = 0 AND g_psfflux > 36308 AND r_psfflux > 0`,
  },
  {
    id: 'lightcurve',
    name: 'A light curve',
    description: 'Every measurement of one variable star in the r band, in order of time.',
    tables: ['demo.forcedsource', 'demo.visit', 'demo.variable'],
    query: `SELECT v.expmidptmjd AS mjd, f.psfflux, f.psffluxerr
  FROM demo.forcedsource AS f JOIN demo.visit AS v ON f.visitid = v.visitid
 WHERE f.band = 'r'
   AND f.objectid IN (SELECT TOP 1 objectid FROM demo.variable WHERE class = 'RRab' ORDER BY objectid)
 ORDER BY mjd`,
  },
  {
    id: 'pairs',
    name: 'Close pairs',
    description: 'Pairs of objects closer than two arcseconds, within a tenth of a degree.',
    tables: ['demo.object'],
    query: `SELECT a.objectid AS first_id, b.objectid AS second_id,
       3600 * DISTANCE(POINT('ICRS', a.ra, a.dec), POINT('ICRS', b.ra, b.dec)) AS arcsec
  FROM demo.object AS a JOIN demo.object AS b
    ON DISTANCE(POINT('ICRS', a.ra, a.dec), POINT('ICRS', b.ra, b.dec)) < 2/3600.
 WHERE a.objectid < b.objectid
   AND 1 = CONTAINS(POINT('ICRS', a.ra, a.dec), CIRCLE('ICRS', 150, 2, 0.1))`,
  },
  {
    id: 'histogram',
    name: 'How many variables of each class',
    description: 'Counting by group.',
    tables: ['demo.variable'],
    query: `SELECT class, COUNT(*) AS n, MIN(period) AS shortest, MAX(period) AS longest
  FROM demo.variable
 GROUP BY class
 ORDER BY n DESC`,
  },
  {
    id: 'images',
    name: 'Images of a place',
    description: 'Every image that shows a position, with what it is and where it can be had (ObsCore).',
    tables: ['ivoa.ObsCore'],
    query: `SELECT obs_collection, obs_id, filter_name, t_exptime, s_resolution, access_url
  FROM ivoa.ObsCore
 WHERE 1 = CONTAINS(POINT('ICRS', 150.1, 2.2), s_region)
 ORDER BY em_min`,
  },
  {
    id: 'tables',
    name: 'What is here',
    description: 'Every column that is a position or a magnitude, by its UCD.',
    tables: ['tap_schema.columns'],
    query: `SELECT table_name, column_name, unit, ucd, description
  FROM tap_schema.columns
 WHERE ucd LIKE 'pos.eq%' OR ucd LIKE 'phot%'
 ORDER BY table_name, column_index`,
  },
]

export function visibleExamples(catalog: Catalog): readonly Example[] {
  const visible = new Set(catalog.schemas.flatMap(schema => schema.tables.map(table => table.name)))
  return EXAMPLES.filter(example => example.tables.every(table => visible.has(table)))
}

export function examplesDocument(catalog: Catalog, tapUrl: string): string {
  return xmlDocument(
    element(
      'html',
      { xmlns: 'http://www.w3.org/1999/xhtml', lang: 'en' },
      element('head', {}, element('title', {}, 'Example queries')),
      element(
        'body',
        { vocab: 'http://www.ivoa.net/rdf/examples#' },
        element('h1', {}, 'Example queries'),
        element('p', {}, `Queries to run at ${tapUrl}`),
        ...visibleExamples(catalog).map(exampleElement),
      ),
    ),
  )
}

function exampleElement(example: Example): XmlElement {
  return element(
    'div',
    { id: example.id, resource: `#${example.id}`, typeof: 'example' },
    element('h2', { property: 'name' }, example.name),
    element('p', {}, example.description),
    element(
      'p',
      {},
      'Tables: ',
      ...example.tables.flatMap((table, i) => [
        i > 0 ? ', ' : '',
        element('em', { property: 'table' }, table),
      ]),
    ),
    element('pre', { property: 'query' }, example.query),
  )
}
