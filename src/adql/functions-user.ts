/** Functions beyond the standard: the IVOA's catalogue of UDFs, aliases that users know, statistics. */
import type { Row } from './functions.ts'

const scalars: readonly Row[] = [
  [
    'ivo_healpix_index(hpxOrder INTEGER, lon DOUBLE, lat DOUBLE) -> BIGINT',
    'healpix_nest($1, adql.point($2, $3))',
    'NESTED HEALPix cell of a position.',
  ],
  [
    'ivo_healpix_index(hpxOrder INTEGER, p POINT) -> BIGINT',
    'healpix_nest($1, $2)',
    'NESTED HEALPix cell of a position.',
  ],
]

const aggregates: readonly Row[] = [
  ['STDDEV(x DOUBLE) -> DOUBLE', 'stddev_samp($q$1::float8)', 'Standard deviation of a sample.'],
]

export const USER_DEFINED = { scalars, aggregates }
