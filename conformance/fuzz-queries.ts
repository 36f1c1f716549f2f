/** Queries for the fuzz: seeds on its own tables, and mutations of any query. Everything follows from one seed. */

/** mulberry32: small, seeded, good enough to choose by. */
export interface Dice {
  /** An integer from 0 to below n. */
  below(n: number): number
  pick<T>(list: readonly T[]): T
}

export function dice(seed: number): Dice {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number) => Math.floor(next() * n)
  return { below, pick: list => list[below(list.length)]! }
}

/** Queries over the fuzz's tables (`fuzz-database.ts`) that use every part of the language. */
export const SEEDS: readonly string[] = [
  'SELECT * FROM sky.star',
  'SELECT TOP 5 id, ra, dec, mag FROM sky.star WHERE mag < 15 ORDER BY mag DESC, id',
  "SELECT id, DISTANCE(POINT(ra, dec), POINT(150.1, 2.2)) AS d FROM sky.star WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 150.1, 2.2, 30)) ORDER BY d",
  'SELECT a.id, b.id AS other FROM sky.star AS a JOIN sky.source AS b ON DISTANCE(POINT(a.ra, a.dec), POINT(b.ra2000, b.dec2000)) < 2/3600.',
  'SELECT a.id FROM sky.star a LEFT OUTER JOIN sky.source b ON 1 = CONTAINS(POINT(b.ra2000, b.dec2000), CIRCLE(a.ra, a.dec, b.radius)) WHERE b.id IS NULL',
  'SELECT n, COUNT(*) AS c, AVG(mag) AS m, MIN(ra), MAX(dec), SUM(flag), COUNT(DISTINCT good) FROM sky.star GROUP BY n HAVING COUNT(*) > 1 ORDER BY c DESC',
  'SELECT DISTINCT flag, good FROM sky.star WHERE NOT (good = TRUE OR flag IN (0, 1)) AND mag BETWEEN 10 AND 20',
  'SELECT TOP 2 id FROM sky.star UNION ALL SELECT TOP 2 id FROM sky.source EXCEPT SELECT id FROM sky.star WHERE id < 3 ORDER BY 1 OFFSET 1',
  'WITH bright AS (SELECT id, mag, ra, dec FROM sky.star WHERE mag < 14), far AS (SELECT * FROM bright WHERE dec > 0) SELECT b.id, f.mag FROM bright b JOIN far f USING (id)',
  'SELECT id FROM sky.star WHERE id IN (SELECT id FROM sky.source WHERE flux > 100) AND EXISTS (SELECT 1 FROM odd.shapes AS s WHERE s.k = sky.star.n)',
  "SELECT Name, UPPER(Name), LOWER(Name), Name || ' x' AS y FROM sky.star WHERE Name LIKE 'Star 1%' OR Name ILIKE '%R_2%' OR Name NOT LIKE '%\\%'",
  'SELECT ABS(mag), CEILING(ra), DEGREES(RADIANS(dec)), EXP(1), FLOOR(ra), LOG(mag), LOG10(mag), MOD(id, 7), PI(), POWER(mag, 2), RAND(), ROUND(ra, 2), SQRT(mag), TRUNCATE(dec, 1), SIN(ra), ACOS(0.5), ATAN2(ra, dec), COT(1) FROM sky.star',
  'SELECT COALESCE(n, flag, 0), CAST(mag AS INTEGER), CAST(id AS VARCHAR(5)), CAST(ra AS DOUBLE PRECISION), CAST(n AS BIGINT), CAST(observed AS CHAR(19)) FROM sky.star',
  "SELECT observed FROM sky.star WHERE observed > '2024-01-02T00:00:00' AND observed BETWEEN '2024-01-01T00:00:00' AND CAST('2025-01-01T00:00:00' AS TIMESTAMP)",
  'SELECT spot, ring, area, pair, "2MASS ""id""", "values", big FROM odd.shapes WHERE 1 = CONTAINS(spot, ring) OR 0 = INTERSECTS(ring, area)',
  'SELECT AREA(area), CENTROID(ring), COORD1(spot), COORD2(spot), COORDSYS(spot), POLYGON(0, 0, 1, 0, 1, 1), BOX(10, 20, 1, 1), CIRCLE(POINT(x, y), 1) FROM odd.shapes',
  "SELECT id FROM sky.star WHERE CONTAINS(POINT('GALACTIC', ra, dec), BOX('ICRS', 180, 0, 20, 20)) = 1 AND INTERSECTS(CIRCLE(ra, dec, 1), REGION('POLYGON ICRS 0 0 10 0 10 10')) <> 0",
  'SELECT CASE WHEN mag < 12 THEN 1 WHEN mag IS NULL THEN 2 ELSE 3 END AS k, CASE flag WHEN 1 THEN id ELSE NULL END FROM sky.star',
  'SELECT id, COUNT(*) OVER (PARTITION BY flag ORDER BY mag DESC) AS r, AVG(mag) OVER (PARTITION BY good) FROM sky.star TABLESAMPLE (50)',
  'SELECT 0x1F & flag, flag | 1, n ^ 3, ~flag, -id, +mag, id % 3, 1/3600., 1e-3, .5 FROM sky.star LIMIT 3',
  'SELECT ivo_healpix_index(10, ra, dec), ivo_healpix_index(5, POINT(ra, dec)), ivo_healpix_center(5, 100), ivo_to_jd(observed), ivo_to_mjd(observed) FROM sky.star',
  "SELECT ivo_string_agg(Name, ', '), STDDEV(mag), CORR(ra, dec), ivo_histogram(mag, 10, 20, 5) FROM sky.star GROUP BY flag",
  "SELECT IN_UNIT(ra, 'rad'), IN_UNIT(mag, 'mag'), IN_UNIT(pmra, 'arcsec/yr') FROM sky.star WHERE IN_UNIT(pmdec, 'deg/yr') < 1",
  "SELECT ivo_epoch_prop_pos(ra, dec, 0, pmra, pmdec, 0, 2000, 2016), ivo_geom_transform('ICRS', 'GALACTIC', POINT(ra, dec)) FROM sky.star WHERE ivo_hasword(Name, 'star') = 1 AND ivo_hashlist_has('a#b', 'a') = 1",
  'SELECT s.*, t.id FROM sky.star AS s NATURAL JOIN (SELECT id, flux FROM sky.source WHERE flux IS NOT NULL) AS t FULL OUTER JOIN odd.shapes AS o ON o.k = s.n CROSS JOIN sky.tiny',
  'SELECT table_name, "size", column_name FROM tap_schema.columns JOIN tap_schema.tables USING (table_name) WHERE principal = 1 ORDER BY column_index',
  'SELECT (SELECT MAX(flux) FROM sky.source AS q WHERE q.id = p.id) AS top_flux FROM sky.star AS p WHERE p.mag < 12',
  'SELECT id FROM sky.star WHERE ACOS(SIN(RADIANS(dec))*SIN(RADIANS(2.2)) + COS(RADIANS(dec))*COS(RADIANS(2.2))*COS(RADIANS(ra-150.1))) < RADIANS(0.5)',
  'SELECT s.id FROM sky.star AS s, sky.source AS t WHERE s.ra BETWEEN 359 AND 361 AND s.dec > -1 AND s.dec < 1 AND POWER(t.ra2000-10,2) + POWER(t.dec2000-20,2) < 0.01',
  "SELECT id FROM sky.star WHERE 1 = CONTAINS(POINT(ra, dec), REGION('Union ICRS (Circle 10 20 30 Not (Box 10 20 5 5) Convex 0 0 1 0.5)')) OR 0 = INTERSECTS(REGION('Difference (AllSky Circle 1 2 3)'), CIRCLE(ra, dec, 2))",
  'SELECT id, AREA(POLYGON(0,0, 120,0, 240,0)), POLYGON(0,-20, 60,-20, 100,60, 140,-20, 240,-20) FROM sky.star WHERE CONTAINS(POINT(ra, dec), POLYGON(0,-20, 60,-20, 100,60, 140,-20, 180,-20, 240,-20, 300,-20)) AND NOT CONTAINS(BOX(ra, dec, 1, 1), BOX(0, 0, 179, 179)) = 1',
  "SELECT TOP (5) s.id AS 'i', LEN(Name), SQUARE(mag), to_integer(mag), ISNULL(n, 0), scircle(spoint(radians(ra), dec), 0.1) FROM sky..star AS s WITH (NOLOCK) WHERE good && spoint(ra, 0) <@ scircle(spoint(radians(10), 1), radians(2)) && regexp(Name, '^S') = 1 ORDER BY NEWID() FETCH FIRST 3 ROWS ONLY",
  'SELECT id, _x, CAST(good AS BOOLEAN) FROM sky.star WHERE good AND NOT good IS UNKNOWN OR q3c_radial_query(ra, dec, 10, 20, 1 degree) LIMIT 5, 10',
  "SELECT id -- comment; DROP TABLE sky.star\n FROM sky.star /* none */ WHERE Name <> 'it''s; SELECT 1'",
]

/** Pieces that should not get through, or that break the careless. */
const EVIL: readonly string[] = [
  'pg_catalog.pg_class',
  'pg_class',
  'information_schema.tables',
  'almagest.published_table',
  'private.secret',
  'secret',
  'sky.hidden',
  'old.star',
  '"sky"."hidden"',
  '"sky.hidden"',
  'sky."star"',
  '"SKY"."STAR"',
  'TAP_UPLOAD.t',
  'pg_temp.x',
  'pg_sleep(10)',
  "pg_read_file('/etc/passwd')",
  'version()',
  'current_user',
  'session_user',
  "set_config('role', 'none', false)",
  "query_to_xml('SELECT 1', true, true, '')",
  'adql.refuse(Name)',
  "lo_import('/etc/passwd')",
  "dblink('x', 'y')",
  '; DROP TABLE sky.star; --',
  "'; DROP TABLE sky.star; --",
  '"; SELECT 1; --',
  "' OR '1'='1",
  '$$x$$',
  '$1',
  '$2',
  '$tag$ x $tag$',
  "E'\\''",
  "U&'\\0041'",
  "x'41'",
  "B'101'",
  "'\\'",
  "'a\u0000b'",
  '\u0000',
  '\ud800',
  'ｓｅｌｅｃｔ',
  'sky。star',
  '\u202e',
  'é',
  '"é"',
  '""',
  '"a""b"',
  '"a\'b"',
  "''",
  "''''",
  '/*',
  '*/',
  '--',
  '-- x\n',
  '/* a /* b */ c */',
  'INTO x',
  'FOR UPDATE',
  'LATERAL',
  'ONLY',
  'RETURNING *',
  'TABLE sky.star',
  'VALUES (1)',
  'DELETE FROM sky.star',
  'WITH x AS (DELETE FROM sky.star RETURNING *)',
  'COLLATE "C"',
  'AT TIME ZONE',
  '::text',
  '::regclass',
  'IS DISTINCT FROM',
  'ANY (ARRAY[1])',
  'NULLIF(1, 1)',
  'GREATEST(1, 2)',
  '(((((((((((((((((((((',
  ')))))))',
  '1e999',
  '-1e308',
  '1e-400',
  '99999999999999999999999',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '2147483647',
  '-2147483648',
  '32768',
  '0x7fffffffffffffff',
  '0xFFFFFFFFFFFFFFFFFF',
  '0.0',
  '-0',
  '1/0',
  '0/0.',
  'NULL',
  'TRUE',
  "'NaN'",
  "'Infinity'",
  'NaN',
  'x.y.z.w.v',
  '.5.5',
  '1..2',
  '*',
  'COUNT(*)',
  'SELECT',
  '(SELECT 1)',
  '(SELECT id FROM sky.star)',
  '(SELECT TOP 1 mag FROM sky.star)',
  "CAST('x' AS INTEGER)",
  "CAST('1 2' AS POINT)",
  "CAST('1 2 3' AS CIRCLE)",
  "CAST('1 2 3' AS POLYGON)",
  'CAST(NULL AS TIMESTAMP)',
  'CIRCLE(0, 0, 200)',
  'CIRCLE(0, 95, 1)',
  'POINT(NULL, NULL)',
  'POINT(ra, dec)',
  'POLYGON(0, 0, 0, 0, 0, 0)',
  'POLYGON(0, 0, 90, 0, 180, 0, 270, 0)',
  'BOX(0, 90, 10, 10)',
  "REGION('CIRCLE ICRS 1 2 3')",
  'spot',
  'ring',
  'area',
  'pair',
  'observed',
  'good',
  'Name',
  'mag',
  'id',
  'n',
  'k',
  'big',
  'rowid',
  'ctid',
  'oid',
  'tableoid',
  'xmin',
]

/** Words, strings, numbers, delimited names, symbols, blanks: enough structure to mutate by. */
export function pieces(query: string): string[] {
  return (
    query.match(/'(?:[^']|'')*'|"(?:[^"]|"")*"|[A-Za-z_]\w*|\d+(?:\.\d*)?|\s+|<=|>=|<>|!=|\|\||./gsu) ?? []
  )
}

/** A query made of `base` by one to four changes, mostly one; `pool` has the pieces to put in. */
export function mutate(base: string, pool: readonly string[], { below, pick }: Dice): string {
  let list = pieces(base)
  for (let changes = 1 + below(below(4) + 1); changes > 0; changes--) {
    const at = below(list.length)
    const other = below(list.length)
    switch (below(16)) {
      case 0:
        list.splice(at, 1)
        break
      case 1:
        list.splice(at, 1 + below(4))
        break
      case 2:
        list.splice(at, 0, list[other] ?? '', ' ')
        break
      case 3:
      case 4:
      case 5:
      case 12:
      case 13:
      case 14: // one like it: words for words, symbols for symbols
        list[at] = alike(list[at] ?? '', list, pool, { below, pick })
        break
      case 6:
        ;[list[at], list[other]] = [list[other] ?? '', list[at] ?? '']
        break
      case 7:
        list[at] = pick(EVIL)
        break
      case 8:
        list.splice(at, 0, ' ', pick(EVIL), ' ')
        break
      case 9: // a stretch of the query stands elsewhere again
        list.splice(at, 0, ' ', ...list.slice(other, other + 1 + below(8)), ' ')
        break
      case 10:
      case 15: // a bracketed expression becomes another
        list = exchangeBrackets(list, { below, pick })
        break
      default:
        list[at] = letters(list[at] ?? '', { below, pick })
    }
  }
  return list.join('')
}

const kindOf = (piece: string): string =>
  /^[A-Za-z_]/.test(piece) ? 'word' : /^\d/.test(piece) ? 'number' : /^\s/.test(piece) ? 'blank' : piece[0]!

function alike(
  piece: string,
  own: readonly string[],
  pool: readonly string[],
  { below, pick }: Dice,
): string {
  const kind = piece === '' ? 'word' : kindOf(piece)
  if (kind === 'blank') return pick([' ', '\n', '\t', '', ' -- \n', '/**/', '\u00a0', '\r\n'])
  const from = below(4) > 0 ? own : pool
  for (let tries = 0; tries < 20; tries++) {
    const found = pick(from)
    const symbol = kind !== 'word' && kind !== 'number' && kind !== "'" && kind !== '"'
    if (found !== '' && (kindOf(found) === kind || (symbol && /^[^\w\s'"]/.test(found)))) return found
  }
  return pick(pool)
}

function brackets(list: readonly string[]): [number, number][] {
  const open: number[] = []
  const pairs: [number, number][] = []
  list.forEach((piece, i) => {
    if (piece === '(') open.push(i)
    if (piece === ')' && open.length > 0) pairs.push([open.pop()!, i])
  })
  return pairs
}

function exchangeBrackets(list: readonly string[], { pick }: Dice): string[] {
  const pairs = brackets(list)
  if (pairs.length === 0) return [...list]
  const [start, end] = pick(pairs)
  const [from, to] = pick(pairs)
  return [...list.slice(0, start), ...list.slice(from, to + 1), ...list.slice(end + 1)]
}

function letters(piece: string, { below, pick }: Dice): string {
  const at = below(piece.length + 1)
  const put = pick([
    '',
    "'",
    '"',
    '\\',
    '\u0000',
    ';',
    '$',
    '(',
    ')',
    '.',
    ',',
    'é',
    '0',
    '_',
    '\u2019',
    '😀',
    '`',
    '#',
    '@',
  ])
  return piece.slice(0, at) + put + piece.slice(at + below(2))
}
