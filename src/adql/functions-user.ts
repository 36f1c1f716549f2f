/**
 * Functions beyond the standard: those of the IVOA's Catalogue of ADQL User Defined Functions 1.2, names that users
 * bring from other services, statistics.
 */
import type { Row } from './functions.ts'

const EPOCH = [
  'ra DOUBLE, dec DOUBLE, parallax DOUBLE, pmra DOUBLE, pmdec DOUBLE, radial_velocity DOUBLE',
  'ref_epoch DOUBLE, out_epoch DOUBLE',
].join(', ')
const EPOCH_ARGS = '$1, $2, $3, $4, $5, $6, $7, $8'
const EPOCH_UNITS = 'deg, mas, mas/yr (pmra with cos dec), km/s, Julian years'

/** A row for each of several names of one function. */
const named = (names: readonly string[], [signature, ...rest]: Row): Row[] =>
  names.map(name => [`${name}${signature}`, ...rest] as const)

const POSITIONS: readonly Row[] = [
  [
    'ivo_healpix_index(hpxOrder INTEGER, ra DOUBLE, dec DOUBLE) -> BIGINT',
    'healpix_nest($1, adql.point($2, $3))',
    'Cell of a position in HEALPix NESTED of the given order.',
  ],
  [
    'ivo_healpix_index(hpxOrder INTEGER, p POINT) -> BIGINT',
    'healpix_nest($1, $2)',
    'Cell of a position in HEALPix NESTED of the given order.',
  ],
  [
    'ivo_healpix_center(hpxOrder INTEGER, hpxIndex BIGINT) -> POINT',
    'center_of_healpix_nest($1, $2)',
    'Centre of a cell of HEALPix NESTED of the given order.',
  ],
  [
    'gaia_healpix_index(hpxOrder INTEGER, source_id BIGINT) -> BIGINT',
    `CASE WHEN ($1) BETWEEN 0 AND 12 THEN ($2)::int8 >> (59 - 2 * ($1))
      WHEN ($1) IS NOT NULL AND adql.refuse('the order of gaia_healpix_index is not within 0 and 12') THEN NULL END`,
    'HEALPix NESTED cell of the given order, up to 12, from a Gaia source_id.',
  ],
  ...named(
    ['ivo_epoch_prop_pos', 'epoch_prop_pos', 'esdc_epoch_prop_pos'],
    [
      `(${EPOCH}) -> POINT`,
      `adql.epoch_prop_pos(${EPOCH_ARGS})`,
      `Position at another epoch, by rigorous linear motion; ${EPOCH_UNITS}. NULL motions count as 0, a NULL parallax as infinitely far.`,
    ],
  ),
  ...named(
    ['ivo_epoch_prop', 'epoch_prop', 'esdc_epoch_prop'],
    [
      `(${EPOCH}) -> DOUBLE[]`,
      `adql.epoch_prop(${EPOCH_ARGS})`,
      `ra, dec, parallax, pmra, pmdec, radial velocity at another epoch, by rigorous linear motion; ${EPOCH_UNITS}.`,
    ],
  ),
  [
    'gavo_apply_pm(ra DOUBLE, dec DOUBLE, pmra DOUBLE, pmdec DOUBLE, years DOUBLE) -> POINT',
    'adql.epoch_prop_pos($1, $2, NULL, 3.6e6 * ($3), 3.6e6 * ($4), NULL, 0, $5)',
    'Position after a number of years; proper motions in deg/yr, pmra with cos dec.',
  ],
  ...named(
    ['ivo_geom_transform', 'gavo_transform'],
    [
      '(from_sys VARCHAR, to_sys VARCHAR, geo GEOMETRY) -> GEOMETRY',
      '',
      "A shape in another frame, by rotation: 'ICRS', 'FK5', 'FK4', 'GALACTIC', 'SUPER_GALACTIC', 'ECLIPTIC', as literals.",
    ],
  ),
]

const TIMES: readonly Row[] = [
  ...named(
    ['ivo_to_jd', 'gavo_to_jd'],
    ['(d TIMESTAMP) -> DOUBLE', 'adql.to_jd($1)', 'Julian date of a time.'],
  ),
  ...named(
    ['ivo_to_mjd', 'gavo_to_mjd'],
    ['(d TIMESTAMP) -> DOUBLE', 'adql.to_mjd($1)', 'Modified Julian date of a time.'],
  ),
]

const TEXT: readonly Row[] = [
  [
    'ivo_nocasematch(value VARCHAR, pattern VARCHAR) -> INTEGER',
    "$1 ILIKE $2 ESCAPE ''",
    '1 if the value matches the LIKE pattern without case.',
    'predicate',
  ],
  [
    'ivo_hasword(haystack VARCHAR, needle VARCHAR) -> INTEGER',
    "to_tsvector('simple'::regconfig, $1) @@ plainto_tsquery('simple'::regconfig, $2)",
    '1 if all words of needle are in haystack, without case.',
    'predicate',
  ],
  [
    'ivo_hashlist_has(hashlist VARCHAR, item VARCHAR) -> INTEGER',
    "lower($2) = ANY (string_to_array(lower($1), '#'))",
    '1 if item is an element of a list separated by #, without case.',
    'predicate',
  ],
  [
    'gavo_match(pattern VARCHAR, string VARCHAR) -> INTEGER',
    '$2 ~ $1',
    '1 if the POSIX regular expression matches a part of the string.',
    'predicate',
  ],
  [
    'ivo_hms_to_degrees(hms VARCHAR) -> DOUBLE',
    'adql.hms_to_degrees($1)',
    'Degrees of a right ascension h:m:s, hhmmss or 1h2m3s; NULL where it is none.',
  ],
  [
    'ivo_dms_to_degrees(dms VARCHAR) -> DOUBLE',
    'adql.dms_to_degrees($1)',
    'Degrees of an angle d:m:s, ddmmss or 1d2m3s; NULL where it is none.',
  ],
  ['LENGTH(text VARCHAR) -> INTEGER', 'length($1)', 'Number of characters.'],
  [
    'SUBSTRING(text VARCHAR, start INTEGER, length INTEGER) -> VARCHAR',
    'substr($1, $2, $3)',
    'Part of a string; the first character is 1.',
  ],
]

const NUMBERS: readonly Row[] = [
  [
    'ivo_interval_overlaps(l1 DOUBLE, h1 DOUBLE, l2 DOUBLE, h2 DOUBLE) -> INTEGER',
    'adql.interval_overlaps($1, $2, $3, $4)',
    '1 if the intervals [l1, h1] and [l2, h2] have a point in common.',
    'predicate',
  ],
  ...named(
    ['ivo_normal_random', 'gavo_normal_random'],
    [
      '(mu DOUBLE, sigma DOUBLE) -> DOUBLE',
      '(($1)::float8 + ($2)::float8 * adql.normal_random())',
      'A random number of a normal distribution, another one in every row.',
    ],
  ),
  [
    'scisql_nanojanskyToAbMag(flux DOUBLE) -> DOUBLE',
    'adql.ab_mag($1, 31.4)',
    'AB magnitude of a flux in nJy; NULL where it is not positive.',
  ],
  [
    'scisql_nanojanskyToAbMagSigma(flux DOUBLE, fluxSigma DOUBLE) -> DOUBLE',
    'adql.ab_mag_sigma($1, $2)',
    'Error of the AB magnitude of a flux; NULL where the flux is not positive.',
  ],
  [
    'scisql_abMagToNanojansky(mag DOUBLE) -> DOUBLE',
    'adql.flux_of_ab_mag($1, 31.4)',
    'Flux in nJy of an AB magnitude.',
  ],
  [
    'scisql_fluxToAbMag(flux DOUBLE) -> DOUBLE',
    'adql.ab_mag($1, -48.6)',
    'AB magnitude of a flux in erg/s/cm2/Hz; NULL where it is not positive.',
  ],
  [
    'scisql_fluxToAbMagSigma(flux DOUBLE, fluxSigma DOUBLE) -> DOUBLE',
    'adql.ab_mag_sigma($1, $2)',
    'Error of the AB magnitude of a flux; NULL where the flux is not positive.',
  ],
  [
    'scisql_abMagToFlux(mag DOUBLE) -> DOUBLE',
    'adql.flux_of_ab_mag($1, -48.6)',
    'Flux in erg/s/cm2/Hz of an AB magnitude.',
  ],
  ['GREATEST(x ANY, ...) -> ANY', 'greatest($*)', 'The largest argument that is not NULL.'],
  ['LEAST(x ANY, ...) -> ANY', 'least($*)', 'The smallest argument that is not NULL.'],
  ['SIGN(x DOUBLE) -> DOUBLE', 'sign($1::float8)', '-1, 0 or 1.'],
  ['CBRT(x DOUBLE) -> DOUBLE', 'cbrt($1)', 'Cube root.'],
  [
    'WIDTH_BUCKET(x DOUBLE, low DOUBLE, high DOUBLE, count INTEGER) -> INTEGER',
    'width_bucket($1::float8, $2::float8, $3::float8, $4)',
    'Number of the bin, from 1, of count equal ones between low and high; 0 below, count + 1 above.',
  ],
]

const aggregates: readonly Row[] = [
  [
    'ivo_string_agg(expression VARCHAR, delimiter VARCHAR) -> VARCHAR',
    'string_agg($q$1, $2)',
    'The strings that are not NULL, joined.',
  ],
  ...named(
    ['ivo_histogram', 'gavo_histogram'],
    [
      '(val DOUBLE, lower DOUBLE, upper DOUBLE, nbins INTEGER) -> INTEGER[]',
      'adql.histogram($q$1, $2, $3, $4)',
      'Counts in nbins equal bins; the first element counts what is below or NULL, the last what is above.',
    ],
  ),
  ['STDDEV(x DOUBLE) -> DOUBLE', 'stddev_samp($q$1::float8)', 'Standard deviation of a sample.'],
  ['STDDEV_POP(x DOUBLE) -> DOUBLE', 'stddev_pop($q$1::float8)', 'Standard deviation of a population.'],
  ['VARIANCE(x DOUBLE) -> DOUBLE', 'var_samp($q$1::float8)', 'Variance of a sample.'],
  ['CORR(y DOUBLE, x DOUBLE) -> DOUBLE', 'corr($q$1, $2)', 'Correlation coefficient.'],
  ['COVAR_SAMP(y DOUBLE, x DOUBLE) -> DOUBLE', 'covar_samp($q$1, $2)', 'Covariance of a sample.'],
  ['REGR_SLOPE(y DOUBLE, x DOUBLE) -> DOUBLE', 'regr_slope($q$1, $2)', 'Slope of the least-squares line.'],
  [
    'REGR_INTERCEPT(y DOUBLE, x DOUBLE) -> DOUBLE',
    'regr_intercept($q$1, $2)',
    'Intercept of the least-squares line.',
  ],
  ['MEDIAN(x DOUBLE) -> DOUBLE', 'percentile_cont(0.5) WITHIN GROUP (ORDER BY $1::float8)', 'Median.'],
  [
    'PERCENTILE(x DOUBLE, fraction DOUBLE) -> DOUBLE',
    'percentile_cont($2::float8) WITHIN GROUP (ORDER BY $1::float8)',
    'Value below which a fraction, 0 to 1, of the values lies; interpolated.',
  ],
]

const VALUES = ['NUMERIC', 'VARCHAR', 'TIMESTAMP']

/** The value of another row of the window, for each type of values. */
const ofRow = (name: string, sql: string, description: string): Row[] =>
  VALUES.map(type => [`${name}(x ${type}) -> ${type}`, `${sql}($1)`, description])

const neighbour = (name: string, sql: string, side: string): Row[] =>
  VALUES.flatMap(type => [
    [`${name}(x ${type}) -> ${type}`, `${sql}($1)`, `Value in the row ${side}.`],
    [`${name}(x ${type}, n INTEGER) -> ${type}`, `${sql}($1, $2)`, `Value in the row n rows ${side}.`],
    [
      `${name}(x ${type}, n INTEGER, default ${type}) -> ${type}`,
      `${sql}($1, $2, $3)`,
      `Value in the row n rows ${side}, or the default where there is none.`,
    ],
  ])

/** SQL:2003's, each with OVER (…). */
const windows: readonly Row[] = [
  ['ROW_NUMBER() -> BIGINT', 'row_number()', 'Number of the row in its window, from 1.'],
  ['RANK() -> BIGINT', 'rank()', 'Rank in the window; equal rows leave gaps after them.'],
  ['DENSE_RANK() -> BIGINT', 'dense_rank()', 'Rank in the window without gaps.'],
  ['PERCENT_RANK() -> DOUBLE', 'percent_rank()', 'Rank in the window, from 0 to 1.'],
  ['CUME_DIST() -> DOUBLE', 'cume_dist()', 'Fraction of the window up to this row and its equals.'],
  ['NTILE(n INTEGER) -> INTEGER', 'ntile($1)', 'Which of n parts of the window the row is in, from 1.'],
  ...neighbour('LAG', 'lag', 'before'),
  ...neighbour('LEAD', 'lead', 'after'),
  ...ofRow('FIRST_VALUE', 'first_value', 'Value in the first row of the frame.'),
  ...ofRow('LAST_VALUE', 'last_value', 'Value in the last row of the frame.'),
  ...VALUES.map(
    (type): Row => [
      `NTH_VALUE(x ${type}, n INTEGER) -> ${type}`,
      'nth_value($1, $2)',
      'Value in the nth row of the frame, from 1.',
    ],
  ),
]

export const USER_DEFINED = { scalars: [...POSITIONS, ...TIMES, ...TEXT, ...NUMBERS], aggregates, windows }
