/** The functions of ADQL 2.1: §2.3 mathematics, §4.2 geometry, §4.4 strings, §4.8 COALESCE, and the aggregates. */
import type { Row } from './functions.ts'

export const MATHEMATICS: readonly Row[] = [
  ['ABS(x NUMERIC) -> NUMERIC', 'abs($1)', 'Absolute value.'],
  ['CEILING(x DOUBLE) -> DOUBLE', 'ceil($1::float8)', 'Smallest integer not below x.'],
  ['DEGREES(x DOUBLE) -> DOUBLE', 'degrees($1)', 'Radians to degrees.'],
  ['EXP(x DOUBLE) -> DOUBLE', 'exp($1::float8)', 'e to the power of x.'],
  ['FLOOR(x DOUBLE) -> DOUBLE', 'floor($1::float8)', 'Largest integer not above x.'],
  ['LOG(x DOUBLE) -> DOUBLE', 'ln($1::float8)', 'Natural logarithm.'],
  ['LOG10(x DOUBLE) -> DOUBLE', 'log($1::float8)', 'Logarithm to base 10.'],
  ['MOD(x BIGINT, y BIGINT) -> NUMERIC', 'mod($1, $2)', 'Remainder of x / y, with the sign of x.'],
  ['MOD(x DOUBLE, y DOUBLE) -> DOUBLE', 'adql.mod($1, $2)', 'Remainder of x / y, with the sign of x.'],
  ['PI() -> DOUBLE', 'pi()', 'The number π.'],
  ['POWER(x DOUBLE, y DOUBLE) -> DOUBLE', 'power($1::float8, $2::float8)', 'x to the power of y.'],
  ['RADIANS(x DOUBLE) -> DOUBLE', 'radians($1)', 'Degrees to radians.'],
  ['SQRT(x DOUBLE) -> DOUBLE', 'sqrt($1::float8)', 'Square root.'],
  ['RAND() -> DOUBLE', 'random()', 'A random number from 0 to 1, another one in every row.'],
  ['RAND(seed BIGINT) -> DOUBLE', 'random()', 'A random number from 0 to 1; the seed has no effect.'],
  // numeric, because float8 rounds halves to the even number and takes no digits; 15 digits are kept.
  [
    'ROUND(x DOUBLE) -> DOUBLE',
    'round($1::float8::numeric)::float8',
    'x rounded to an integer, halves away from 0.',
  ],
  [
    'ROUND(x DOUBLE, n INTEGER) -> DOUBLE',
    'round($1::float8::numeric, $2)::float8',
    'x rounded to n decimals; a negative n rounds left of the decimal point.',
  ],
  ['TRUNCATE(x DOUBLE) -> DOUBLE', 'trunc($1::float8)', 'x without its fraction.'],
  [
    'TRUNCATE(x DOUBLE, n INTEGER) -> DOUBLE',
    'trunc($1::float8::numeric, $2)::float8',
    'x cut to n decimals; a negative n cuts left of the decimal point.',
  ],
  ['ACOS(x DOUBLE) -> DOUBLE', 'acos($1)', 'Arc cosine, in radians.'],
  ['ASIN(x DOUBLE) -> DOUBLE', 'asin($1)', 'Arc sine, in radians.'],
  ['ATAN(x DOUBLE) -> DOUBLE', 'atan($1)', 'Arc tangent, in radians.'],
  [
    'ATAN2(y DOUBLE, x DOUBLE) -> DOUBLE',
    'atan2($1, $2)',
    'Arc tangent of y / x in the right quadrant, in radians.',
  ],
  ['COS(x DOUBLE) -> DOUBLE', 'cos($1)', 'Cosine of x in radians.'],
  ['COT(x DOUBLE) -> DOUBLE', 'cot($1)', 'Cotangent of x in radians.'],
  ['SIN(x DOUBLE) -> DOUBLE', 'sin($1)', 'Sine of x in radians.'],
  ['TAN(x DOUBLE) -> DOUBLE', 'tan($1)', 'Tangent of x in radians.'],
]

export const STRINGS: readonly Row[] = [
  ['LOWER(text VARCHAR) -> VARCHAR', 'lower($1)', 'text in lower case.'],
  ['UPPER(text VARCHAR) -> VARCHAR', 'upper($1)', 'text in upper case.'],
  ['COALESCE(x ANY, ...) -> ANY', 'coalesce($*)', 'The first argument that is not NULL.'],
]

/** Degrees throughout. The SQL of these is made by `geometry`. */
export const GEOMETRY: readonly Row[] = [
  ['POINT(lon DOUBLE, lat DOUBLE) -> POINT', '', 'A position.'],
  ['CIRCLE(lon DOUBLE, lat DOUBLE, radius DOUBLE) -> CIRCLE', '', 'A circle around a position.'],
  ['CIRCLE(center POINT, radius DOUBLE) -> CIRCLE', '', 'A circle around a position.'],
  [
    'BOX(lon DOUBLE, lat DOUBLE, width DOUBLE, height DOUBLE) -> POLYGON',
    '',
    'A box whose great-circle sides cross the arms of a cross at right angles.',
  ],
  [
    'BOX(center POINT, width DOUBLE, height DOUBLE) -> POLYGON',
    '',
    'A box whose great-circle sides cross the arms of a cross at right angles.',
  ],
  [
    'POLYGON(lon1 DOUBLE, lat1 DOUBLE, lon2 DOUBLE, lat2 DOUBLE, lon3 DOUBLE, lat3 DOUBLE, ...) -> POLYGON',
    '',
    'The smaller region within great-circle edges.',
  ],
  [
    'POLYGON(p1 POINT, p2 POINT, p3 POINT, ...) -> POLYGON',
    '',
    'The smaller region within great-circle edges.',
  ],
  [
    'CONTAINS(inner GEOMETRY, outer GEOMETRY) -> INTEGER',
    '',
    '1 if the first shape lies in the second, else 0.',
    'predicate',
  ],
  [
    'INTERSECTS(a GEOMETRY, b GEOMETRY) -> INTEGER',
    '',
    '1 if the shapes have a point in common, else 0.',
    'predicate',
  ],
  ['DISTANCE(a POINT, b POINT) -> DOUBLE', '', 'Angular distance in degrees.'],
  [
    'DISTANCE(lon1 DOUBLE, lat1 DOUBLE, lon2 DOUBLE, lat2 DOUBLE) -> DOUBLE',
    '',
    'Angular distance in degrees.',
  ],
  ['AREA(shape GEOMETRY) -> DOUBLE', '', 'Area in square degrees.'],
  ['CENTROID(shape GEOMETRY) -> POINT', '', 'Centre of a shape.'],
  ['COORD1(p POINT) -> DOUBLE', '', 'Longitude of a position, in degrees.'],
  ['COORD2(p POINT) -> DOUBLE', '', 'Latitude of a position, in degrees.'],
  ['COORDSYS(shape GEOMETRY) -> VARCHAR', '', "Coordinate system: always 'ICRS'."],
  [
    'REGION(stcs VARCHAR) -> GEOMETRY',
    '',
    'A shape in STC-S: Position, Circle, Box, Polygon, Convex, AllSky, and Union, Intersection, Difference, Not of them.',
  ],
]

/** real is summed as float8: PostgreSQL's sum(real) is real, and Citus adds up partial sums of real. */
export const AGGREGATES: readonly Row[] = [
  ['COUNT() -> BIGINT', 'count(*)', 'Number of rows.'],
  ['COUNT(x ANY) -> BIGINT', 'count($q$1)', 'Number of values that are not NULL.'],
  ['AVG(x BIGINT) -> DOUBLE', 'avg($q$1)::float8', 'Mean.'],
  ['AVG(x DOUBLE) -> DOUBLE', 'avg($q$1::float8)', 'Mean.'],
  ['SUM(x INTEGER) -> BIGINT', 'sum($q$1)', 'Sum.'],
  ['SUM(x BIGINT) -> DOUBLE', 'sum($q$1)::float8', 'Sum; of BIGINT as DOUBLE, because it may not fit.'],
  ['SUM(x DOUBLE) -> DOUBLE', 'sum($q$1::float8)', 'Sum.'],
  ['MIN(x NUMERIC) -> NUMERIC', 'min($q$1)', 'Smallest value.'],
  ['MIN(x VARCHAR) -> VARCHAR', 'min($q$1)', 'First value in order.'],
  ['MIN(x TIMESTAMP) -> TIMESTAMP', 'min($q$1)', 'Earliest time.'],
  ['MAX(x NUMERIC) -> NUMERIC', 'max($q$1)', 'Largest value.'],
  ['MAX(x VARCHAR) -> VARCHAR', 'max($q$1)', 'Last value in order.'],
  ['MAX(x TIMESTAMP) -> TIMESTAMP', 'max($q$1)', 'Latest time.'],
]
