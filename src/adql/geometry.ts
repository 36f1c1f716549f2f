/** Calls become SQL with holes: functions by their templates, geometry as pgSphere values and operators. */

import { isString } from '../votable/field.ts'
import { type CompoundKind, compoundKind } from './compound.ts'
import { indexedRelation, isPositionPair } from './cones.ts'
import type { Complaint } from './error.ts'
import { eulerAngles, type Frame, isFrame } from './frames.ts'
import { type Template, template } from './functions.ts'
import { ofPieces } from './pieces.ts'
import type { Plan, Planned, PlannedStage, Test } from './plan.ts'
import { constant, constantShape, isLarge, type Shape, shapeArea, shapeNumbers, shapeSql } from './shapes.ts'
import type { Call, Core, Query } from './tree.ts'
import { isGeometry, type Type } from './types.ts'
import { mapBody, mapOperands } from './walk.ts'

export interface PrintableStage {
  readonly expression: Printable
}
export type Printable = Core<PrintableStage> | Fragment

/** SQL with holes, and what fills them. */
export interface Fragment {
  readonly kind: 'fragment'
  /** The ADQL function that it is, if it is one. */
  readonly name: string | undefined
  readonly template: Template
  readonly args: readonly Printable[]
  readonly distinct: boolean
  readonly type: Type
  readonly start: number
  readonly end: number
}

export interface Geometry {
  readonly query: Query<PrintableStage>
  readonly complaints: readonly Complaint[]
}

export function lower(plan: Plan): Geometry {
  const complaints: Complaint[] = []
  const complain = (c: Complaint) => {
    if (!complaints.some(k => k.start === c.start && k.end === c.end && k.message === c.message))
      complaints.push(c)
  }
  const next = (e: Planned): Printable => printable(e, complain)
  return {
    query: {
      with: plan.with.map(w => ({
        ...w,
        body: mapBody<PlannedStage, PrintableStage>(w.body, next),
      })),
      body: mapBody<PlannedStage, PrintableStage>(plan.body, next),
    },
    complaints,
  }
}

type Complain = (c: Complaint) => void

const at = ({ start, end }: At): At => ({ start, end })

interface At {
  readonly start: number
  readonly end: number
}

function fragment(sql: string, args: readonly Printable[], type: Type, at: At): Fragment {
  return {
    kind: 'fragment',
    name: undefined,
    template: template(sql),
    args,
    distinct: false,
    type,
    start: at.start,
    end: at.end,
  }
}

function printable(e: Planned, complain: Complain): Printable {
  switch (e.kind) {
    case 'call':
      if (e.form.kind === 'geometry') return { ...geometry(e, complain), name: e.form.name }
      return e.form.result === 'GEOMETRY' ? rotated(e, complain) : plain(e, complain)
    case 'test':
      return truth(e, complain)
    case 'wire':
      return wire(e.operand, complain)
    default:
      return mapOperands<PlannedStage, PrintableStage>(e, o => printable(o, complain))
  }
}

function plain(e: Call<PlannedStage>, complain: Complain): Printable {
  return {
    kind: 'fragment',
    name: e.form.name,
    template: e.form.template,
    args: e.args.map(a => sphere(a, complain)),
    distinct: e.quantifier === 'DISTINCT',
    type: e.type,
    start: e.start,
    end: e.end,
  }
}

/** A value as pgSphere has it: a shape may be stored as an array of degrees. */
function sphere(e: Planned, complain: Complain): Printable {
  const made = printable(e, complain)
  if (e.kind !== 'column' || e.column.stored !== 'float8[]' || !isGeometry(e.type)) return made
  return fragment(`adql.${e.type}($1)`, [made], e.type, e)
}

// ---------------------------------------------------------------- values

function geometry(e: Call<PlannedStage>, complain: Complain): Fragment {
  const compound = compoundKind(e)
  if (compound) {
    complain({
      start: e.start,
      end: e.end,
      message: `a REGION that is ${COMPOUNDS[compound]} cannot be used here`,
      hint: `It can be asked ${ASKED[compound]}.`,
    })
    return fragment('NULL::spoly', [], e.type, e)
  }
  const shape = constantShape(e, complain)
  if (shape && !isLarge(shape)) return fragment(shapeSql(shape), [], e.type, e)
  if (shape?.kind === 'polygon') {
    complain({
      start: e.start,
      end: e.end,
      message: `a ${e.form.name} that reaches beyond a hemisphere cannot be used here`,
      hint: `It can be asked ${ASKED.union}, or for its area.`,
    })
  }
  const args = () => e.args.map(a => sphere(a, complain))
  switch (e.form.name) {
    case 'POINT':
      return point(e, args())
    case 'CIRCLE':
      return circle(e, args(), shape, complain)
    case 'BOX':
      return fragment('adql.box($1, $2, $3)', args(), 'polygon', e)
    case 'POLYGON':
      return fragment('adql.polygon(ARRAY[$*])', args(), 'polygon', e)
    case 'DISTANCE':
      return fragment('degrees($1 <-> $2)', args(), 'double', e)
    case 'AREA':
      return area(e, complain)
    case 'CENTROID':
      if (e.args[0]?.type === 'moc') complain({ ...at(e), message: 'a MOC has no CENTROID here' })
      return e.args[0]?.type === 'circle'
        ? fragment('center($1)', args(), 'point', e)
        : fragment('adql.centroid($1)', args(), 'point', e)
    case 'COORD1':
      return fragment('degrees(long($1))', args(), 'double', e)
    case 'COORD2':
      return fragment('degrees(lat($1))', args(), 'double', e)
    case 'COORDSYS':
      return fragment("CASE WHEN $1 IS NOT NULL THEN 'ICRS' END", args(), 'char', e)
    default:
      return fragment('NULL', [], e.type, e)
  }
}

const COMPOUNDS: Record<CompoundKind, string> = {
  union: 'a union',
  intersection: 'an intersection',
  not: 'the outside of a shape',
}

const ASKED: Record<CompoundKind, string> = {
  union:
    'whether it contains a position, whether it touches a shape (INTERSECTS), or whether a shape contains it',
  intersection: 'whether it contains a position or a shape (CONTAINS)',
  not: 'whether it contains a position or a shape (CONTAINS), or whether it touches a shape (INTERSECTS)',
}

/** NaN is no position, and a latitude out of range an error: the index expression alone knows neither. */
function point(e: Call<PlannedStage>, args: readonly Printable[]): Fragment {
  const sql = e.frame ? turned('adql.point($1, $2)', e.frame, 'ICRS') : 'adql.point($1, $2)'
  return fragment(sql, args, 'point', e)
}

/** The very expression of the GiST index where there is one; pgSphere finds NaN in no shape. */
function indexed(e: Planned, complain: Complain): Printable {
  if (!isPositionPair(e) || e.kind !== 'call') return sphere(e, complain)
  const args = e.args.map(a => printable(a, complain))
  return { ...fragment('spoint(radians($1), radians($2))', args, 'point', e), name: e.form.name }
}

function circle(
  e: Call<PlannedStage>,
  args: readonly Printable[],
  shape: Shape | undefined,
  complain: Complain,
): Fragment {
  const radius = e.args[1] && constant(e.args[1])
  if (radius === undefined) return fragment('adql.circle($1, $2)', args, 'circle', e)
  const at = { start: e.args[1]!.start, end: e.args[1]!.end }
  if (!(radius >= 0 && radius <= 180)) {
    if (!shape) complain({ ...at, message: `the radius ${radius} is not within 0 and 180 degrees` })
  } else if (radius > 90) {
    complain({
      ...at,
      message:
        'a circle of more than 90 degrees can only be asked whether it contains a position, or for its area',
    })
  }
  return fragment(`scircle($1, radians(${radius}))`, args.slice(0, 1), 'circle', e)
}

const turned = (sql: string, from: Frame, to: Frame): string =>
  `(${sql} + strans(${eulerAngles(from, to).join(', ')}))`

/** ivo_geom_transform: the frames are literals that `resolve` has checked. */
function rotated(e: Call<PlannedStage>, complain: Complain): Printable {
  const [from, to, shape] = e.args as [Planned, Planned, Planned]
  const known = from.kind === 'string' && to.kind === 'string' && isFrame(from.value) && isFrame(to.value)
  if (shape.type === 'moc') complain({ ...at(e), message: 'a MOC cannot be turned into another frame' })
  const sql = known ? turned('$1', from.value as Frame, to.value as Frame) : '$1'
  return fragment(sql, [sphere(shape, complain)], e.type, e)
}

function area(e: Call<PlannedStage>, complain: Complain): Fragment {
  const of = e.args[0]!
  const shape = constantShape(of, complain)
  if (shape) return fragment(`${shapeArea(shape)}::float8`, [], 'double', e)
  if (of.type === 'moc') return fragment('degrees(degrees(area($1)))', [sphere(of, complain)], 'double', e)
  const [center, radius] = of.kind === 'call' && of.form.name === 'CIRCLE' ? of.args : []
  const size = radius && constant(radius)
  if (center && size !== undefined && size > 90 && size <= 180) {
    const large = shapeArea({ kind: 'circle', center: [0, 0], radius: size })
    return fragment(
      `CASE WHEN $1 IS NOT NULL THEN ${large}::float8 END`,
      [sphere(center, complain)],
      'double',
      e,
    )
  }
  return fragment('adql.area($1)', [sphere(of, complain)], 'double', e)
}

// ---------------------------------------------------------------- predicates

/** By which pgSphere's circles are wider than their radius, in radians. */
const TOLERANCE = '1e-9'

/**
 * CONTAINS and INTERSECTS. A position in a circle whose radius comes from a row is found by its distance, which takes
 * any radius, unless its index can be used. A NULL operand gives NULL, neither 1 nor 0. */
function truth(e: Test, complain: Complain): Printable {
  const { call } = e
  if (call.form.kind !== 'geometry') return { ...plain(call, complain), type: 'boolean' } as Fragment
  const [a, b] = call.args as [Planned, Planned]
  const contains = call.form.name === 'CONTAINS'
  const made = (sql: string, args: readonly Printable[]) => fragment(sql, args, 'boolean', e)
  const pieced = ofPieces(e, {
    truth: t => truth(t, complain),
    value: v => sphere(v, complain),
    fragment: made,
  })
  if (pieced) return pieced
  if (b.kind === 'call' && b.form.name === 'CIRCLE') {
    const radius = b.args[1] && constant(b.args[1])
    if (radius !== undefined && radius > 90 && radius <= 180) return inLargeCircle(e, a, b, radius, complain)
  }
  if (
    a.type === 'point' &&
    b.kind === 'call' &&
    b.form.name === 'CIRCLE' &&
    constant(b.args[1]!) === undefined
  ) {
    if (!e.filter || !indexedRelation(a)) {
      const [center, radius] = b.args.map(arg => sphere(arg, complain)) as [Printable, Printable]
      return made(`($1 <-> $2) <= radians($3) + ${TOLERANCE}`, [sphere(a, complain), center, radius])
    }
  }
  // Below NOT the position must be NULL where it is none.
  const args = [e.filter ? indexed(a, complain) : sphere(a, complain), sphere(b, complain)]
  if ((a.type === 'moc') !== (b.type === 'moc') && a.type !== 'point' && b.type !== 'point') {
    complain({
      ...at(e),
      message: `${call.form.name} compares a MOC with positions and MOCs, not with other shapes`,
    })
  }
  if (a.type === 'point' && b.type === 'point') return made('$1 <@ scircle($2, 0)', args)
  if (contains && b.type === 'point')
    return made('CASE WHEN $1 IS NOT NULL AND $2 IS NOT NULL THEN false END', args)
  if (contains || a.type === 'point') return made('$1 <@ $2', args)
  return made('$1 && $2', args)
}

/** pgSphere has no circles over 90°: what is inside does not touch the circle around the opposite point. */
function inLargeCircle(
  e: Test,
  a: Planned,
  b: Call<PlannedStage>,
  radius: number,
  complain: Complain,
): Printable {
  const center = sphere(b.args[0]!, complain)
  const inner = sphere(a, complain)
  if (a.type === 'point')
    return fragment(`($1 <-> $2) <= radians(${radius}) + ${TOLERANCE}`, [inner, center], 'boolean', e)
  const rest = `scircle(adql.antipode($2), radians(${180 - radius}))`
  const sql = e.call.form.name === 'CONTAINS' ? `NOT ($1 && ${rest})` : `NOT ($1 <@ ${rest})`
  return fragment(sql, [inner, center], 'boolean', e)
}

// ---------------------------------------------------------------- the result

/**
 * A value as it travels (DALI 1.1 §3.3): times in ISO form, shapes as arrays of degrees; columns of polygons that are
 * described as texts (adql:REGION of ObsCore) in STC-S (TAP 1.0 §6).
 */
function wire(e: Planned, complain: Complain): Printable {
  if (e.type === 'timestamp')
    return fragment(`btrim(to_json($1)::text, '"')`, [printable(e, complain)], 'char', e)
  if (e.type === 'moc' || e.type === 'null') return fragment('$1::text', [printable(e, complain)], 'char', e)
  if (e.kind === 'column' && e.column.stored === 'float8[]') return printable(e, complain)
  if (e.kind === 'column' && e.type === 'polygon' && isString(e.column.field))
    return fragment(
      `'Polygon ICRS ' || array_to_string(adql.degrees($1), ' ')`,
      [sphere(e, complain)],
      'char',
      e,
    )
  const shape = constantShape(e, complain)
  if (shape) return fragment(`ARRAY[${shapeNumbers(shape).join(',')}]::float8[]`, [], e.type, e)
  if (e.kind === 'call' && e.form.name === 'POINT' && !e.frame) {
    const coordinates = e.args.map(a => printable(a, complain))
    return { ...fragment('adql.coordinates($1, $2)', coordinates, e.type, e), name: 'POINT' }
  }
  return fragment('adql.degrees($1)', [sphere(e, complain)], e.type, e)
}
