/** The columns of HEALPix cells that every table with positions has, after its own. */
import type { PublishedColumn } from '../tap/publish.ts'
import { SHARD_ORDER } from './place.ts'

export const CELL_COLUMNS: readonly PublishedColumn[] = [
  {
    field: {
      name: 'hpx29',
      datatype: 'long',
      ucd: 'pos.healpix',
      description: 'HEALPix cell of the position, NESTED, order 29',
    },
    sqlName: 'hpx29',
  },
  {
    field: {
      name: 'hpx_shard',
      datatype: 'int',
      ucd: 'pos.healpix',
      description: `HEALPix cell of the position, NESTED, order ${SHARD_ORDER}`,
    },
    sqlName: 'hpx_shard',
  },
]
