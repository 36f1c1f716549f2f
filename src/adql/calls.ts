/** Calls: which form of a function is meant, its arguments converted, or what is wrong with it. */

import { complainArguments } from './arguments.ts'
import type { Expression, ExpressionOf, Span } from './ast.ts'
import { asTimestamp, cast, commonOf } from './coerce.ts'
import { unknown } from './columns.ts'
import { COMPOUND_FORMS } from './compound.ts'
import { unitOf } from './fields.ts'
import { insteadOf, rewritten, sameFunction } from './foreign.ts'
import { FRAME_NAMES, type Frame, isFrame } from './frames.ts'
import {
  accepts,
  type Form,
  FRAMED,
  formsOf,
  functionNames,
  type ParameterType,
  parameterAt,
  typeOf,
} from './functions.ts'
import { resolveExpression } from './resolve-expression.ts'
import { complain, isEnough, type Place } from './state.ts'
import { parseStcs, type StcsRegion } from './stcs.ts'
import { didYouMean, oneOf } from './suggest.ts'
import type { Resolved } from './tree.ts'
import { inWords, isGeometry, numericResult } from './types.ts'
import { conversion } from './units.ts'
import { columnsIn } from './walk.ts'

/** Known functions that this service does not offer, and why. */
const REFUSED = new Map(
  ['ivo_simbadpoint', 'gavo_simbadpoint'].map(name => [
    name,
    'object names are not resolved in queries: this service asks no other one',
  ]),
)

/** `over`: OVER follows, which a window function needs. */
export function resolveCall(e: ExpressionOf<'call'>, place: Place, over = false): Resolved {
  const name = e.name.text.toLowerCase()
  if (name === 'in_unit') return inUnit(e, place)
  const made = resolveNamed(e.name.text, e.args, undefined, e.name, e, place)
  if (!over && made.kind === 'call' && made.form.kind === 'window') {
    const message = `${made.form.name} is a window function: OVER (…) must follow`
    complain(place.state, e, message, `As in ${made.form.name}(…) OVER (PARTITION BY a ORDER BY b).`)
  }
  return made
}

/** A call by name, of arguments as they are written. */
export function resolveNamed(
  name: string,
  written: readonly Expression[],
  quantifier: 'ALL' | 'DISTINCT' | undefined,
  nameSpan: Span,
  span: Span,
  place: Place,
): Resolved {
  const forms = formsOf(name)
  const first = forms[0]
  if (!first) return foreign(name, written, quantifier, nameSpan, span, place)
  const aggregate = first.kind === 'aggregate'
  if (aggregate) checkAggregate(first.name, nameSpan, place)
  const framed = FRAMED.has(name.toLowerCase()) && written.length > 2 && mayBeFrame(written[0])
  const frame = framed ? frameOf(written[0]!, place) : undefined
  const inner = aggregate ? { ...place, inside: first.name } : place
  const args = (framed ? written.slice(1) : written).map(a => resolveExpression(a, inner))
  if (aggregate) checkOuter(first.name, args, place)
  const how = { quantifier, frame, nameSpan, span }
  if (first.name === 'REGION') return region(forms, args, how, place)
  if (first.name === 'ivo_geom_transform' || first.name === 'gavo_transform') checkFrames(args, place)
  return callOf(forms, args, how, place)
}

/** A function that is none of ours by its name. */
function foreign(
  name: string,
  written: readonly Expression[],
  quantifier: 'ALL' | 'DISTINCT' | undefined,
  nameSpan: Span,
  span: Span,
  place: Place,
): Resolved {
  const { start, end } = nameSpan
  const reading = (meant: string) =>
    place.state.notes.push({
      kind: 'repair',
      name: 'function',
      message: `${name} is not in ADQL; it is read as ${meant}`,
      start,
      end,
    })
  const same = sameFunction(name)
  if (same) {
    reading(same)
    return resolveNamed(same, written, quantifier, nameSpan, span, place)
  }
  const made = rewritten(name, written, span)
  if (made) {
    reading(made.as)
    return resolveExpression(made.expression, place)
  }
  for (const a of written) resolveExpression(a, place)
  const refused = REFUSED.get(name.toLowerCase())
  if (refused) complain(place.state, nameSpan, `${name} is not offered: ${refused}`)
  else {
    const hint = isEnough(place.state)
      ? undefined
      : (insteadOf(name) ??
        didYouMean(name, functionNames()) ??
        'The capabilities of this service list its functions.')
    complain(place.state, nameSpan, `there is no function ${name}`, hint)
  }
  return unknown(span)
}

interface How {
  readonly quantifier: 'ALL' | 'DISTINCT' | undefined
  readonly frame: Frame | undefined
  readonly nameSpan: Span
  readonly span: Span
}

/** A call of one of the forms, whichever takes the arguments. */
export function callOf(forms: readonly Form[], args: readonly Resolved[], how: How, place: Place): Resolved {
  const { start, end } = how.span
  const form = forms.find(f => takes(f, args))
  if (!form) {
    if (!args.some(a => a.type === 'unknown')) complainArguments(forms, args, how.span, place)
    return unknown(how.span)
  }
  const { quantifier, frame } = how
  let converted = args.map((a, i) => convert(a, parameterAt(form, i), place))
  let type = typeOf(form.result)
  if (form.result === 'ANY') {
    const common = commonOf(args)
    if (!common) {
      complain(place.state, how.span, `the arguments of ${form.name} are of different types`)
      return unknown(how.span)
    }
    type = common
    converted = converted.map(a => cast(a, common))
  } else if (form.result === 'NUMERIC') {
    const isValue = (_: Resolved, i: number) => parameterAt(form, i) !== 'INTEGER'
    type = converted
      .filter(isValue)
      .map(a => a.type)
      .reduce(numericResult)
    // LAG(real, 1, 0) is real to PostgreSQL, and double to those who add the two.
    if (form.kind === 'window') converted = converted.map((a, i) => (isValue(a, i) ? cast(a, type) : a))
  } else if (form.result === 'GEOMETRY') type = converted.at(-1)?.type ?? 'unknown'
  if (
    form.name === 'CONTAINS' &&
    args[1]?.type === 'point' &&
    isGeometry(args[0]!.type) &&
    args[0]!.type !== 'point'
  ) {
    const message =
      'CONTAINS(shape, position) is never true: the position comes first, CONTAINS(position, shape)'
    place.state.notes.push({ kind: 'advice', name: 'CONTAINS', message, start, end })
  }
  if (form.name === 'RAND' && args.length > 0) {
    const message = 'the seed of RAND has no effect (its meaning is undefined in ADQL 2.1)'
    place.state.notes.push({ kind: 'advice', name: 'RAND', message, start, end })
  }
  return { kind: 'call', form, args: converted, quantifier, frame, type, start, end }
}

function takes(form: Form, args: readonly Resolved[]): boolean {
  const { length } = form.parameters
  if (args.length < length || (args.length > length && !form.variadic)) return false
  if (form.name === 'POLYGON' && length === 6 && args.length % 2 === 1) return false
  return args.every((a, i) => accepts(parameterAt(form, i), a.type))
}

function convert(arg: Resolved, parameter: ParameterType, place: Place): Resolved {
  if (parameter === 'TIMESTAMP' && arg.type === 'char')
    return asTimestamp(arg, c => place.state.complaints.push(c))
  if (arg.type !== 'null' || parameter === 'ANY' || parameter === 'GEOMETRY') return arg
  return cast(arg, parameter === 'NUMERIC' ? 'double' : typeOf(parameter))
}

function checkAggregate(name: string, span: Span, place: Place): void {
  if (place.inside) {
    complain(
      place.state,
      span,
      `${name} cannot be nested in ${place.inside}`,
      'Compute the inner one in a sub-query.',
    )
  } else if (place.clause === 'WHERE') {
    complain(place.state, span, `${name} cannot stand in WHERE`, 'Conditions on groups belong into HAVING.')
  } else if (place.clause === 'ON' || place.clause === 'GROUP BY') {
    complain(place.state, span, `${name} cannot stand in ${place.clause}`)
  }
}

/** SQL gives an aggregate of outer columns alone to the outer query, which is hardly ever meant. */
function checkOuter(name: string, args: readonly Resolved[], place: Place): void {
  if (!place.scope.parent) return
  const own = new Set(place.scope.joined.flatMap(j => j.relations))
  const columns = args.flatMap(columnsIn)
  const outer = columns[0]
  if (!outer || columns.some(c => own.has(c.relation))) return
  const tables = [...own].map(r => r.name).join(', ')
  complain(
    place.state,
    outer,
    `${outer.column.name} is no column of ${tables}, but of a table outside this sub-query`,
    `${name} here takes columns of the sub-query's own tables.`,
  )
}

const mayBeFrame = (e: Expression | undefined): boolean => e?.kind === 'string' || e?.kind === 'null'

/** The first word of a coordinate system; what follows it, a reference position, makes no difference here. */
const SYSTEMS: Record<string, Frame> = {
  '': 'ICRS',
  ICRS: 'ICRS',
  UNKNOWNFRAME: 'ICRS',
  // Agrees with ICRS to 0.02″, and as ICRS its positions find the index.
  J2000: 'ICRS',
  FK5: 'ICRS',
  B1950: 'FK4',
  FK4: 'FK4',
  GALACTIC: 'GALACTIC',
  GALACTIC_II: 'GALACTIC',
  SUPER_GALACTIC: 'SUPER_GALACTIC',
  SUPERGALACTIC: 'SUPER_GALACTIC',
  ECLIPTIC: 'ECLIPTIC',
}

function frameOf(e: Expression, place: Place): Frame | undefined {
  return e.kind === 'string' ? frameNamed(e.value, e, place) : undefined
}

function frameNamed(value: string, span: Span, place: Place): Frame | undefined {
  const frame = value.trim().split(/\s+/)[0]!.toUpperCase()
  const known = SYSTEMS[frame]
  if (known) return known === 'ICRS' ? undefined : known
  complain(
    place.state,
    span,
    `the coordinate system '${value}' is not known here`,
    `${didYouMean(frame, FRAME_NAMES) ?? `Use ${oneOf(FRAME_NAMES)}.`} Without one, coordinates are ICRS.`,
  )
  return undefined
}

function checkFrames(args: readonly Resolved[], place: Place): void {
  for (const arg of args.slice(0, 2)) {
    if (arg.type === 'unknown') continue
    if (arg.kind === 'string' && isFrame(arg.value)) continue
    const message =
      arg.kind === 'string'
        ? `the frame '${arg.value}' is not known here`
        : 'a frame must be a string in single quotes'
    complain(place.state, arg, message, `Frames are ${FRAME_NAMES.join(', ')}.`)
  }
}

/** The shape that an STC-S literal is, as a call with numbers. */
function region(forms: readonly Form[], args: readonly Resolved[], how: How, place: Place): Resolved {
  const [literal] = args
  if (literal?.kind !== 'string' || args.length > 1) {
    if (literal?.type === 'char') {
      complain(place.state, literal, "REGION takes a string literal, as in REGION('CIRCLE ICRS 10 20 0.5')")
      return unknown(how.span)
    }
    return callOf(forms, args, how, place)
  }
  const stcs = parseStcs(literal.value)
  if (typeof stcs === 'string') {
    complain(place.state, literal, stcs)
    return unknown(how.span)
  }
  return regionValue(stcs, literal, how, place)
}

function regionValue(stcs: StcsRegion, literal: Span, how: How, place: Place): Resolved {
  if (stcs.kind !== 'shape') {
    const args = stcs.parts.map(part => regionValue(part, literal, how, place))
    const { start, end } = how.span
    const form = COMPOUND_FORMS[stcs.kind]
    return { kind: 'call', form, args, quantifier: undefined, frame: undefined, type: 'polygon', start, end }
  }
  const { start, end } = literal
  const frame = frameNamed(stcs.frame, literal, place)
  const numbers = stcs.numbers.map(
    (n): Resolved => ({ kind: 'number', text: String(n), type: 'double', start, end }),
  )
  return callOf(formsOf(stcs.call), numbers, { ...how, frame }, place)
}

/** ADQL 2.1 §4.9. */
function inUnit(e: ExpressionOf<'call'>, place: Place): Resolved {
  const { start, end } = e
  const [value, unit] = e.args
  if (!value || !unit || e.args.length !== 2 || unit.kind !== 'string') {
    complain(
      place.state,
      unit ?? e,
      "IN_UNIT takes a number and a unit in single quotes, as in IN_UNIT(flux, 'mJy')",
    )
    return unknown(e)
  }
  const operand = resolveExpression(value, place)
  if (operand.type === 'unknown') return unknown(e)
  if (!accepts('DOUBLE', operand.type)) {
    complain(place.state, value, `IN_UNIT converts numbers, not ${inWords(operand.type)}`)
    return unknown(e)
  }
  const from = unitOf(operand)
  if (from === undefined || from === '') {
    complain(place.state, value, 'the unit of this value is not known, so it cannot be converted')
    return unknown(e)
  }
  const result = conversion(from, unit.value)
  if ('problem' in result) {
    complain(place.state, result.of === 'to' ? unit : value, result.problem)
    return unknown(e)
  }
  return { kind: 'unit', operand, factor: result.factor, unit: unit.value, type: 'double', start, end }
}
