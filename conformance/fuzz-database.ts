/** The fuzz's own tables: some published, some that nobody may reach. */
import type { Database } from '../src/db/database.ts'
import { type PublishedColumn, publishSchema, publishTable } from '../src/tap/publish.ts'
import type { Field } from '../src/votable/field.ts'

const ROWS = 60
/** As the query doctor sees them: large enough for all its advice. */
const PUBLISHED_ROWS = 1_000_000

const CREATE = `
CREATE SCHEMA sky; CREATE SCHEMA odd; CREATE SCHEMA old; CREATE SCHEMA private;
CREATE TABLE sky.star AS
  SELECT i::int8 AS id, mod((i * 137.50776)::numeric, 360)::float8 AS ra,
         degrees(asin(1 - 2 * (i - 0.5) / ${ROWS}))::float8 AS dec, (10 + i % 100 / 10.0)::float4 AS mag,
         (i % 7 - 3)::float8 AS pmra, (i % 5 - 2)::float8 AS pmdec, nullif(i % 10, 0)::int AS n, (i % 3)::int2 AS flag,
         'Star ' || i AS name, i % 2 = 0 AS good, timestamp '2024-01-01' + i * interval '1 hour 0.5 seconds' AS observed
    FROM generate_series(1, ${ROWS}) AS i;
INSERT INTO sky.star (id, ra, dec, mag) VALUES (1001, NULL, 0, 'NaN'), (1002, 'NaN', 'NaN', 'Infinity'), (1003, 0, 90, NULL);
CREATE TABLE sky.source AS
  SELECT 100 + id AS id, ra + 0.0002 AS ra2000, dec AS dec2000, (0.01 * id)::float8 AS radius, 100.0 * id AS flux FROM sky.star;
CREATE TABLE sky.tiny AS SELECT 1::int AS one;
CREATE TABLE sky.hidden AS SELECT * FROM sky.star;
CREATE TABLE old.star AS SELECT * FROM sky.star;
CREATE TABLE private.secret AS SELECT * FROM sky.star;
CREATE TABLE private.star AS SELECT * FROM sky.star;
CREATE TABLE odd.shapes (k int, x float8, y float8, spot spoint, ring scircle, area spoly, pair float8[],
  "2MASS ""id""" text, big numeric, "values" float4[]);
INSERT INTO odd.shapes VALUES
  (1, 0, 0, spoint(0, 0), scircle(spoint(0, 0), radians(1)), '{(0d,0d),(2d,0d),(2d,2d),(0d,2d)}', '{0,0}', 'a#b', 1e3, '{1,2,3}'),
  (2, 359.5, 0.5, spoint(radians(359.5), radians(0.5)), scircle(spoint(radians(359.5), 0), radians(1)), '{(359d,0d),(1d,0d),(0d,1d)}', '{359.5,0.5}', 'x', 0.1, NULL),
  (3, 'NaN', 0, NULL, NULL, NULL, NULL, 'back\\slash%_', NULL, '{NaN,0,1}');
CREATE INDEX ON sky.star USING gist (spoint(radians(ra), radians(dec)));
CREATE INDEX ON sky.source USING gist (spoint(radians(ra2000), radians(dec2000)));
ANALYZE;`

const TEXT = { datatype: 'char', arraysize: '*' } as const

const column = (name: string, field: Omit<Field, 'name'>, sqlType?: string): PublishedColumn => ({
  field: { name, ...field },
  sqlName: name === 'Name' ? 'name' : name,
  ...(sqlType && { sqlType }),
})

const STAR: readonly PublishedColumn[] = [
  column('id', { datatype: 'long', ucd: 'meta.id;meta.main' }),
  column('ra', { datatype: 'double', unit: 'deg', ucd: 'pos.eq.ra;meta.main' }),
  column('dec', { datatype: 'double', unit: 'deg', ucd: 'pos.eq.dec;meta.main' }),
  column('mag', { datatype: 'float', unit: 'mag' }),
  column('pmra', { datatype: 'double', unit: 'mas/yr' }),
  column('pmdec', { datatype: 'double', unit: 'mas/yr' }),
  column('n', { datatype: 'int' }),
  column('flag', { datatype: 'short' }),
  column('Name', TEXT),
  column('good', { datatype: 'boolean' }),
  column('observed', { ...TEXT, xtype: 'timestamp' }, 'timestamp'),
]

const SOURCE: readonly PublishedColumn[] = [
  column('id', { datatype: 'long' }),
  column('ra2000', { datatype: 'double', unit: 'deg' }),
  column('dec2000', { datatype: 'double', unit: 'deg' }),
  column('radius', { datatype: 'double', unit: 'deg' }),
  column('flux', { datatype: 'double' }, 'numeric'),
]

const SHAPES: readonly PublishedColumn[] = [
  column('k', { datatype: 'int' }),
  column('x', { datatype: 'double' }),
  column('y', { datatype: 'double' }),
  column('spot', { datatype: 'double', arraysize: '2', xtype: 'point' }, 'spoint'),
  column('ring', { datatype: 'double', arraysize: '3', xtype: 'circle' }, 'scircle'),
  column('area', { datatype: 'double', arraysize: '*', xtype: 'polygon' }, 'spoly'),
  column('pair', { datatype: 'double', arraysize: '2', xtype: 'point' }),
  column('2MASS "id"', TEXT),
  column('big', { datatype: 'double' }, 'numeric'),
  column('values', { datatype: 'float', arraysize: '3' }),
]

/** Makes and publishes the tables in a migrated database. */
export async function fillFuzz(db: Database): Promise<void> {
  await db.transaction(async client => {
    await client.query(CREATE)
    await publishSchema(client, { name: 'sky' })
    await publishSchema(client, { name: 'odd' })
    const publish = (
      schema: string,
      name: string,
      columns: readonly PublishedColumn[],
      position?: [string, string],
    ) =>
      publishTable(client, {
        schema,
        name,
        sqlSchema: schema,
        sqlTable: name.toLowerCase(),
        columns,
        rows: PUBLISHED_ROWS,
        ...(position && { position: { ra: position[0], dec: position[1] } }),
      })
    await publish('sky', 'Star', STAR, ['ra', 'dec'])
    await publish('sky', 'source', SOURCE, ['ra2000', 'dec2000'])
    await publish('sky', 'tiny', [column('one', { datatype: 'int' })])
    await publish('odd', 'shapes', SHAPES)
  })
}
