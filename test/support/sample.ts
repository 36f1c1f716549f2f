/** A small published catalogue: 1,000 stars on the whole sky, poles and RA 0 among them, with nulls of every type. */
import type { Database } from '../../src/db/database.ts'
import { type PublishedColumn, publishSchema, publishTable } from '../../src/tap/publish.ts'
import type { Field } from '../../src/votable/field.ts'

export const SAMPLE_ROWS = 1000

const FIELDS: readonly (Field & { sqlName?: string; sqlType?: string })[] = [
  { name: 'ID', datatype: 'long', ucd: 'meta.id;meta.main', description: 'Identifier', sqlName: 'id' },
  {
    name: 'ra',
    datatype: 'double',
    unit: 'deg',
    ucd: 'pos.eq.ra;meta.main',
    description: 'Right ascension (ICRS)',
  },
  {
    name: 'dec',
    datatype: 'double',
    unit: 'deg',
    ucd: 'pos.eq.dec;meta.main',
    description: 'Declination (ICRS)',
  },
  {
    name: 'mag',
    datatype: 'float',
    unit: 'mag',
    ucd: 'phot.mag;em.opt.V',
    description: 'Magnitude <V> & "quoted"',
  },
  { name: 'n', datatype: 'int', description: 'Number of observations' },
  { name: 'flag', datatype: 'short' },
  { name: 'name', datatype: 'char', arraysize: '*', description: 'Name' },
  { name: 'title', datatype: 'unicodeChar', arraysize: '*' },
  { name: 'good', datatype: 'boolean' },
  { name: 'observed', datatype: 'char', arraysize: '*', xtype: 'timestamp', sqlType: 'timestamp' },
  { name: 'Size', datatype: 'double', unit: 'arcsec', sqlName: 'size' },
  { name: '2mass id', datatype: 'char', arraysize: '*', sqlName: '2mass id' },
  { name: 'profile', datatype: 'float', arraysize: '3' },
]

export async function fillSample(db: Database): Promise<void> {
  await db.transaction(async client => {
    await client.query('CREATE SCHEMA sample')
    await client.query(`
      CREATE TABLE sample.stars AS
      SELECT CASE i WHEN 0 THEN 9007199254740993 WHEN 1 THEN 9223372036854775807 WHEN 2 THEN -9223372036854775808
                    ELSE i END::bigint AS id,
             CASE WHEN i = 10 THEN NULL WHEN i < 10 THEN (359.9 + 0.02 * i)::numeric % 360
                  ELSE (i * 137.50776405)::numeric % 360 END::float8 AS ra,
             CASE WHEN i = 10 THEN NULL WHEN i = 11 THEN 90 WHEN i = 12 THEN -90 WHEN i < 10 THEN 0
                  ELSE degrees(asin(2 * (i + 0.5) / ${SAMPLE_ROWS} - 1)) END::float8 AS dec,
             CASE i % 50 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' ELSE 10 + i / 100.0 END::real AS mag,
             nullif(i % 7, 0)::int AS n,
             nullif(i % 5, 0)::smallint AS flag,
             CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'a,"b"' || chr(10) || 'c' ELSE 'star <' || i || '> & co' END AS name,
             CASE i % 3 WHEN 0 THEN NULL ELSE 'Größe ' || chr(945) || ' ' || i END AS title,
             CASE i % 3 WHEN 0 THEN NULL ELSE i % 3 = 1 END AS good,
             CASE i % 9 WHEN 0 THEN NULL ELSE timestamp '2020-01-01' + i * interval '1.5 hours' END AS observed,
             (i / 10.0)::float8 AS size,
             'J' || i AS "2mass id",
             CASE i % 6 WHEN 0 THEN NULL ELSE ARRAY[i, i + 0.5, i + 1]::real[] END AS profile
        FROM generate_series(0, ${SAMPLE_ROWS - 1}) AS g(i)`)
    await client.query('CREATE INDEX ON sample.stars USING gist (spoint(radians(ra), radians(dec)))')
    await client.query('ANALYZE sample.stars')
    await publishSchema(client, { name: 'sample', description: 'A sample' })
    await publishTable(client, {
      schema: 'sample',
      name: 'stars',
      description: 'Stars & more',
      sqlSchema: 'sample',
      sqlTable: 'stars',
      position: { ra: 'ra', dec: 'dec' },
      rows: SAMPLE_ROWS,
      columns: FIELDS.map(
        ({ sqlName, sqlType, ...field }, i): PublishedColumn => ({
          field,
          sqlName: sqlName ?? field.name,
          sqlType,
          indexed: i === 1 || i === 2,
          principal: i < 4,
        }),
      ),
    })
  })
}
