/**
 * Functions that people bring from SQL Server, PostgreSQL, MySQL and other archives: those that are one of ours under
 * another name, and what to write instead of the others.
 */
import type { Expression, Span } from './ast.ts'

/** Read as the function of ours, with a note. Names in lower case. */
const SAME: Record<string, string> = {
  atn2: 'ATAN2',
  ceil: 'CEILING',
  char_length: 'LENGTH',
  character_length: 'LENGTH',
  ifnull: 'COALESCE',
  isnull: 'COALESCE',
  lcase: 'LOWER',
  len: 'LENGTH',
  ln: 'LOG',
  newid: 'RAND',
  nvl: 'COALESCE',
  pow: 'POWER',
  random: 'RAND',
  scisql_angsep: 'DISTANCE',
  stddev_samp: 'STDDEV',
  stdev: 'STDDEV',
  q3c_dist: 'DISTANCE',
  stdevp: 'STDDEV_POP',
  string_agg: 'ivo_string_agg',
  substr: 'SUBSTRING',
  trunc: 'TRUNCATE',
  ucase: 'UPPER',
  var_samp: 'VARIANCE',
}

const CONE = '1 = CONTAINS(POINT(ra, dec), CIRCLE(10.5, -2.3, 0.1)), in degrees'
const PAIRS = 'DISTANCE(POINT(a.ra, a.dec), POINT(b.ra, b.dec)) < 1./3600, in degrees'
const TIMES = "Times are compared with texts: t >= '2025-03-01T22:15:00'; ivo_to_mjd(t) is a number."
const NAN = "NaN is CAST('NaN' AS DOUBLE PRECISION), and equal to itself."
const TEXT = 'Text is compared by LIKE and ILIKE, cut by SUBSTRING(text, start, length), joined by ||.'
const BITS = 'Write the bit as a number: (flags & 4) = 0.'

/** What to write instead. Names in lower case. */
const INSTEAD: readonly (readonly [names: string, advice: string])[] = [
  ['if iif decode choose', 'Write CASE WHEN condition THEN value ELSE value END.'],
  ['nullif', 'Write CASE WHEN a = b THEN NULL ELSE a END.'],
  ['sqr', 'Write POWER(x, 2).'],
  ['toint int integer', 'Write CAST(x AS INTEGER), after FLOOR(x) to round down.'],
  [
    'convert try_convert to_number float double numeric',
    'Write CAST(x AS DOUBLE PRECISION) or another type.',
  ],
  ['str to_char to_string char varchar', 'Write CAST(x AS VARCHAR).'],
  ['concat concat_ws', 'Text is joined by ||: a || b.'],
  [
    'ltrim rtrim trim left right replace split_part instr charindex position strpos locate patindex reverse lpad rpad initcap',
    TEXT,
  ],
  [
    'regexp regexp_like regexp_match regexp_matches rlike match',
    "Regular expressions are matched by 1 = gavo_match('^NGC', name).",
  ],
  ['contains_word freetext', "Words are found by 1 = ivo_hasword(text, 'word')."],
  ['isnan is_nan isfinite isinf', NAN],
  [
    'now getdate sysdate current_timestamp current_date date date_part datepart datediff dateadd date_trunc extract year month day to_date to_timestamp timestamp from_unixtime',
    TIMES,
  ],
  [
    'array_agg group_concat listagg',
    "Strings of a group are joined by ivo_string_agg(CAST(x AS VARCHAR), ',').",
  ],
  ['percentile_cont percentile_disc quantile', 'Write PERCENTILE(x, 0.5) or MEDIAN(x).'],
  ['mad mode', 'There are MEDIAN(x) and PERCENTILE(x, fraction).'],
  [
    'q3c_radial_query q3c_ellipse_query scisql_s2ptincircle qserv_areaspec_circle fgetnearbyobjeq fgetnearestobjeq fgetnearbyobjalleq fgetnearestobjideq fgetobjfromrect fgetobjfromrecteq cone cone_search radial_query',
    `Positions in a circle: ${CONE}.`,
  ],
  [
    'q3c_poly_query scisql_s2ptincpoly qserv_areaspec_poly qserv_areaspec_box scisql_s2ptinbox scisql_s2ptinellipse',
    'Positions in a polygon: 1 = CONTAINS(POINT(ra, dec), POLYGON(10, 1, 12, 1, 12, 3)), in degrees.',
  ],
  ['q3c_join crossmatch_positional xmatch crossmatch', `Pairs are joined ON ${PAIRS}.`],
  [
    'q3c_dist gc_dist haversine angsep fdistanceeq angular_distance',
    'Write DISTANCE(ra1, dec1, ra2, dec2), in degrees.',
  ],
  ['fdistancearcmineq', 'Write 60 * DISTANCE(ra1, dec1, ra2, dec2).'],
  ['spoly sbox sline spath', 'Shapes are made by POLYGON, CIRCLE and BOX, in degrees.'],
  ['long', 'COORD1(p) is the longitude of a position, in degrees.'],
  ['lat', 'COORD2(p) is the latitude of a position, in degrees.'],
  ['ra', 'COORD1(p) is the longitude of a position, COORD2(p) its latitude.'],
  ['dec', 'COORD1(p) is the longitude of a position, COORD2(p) its latitude.'],
  ['radius', 'There is AREA(circle), and CENTROID(circle).'],
  ['fphotoflags fphotoflagsn fprimtarget fsectarget fspeczwarning', BITS],
  [
    'gavo_healpix healpix healpix_index healpix_nest healpix_ang2ipix_nest q3c_ang2ipix',
    'Write ivo_healpix_index(order, ra, dec): NESTED.',
  ],
  ['gavo_ipix', 'Cells are numbered by ivo_healpix_index(order, ra, dec).'],
  [
    'gavo_specconv',
    "Units of a column are converted by IN_UNIT(x, 'm'); of a wavelength and an energy: E = 1.23984e-6 eV m / λ.",
  ],
  ['interval', 'Whether ranges overlap: 1 = ivo_interval_overlaps(em_min, em_max, 5.5e-7, 6.5e-7).'],
  [
    'overlaps lower_inf upper_inf',
    'Whether ranges overlap: 1 = ivo_interval_overlaps(low1, high1, low2, high2).',
  ],
  ['array_element', 'Elements of arrays cannot be taken out: select the whole array.'],
  ['shift_left shift_right lshift rshift', 'Multiply or divide by POWER(2, n).'],
  ['bitand bit_and', 'Write a & b.'],
  ['bitor bit_or', 'Write a | b.'],
  ['nanmin nanmax nanmean', 'MIN, MAX and AVG leave out NULL.'],
]

const advice = new Map(
  INSTEAD.flatMap(([names, text]) => names.split(' ').map(name => [name, text] as const)),
)

/** The function of ours that is meant. */
export const sameFunction = (name: string): string | undefined =>
  Object.hasOwn(SAME, name.toLowerCase()) ? SAME[name.toLowerCase()] : undefined

/** What to write instead of a function that is none of ours; SkyServer's stand in the schema dbo. */
export function insteadOf(name: string, schema?: string): string | undefined {
  return (
    advice.get(name.toLowerCase()) ??
    (schema?.toLowerCase() === 'dbo' ? 'Functions of SkyServer are not offered.' : undefined)
  )
}

const call = (name: string, args: readonly Expression[], { start, end }: Span): Expression => ({
  kind: 'call',
  name: { text: name, delimited: false, start, end },
  args,
  start,
  end,
})

const number = (text: string, { start, end }: Span): Expression => ({
  kind: 'number',
  text,
  integer: true,
  start,
  end,
})

/** Positions in radians as pgSphere has them; RADIANS of degrees are those degrees. */
function inDegrees(e: Expression): Expression {
  if (e.kind === 'call' && /^radians$/i.test(e.name.text) && e.args.length === 1) return e.args[0]!
  return call('DEGREES', [e], e)
}

interface Rewriting {
  /** In words, as a note has it. */
  readonly as: string
  readonly arguments: number
  readonly make: (args: readonly Expression[], at: Span) => Expression
}

const inCircle: Rewriting = {
  as: 'CONTAINS(POINT(a, b), CIRCLE(c, d, e))',
  arguments: 5,
  make: ([a, b, ...center], at) =>
    call('CONTAINS', [call('POINT', [a!, b!], at), call('CIRCLE', center, at)], at),
}

const matches: Rewriting = {
  as: 'gavo_match(b, a)',
  arguments: 2,
  make: ([text, pattern], at) => call('gavo_match', [pattern!, text!], at),
}

/** Names in lower case. */
const REWRITTEN: Record<string, Rewriting> = {
  spoint: {
    as: 'POINT, in degrees',
    arguments: 2,
    make: ([lon, lat], at) => call('POINT', [inDegrees(lon!), inDegrees(lat!)], at),
  },
  scircle: {
    as: 'CIRCLE, in degrees',
    arguments: 2,
    make: ([center, radius], at) => call('CIRCLE', [center!, inDegrees(radius!)], at),
  },
  square: { as: 'POWER(a, 2)', arguments: 1, make: ([x], at) => call('POWER', [x!, number('2', at)], at) },
  to_integer: {
    as: 'CAST(a AS INTEGER)',
    arguments: 1,
    make: ([operand], { start, end }) => ({
      kind: 'cast',
      operand: operand!,
      target: { type: 'INTEGER', length: undefined, start, end },
      start,
      end,
    }),
  },
  q3c_radial_query: inCircle,
  q3c_join: inCircle,
  scisql_s2ptincircle: inCircle,
  match: matches,
  regexp: matches,
  regexp_like: matches,
}

/** A foreign function as an expression of ours, with the words for a note. */
export function rewritten(
  name: string,
  args: readonly Expression[],
  at: Span,
): { readonly as: string; readonly expression: Expression } | undefined {
  const found = Object.hasOwn(REWRITTEN, name.toLowerCase()) ? REWRITTEN[name.toLowerCase()] : undefined
  if (!found || found.arguments !== args.length) return undefined
  return { as: found.as, expression: found.make(args, at) }
}
