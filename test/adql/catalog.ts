/** Tables for the compiler's tests: their metadata, and the SQL that makes them with a few thousand rows. */
import pg from 'pg'
import { type Compiled, compile } from '../../src/adql/index.ts'
import { type ColumnMeta, type TableMeta, tablesOf } from '../../src/adql/tables.ts'
import { ServiceError } from '../../src/error.ts'
import { type Field, type WireType, wireType } from '../../src/votable/field.ts'

function column(name: string, field: Omit<Field, 'name'>, sqlType?: string, sqlName = name): ColumnMeta {
  const meta = { field: { name, ...field }, sqlName, indexed: false, principal: true }
  return sqlType ? { ...meta, sqlType } : meta
}

const TEXT = { datatype: 'char', arraysize: '*' } as const

const starColumns: readonly ColumnMeta[] = [
  column('id', { datatype: 'long', ucd: 'meta.id;meta.main' }),
  column('ra', {
    datatype: 'double',
    unit: 'deg',
    ucd: 'pos.eq.ra;meta.main',
    description: 'Right ascension',
  }),
  column('dec', { datatype: 'double', unit: 'deg', ucd: 'pos.eq.dec;meta.main' }),
  column('mag', { datatype: 'float', unit: 'mag', ucd: 'phot.mag;em.opt.V' }),
  column('pmra', { datatype: 'double', unit: 'mas/yr' }),
  column('pmdec', { datatype: 'double', unit: 'mas/yr' }),
  column('n', { datatype: 'int' }),
  column('flag', { datatype: 'short' }),
  column('Name', TEXT, undefined, 'name'),
  column('good', { datatype: 'boolean' }),
  column('observed', { ...TEXT, xtype: 'timestamp' }, 'timestamp'),
]

export const star: TableMeta = {
  schema: 'sky',
  name: 'Star',
  sqlSchema: 'sky',
  sqlName: 'star',
  columns: starColumns,
  position: { ra: 'ra', dec: 'dec' },
  rows: 3000,
}

export const source: TableMeta = {
  schema: 'sky',
  name: 'source',
  sqlSchema: 'sky',
  sqlName: 'source',
  columns: [
    column('id', { datatype: 'long' }),
    column('ra2000', { datatype: 'double', unit: 'deg' }),
    column('dec2000', { datatype: 'double', unit: 'deg' }),
    column('radius', { datatype: 'double', unit: 'deg' }),
    column('flux', { datatype: 'double', unit: 'nJy' }),
  ],
  position: { ra: 'ra2000', dec: 'dec2000' },
  rows: 6000,
}

/** Shapes in every form in which they can be stored, odd names, nulls and NaN. */
export const odd: TableMeta = {
  schema: 'odd',
  name: 'shapes',
  sqlSchema: 'odd',
  sqlName: 'shapes',
  columns: [
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
  ],
}

/** A name that another schema has, too. */
export const otherStar: TableMeta = {
  ...star,
  schema: 'old',
  sqlSchema: 'old',
  name: 'star',
  columns: starColumns.slice(0, 3),
}

export const tables = tablesOf([star, source, odd])

/** Directions spread evenly on the sphere (a Fibonacci lattice), so that poles and RA 0 have their share. */
const LATTICE = (n: number) => `mod((i * 137.50776405003785)::numeric, 360)::float8 AS ra,
  degrees(asin(1 - 2 * (i - 0.5) / ${n}))::float8 AS dec`

export const CREATE = `
CREATE SCHEMA sky; CREATE SCHEMA odd; CREATE SCHEMA old;
CREATE TABLE sky.star AS
  SELECT i::int8 AS id, p.ra, p.dec, (10 + i % 100 / 10.0)::float4 AS mag, (i % 7 - 3)::float8 AS pmra,
         (i % 5 - 2)::float8 AS pmdec, CASE WHEN i % 10 > 0 THEN i % 10 END AS n, (i % 3)::int2 AS flag,
         'Star ' || i AS name, i % 2 = 0 AS good,
         timestamp '2024-01-01' + i * interval '1 hour 0.5 seconds' AS observed
  FROM generate_series(1, 3000) AS i, LATERAL (SELECT ${LATTICE(3000)}) AS p;
CREATE TABLE sky.source AS
  SELECT 100000 + i::int8 AS id, mod((s.ra + 0.0002)::numeric, 360)::float8 AS ra2000, s.dec AS dec2000,
         (0.0001 * (i % 5))::float8 AS radius, 100.0::float8 * i AS flux
  FROM sky.star AS s, LATERAL (SELECT s.id AS i) AS x
  UNION ALL
  SELECT 200000 + i, p.ra, p.dec, 0.5, NULL FROM generate_series(1, 3000) AS i, LATERAL (SELECT ${LATTICE(3001)}) AS p;
CREATE INDEX ON sky.star USING gist (spoint(radians(ra), radians(dec)));
CREATE INDEX ON sky.source USING gist (spoint(radians(ra2000), radians(dec2000)));
CREATE TABLE odd.shapes (k int, x float8, y float8, spot spoint, ring scircle, area spoly, pair float8[],
  "2MASS ""id""" text, big numeric, "values" float4[]);
INSERT INTO odd.shapes VALUES
  (1, 0, 0, spoint(0, 0), scircle(spoint(0, 0), radians(1)), '{(0d,0d),(2d,0d),(2d,2d),(0d,2d)}', '{0,0}', 'a#b', 1e3, '{1,2,3}'),
  (2, 359.5, 0.5, spoint(radians(359.5), radians(0.5)), scircle(spoint(radians(359.5), 0), radians(1)), '{(359d,0d),(1d,0d),(0d,1d)}', '{359.5,0.5}', 'x', 0.1, NULL),
  (3, 10, 90, spoint(radians(10), radians(90)), scircle(spoint(0, radians(90)), radians(5)), '{(0d,80d),(120d,80d),(240d,80d)}', '{10,90}', NULL, NULL, '{NaN,0,1}'),
  (4, 'NaN', 0, NULL, NULL, NULL, NULL, '%_', -5, NULL),
  (5, NULL, 0, NULL, NULL, NULL, NULL, 'back\\slash', 7, NULL);
ANALYZE sky.star; ANALYZE sky.source;`

const OID: Record<number, WireType> = {
  16: 'bool',
  17: 'bytea',
  20: 'int8',
  21: 'int2',
  23: 'int4',
  25: 'text',
  700: 'float4',
  701: 'float8',
  1007: 'int4[]',
  1021: 'float4[]',
  1022: 'float8[]',
}

/** A query's answer, after a check that PostgreSQL describes the columns as the fields promise. */
export async function run(
  client: pg.Client,
  adql: string,
  using = tables,
  maxrec?: number,
): Promise<unknown[][]> {
  return execute(client, compile(adql, using, { maxrec }))
}

export async function execute(client: pg.Client, compiled: Compiled): Promise<unknown[][]> {
  const { rows, fields } = await client.query<unknown[]>({
    text: compiled.text,
    values: [...compiled.values],
    rowMode: 'array',
  })
  const described = fields.map(f => OID[f.dataTypeID] ?? `oid ${f.dataTypeID}`)
  const promised = compiled.fields.map(wireType)
  if (described.join() !== promised.join())
    throw new Error(`${described} instead of ${promised}: ${compiled.text}`)
  return rows
}

/** The first row's values. */
export async function answer(client: pg.Client, adql: string): Promise<unknown[]> {
  return (await run(client, adql))[0] ?? []
}

/** A connection as the service has them: pgSphere's names need no schema, int8 comes as bigint. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    types: {
      getTypeParser: ((oid: number, format?: 'text') =>
        oid === 20 ? BigInt : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
    },
  })
  await client.connect()
  await client.query(`SELECT set_config('search_path', 'pg_catalog,' || n.nspname, false)
    FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace WHERE typname = 'spoint'`)
  return client
}

/** What is wrong with a query: message and the text that it points at. */
export function problems(
  adql: string,
  using = tables,
): { message: string; at: string; hint: string | undefined }[] {
  try {
    compile(adql, using, { maxrec: undefined })
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    return error.problems.map(p => ({ message: p.message, at: adql.slice(p.start, p.end), hint: p.hint }))
  }
  return []
}
