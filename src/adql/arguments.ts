/** What is wrong with the arguments of a call that no form of its function takes. */
import type { Span } from './ast.ts'
import { open } from './coerce.ts'
import { accepts, type Form, FRAMED, parameterAt } from './functions.ts'
import { complain, type Place } from './state.ts'
import { parseStcs } from './stcs.ts'
import type { Resolved } from './tree.ts'
import { inWords, isNumeric } from './types.ts'

/** Functions whose arguments are shapes, which people give by their numbers. */
const SHAPED = new Set(['CONTAINS', 'INTERSECTS', 'DISTANCE', 'COORD1', 'COORD2'])

const SEXAGESIMAL = /^\s*[-+]?\d+\s*[:hd°\s]\s*\d+/i

export function complainArguments(
  forms: readonly Form[],
  args: readonly Resolved[],
  span: Span,
  place: Place,
): void {
  const first = forms[0]!
  if (
    first.name === 'POLYGON' &&
    args.length >= 6 &&
    args.length % 2 === 1 &&
    args.every(a => accepts('DOUBLE', a.type))
  ) {
    complain(
      place.state,
      span,
      `the coordinates of POLYGON come in pairs, and these are ${args.length} numbers`,
    )
    return
  }
  if (FRAMED.has(first.name.toLowerCase()) && args[0]?.type === 'char' && args[0].kind !== 'string') {
    const message = `the coordinate system of ${first.name} must be a text in quotes`
    complain(place.state, args[0], message, `As in ${first.name}('ICRS', …), or leave it out.`)
    return
  }
  const sexagesimal = args.find(a => a.kind === 'string' && SEXAGESIMAL.test(a.value))
  if (sexagesimal?.kind === 'string' && forms.some(f => f.parameters.some(p => p.type === 'DOUBLE'))) {
    const { value } = sexagesimal
    const hint = `Degrees are numbers; of a text: ivo_hms_to_degrees('${value}') or ivo_dms_to_degrees('${value}').`
    complain(place.state, sexagesimal, `'${value}' is a text, not a number of degrees`, hint)
    return
  }
  const signatures = forms.map(f => `  ${f.signature}`).join('\n')
  const hint = forms.length === 1 ? `It is ${first.signature}` : `It is one of\n${signatures}`
  const counted = forms.filter(
    f => args.length >= f.parameters.length && (f.variadic || args.length === f.parameters.length),
  )
  const wrong =
    counted.length === 1 ? args.findIndex((a, i) => !accepts(parameterAt(counted[0]!, i), a.type)) : -1
  if (wrong >= 0) {
    const parameter = counted[0]!.parameters[wrong]
    const arg = args[wrong]!
    const stcs =
      parameter?.type === 'GEOMETRY' && arg.kind === 'string' && typeof parseStcs(arg.value) !== 'string'
    const name = parameter ? ` (${parameter.name})` : ''
    complain(
      place.state,
      args[wrong]!,
      `argument ${wrong + 1}${name} of ${first.name} cannot be ${inWords(arg.type)}`,
      stcs ? `As a shape it is REGION('${arg.value}').` : hint,
    )
  } else if (counted.length > 0) {
    const given = args.map(a => (open(a) ? 'NULL' : inWords(a.type))).join(', ')
    complain(place.state, span, `${first.name} does not take (${given})`, hint)
  } else {
    const count = args.length === 1 ? '1 argument' : `${args.length} arguments`
    const pairs = SHAPED.has(first.name) && args.some(a => isNumeric(a.type))
    const point = pairs ? 'A position is POINT(ra, dec). ' : ''
    complain(place.state, span, `${first.name} does not take ${count}`, point + hint)
  }
}
