/** The columns of SIA 1.0 §4.2, which its clients find by their UCDs, with their SQL on `almagest.obscore AS o`. */
import type { Field } from '../votable/field.ts'

interface Column {
  readonly field: Field
  /** With `$url`, `$format` and `$bytes` for what depends on whether the row is of a file or of a thumbnail. */
  readonly sql: string
  /** Whether every answer has it. */
  readonly least: boolean
}

const text = { datatype: 'char', arraysize: '*' } as const
const double = { datatype: 'double' } as const

/** name, UCD, type, SQL, unit */
const LEAST: readonly (readonly [string, string, Omit<Field, 'name'>, string, string?])[] = [
  ['title', 'VOX:Image_Title', text, 'coalesce(o.obs_title, o.obs_id)'],
  ['ra', 'POS_EQ_RA_MAIN', double, 'o.s_ra', 'deg'],
  ['dec', 'POS_EQ_DEC_MAIN', double, 'o.s_dec', 'deg'],
  ['naxes', 'VOX:Image_Naxes', { datatype: 'int' }, `CASE o.dataproduct_type WHEN 'cube' THEN 3 ELSE 2 END`],
  [
    'naxis',
    'VOX:Image_Naxis',
    { datatype: 'int', arraysize: '*' },
    'CASE WHEN o.s_xel1 + o.s_xel2 IS NOT NULL THEN ARRAY[o.s_xel1, o.s_xel2]::int4[] END',
    'pixel',
  ],
  [
    'scale',
    'VOX:Image_Scale',
    { datatype: 'double', arraysize: '*' },
    'CASE WHEN o.s_pixel_scale IS NOT NULL THEN ARRAY[-o.s_pixel_scale / 3600, o.s_pixel_scale / 3600] END',
    'deg/pixel',
  ],
  ['format', 'VOX:Image_Format', text, '$format'],
  ['access_url', 'VOX:Image_AccessReference', text, '$url'],
]

const MORE: typeof LEAST = [
  ['instrument', 'INST_ID', text, 'o.instrument_name'],
  ['date_obs', 'VOX:Image_MJDateObs', double, '(o.t_min + o.t_max) / 2', 'd'],
  ['frame', 'VOX:STC_CoordRefFrame', text, `'ICRS'::text`],
  ['bandpass', 'VOX:BandPass_ID', text, 'o.filter_name'],
  ['bandpass_unit', 'VOX:BandPass_Unit', text, `CASE WHEN o.em_min IS NOT NULL THEN 'm' END`],
  ['bandpass_ref', 'VOX:BandPass_RefValue', double, '(o.em_min + o.em_max) / 2', 'm'],
  ['bandpass_low', 'VOX:BandPass_LoLimit', double, 'o.em_min', 'm'],
  ['bandpass_high', 'VOX:BandPass_HiLimit', double, 'o.em_max', 'm'],
  ['pixflags', 'VOX:Image_PixFlags', text, `'C'::text`],
  ['filesize', 'VOX:Image_FileSize', { datatype: 'long' }, '$bytes', 'byte'],
  ['collection', 'meta.id', text, 'o.obs_collection'],
  ['publisher_did', 'meta.ref.ivoid', text, 'o.obs_publisher_did'],
]

const columnsOf = (list: typeof LEAST, least: boolean): readonly Column[] =>
  list.map(([name, ucd, type, sql, unit]) => ({
    field: { name, ...type, ucd, ...(unit && { unit }) },
    sql,
    least,
  }))

const COLUMNS = [...columnsOf(LEAST, true), ...columnsOf(MORE, false)]

/** VERB=0 and 1: what a client cannot do without. */
export const columnsFor = (verb: number): readonly Column[] =>
  verb < 2 ? COLUMNS.filter(column => column.least) : COLUMNS

/** The select list for rows of files, or of thumbnails; `origin` is a placeholder. */
export function selectList(columns: readonly Column[], of: 'files' | 'pictures', origin: string): string {
  const values =
    of === 'files'
      ? { url: 'o.access_url', format: 'o.access_format', bytes: 'o.access_estsize * 1024' }
      : {
          url: `${origin}::text || '/preview/' || replace(substring(o.obs_publisher_did from '^ivo://[^/]*/(.*)$'), '?', '/')`,
          format: `'image/jpeg'::text`,
          bytes: 'NULL::bigint',
        }
  return columns
    .map(({ sql }) => sql.replace(/\$(url|format|bytes)/g, (_, name: keyof typeof values) => values[name]))
    .join(', ')
}
