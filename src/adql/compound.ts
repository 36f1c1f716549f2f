/**
 * Regions that pgSphere has no value for: Union, Intersection and Not of REGION, and polygons that reach beyond a
 * hemisphere, which are unions of triangles. CONTAINS and INTERSECTS of them become AND, OR and NOT of the same about
 * their parts, where that is true; where it is not (a circle may lie in a union and in neither part of it), the
 * function stands as it was, and `geometry` says so.
 */
import type { Span } from './ast.ts'
import { type Form, formsOf } from './functions.ts'
import type { Planned, PlannedStage } from './plan.ts'
import { largePolygon, type Position } from './shapes.ts'
import type { StcsCompound } from './stcs.ts'
import type { Call } from './tree.ts'

export type CompoundKind = StcsCompound['kind']

const form = (name: string): Form => ({
  name,
  signature: '',
  parameters: [],
  variadic: true,
  result: 'POLYGON',
  template: [],
  description: '',
  kind: 'geometry',
  userDefined: false,
  predicate: false,
})

export const COMPOUND_FORMS: Record<CompoundKind, Form> = {
  union: form('Union'),
  intersection: form('Intersection'),
  not: form('Not'),
}

const POINT = formsOf('POINT')[0]!
const POLYGON = formsOf('POLYGON').find(f => f.parameters[0]?.type === 'POINT')!

/** Which compound a value is, if it is one. */
export function compoundKind(e: Planned): CompoundKind | undefined {
  if (e.kind !== 'call') return undefined
  return (Object.keys(COMPOUND_FORMS) as CompoundKind[]).find(kind => COMPOUND_FORMS[kind] === e.form)
}

interface Compound {
  readonly kind: CompoundKind
  readonly parts: readonly Planned[]
}

function compoundOf(e: Planned): Compound | undefined {
  const kind = compoundKind(e)
  if (kind) return { kind, parts: (e as Call<PlannedStage>).args }
  const triangles = largePolygon(e)
  return triangles && { kind: 'union', parts: triangles.map(t => polygonCall(t, e)) }
}

function polygonCall(vertices: readonly Position[], { start, end }: Span): Planned {
  const made = (form: Form, type: 'point' | 'polygon', args: readonly Planned[]): Planned => ({
    kind: 'call',
    form,
    args,
    quantifier: undefined,
    frame: undefined,
    type,
    start,
    end,
  })
  const number = (n: number): Planned => ({ kind: 'number', text: String(n), type: 'double', start, end })
  return made(
    POLYGON,
    'polygon',
    vertices.map(v => made(POINT, 'point', v.map(number))),
  )
}

/** The truth of a predicate about two shapes, neither of which is a compound that can be taken apart. */
export type Atom = (name: 'CONTAINS' | 'INTERSECTS', a: Planned, b: Planned, filter: boolean) => Planned

/** `atom`, or what it comes to for the parts of compounds. */
export function ofParts(
  name: 'CONTAINS' | 'INTERSECTS',
  a: Planned,
  b: Planned,
  filter: boolean,
  atom: Atom,
): Planned {
  const of = (n: typeof name, x: Planned, y: Planned, inFilter = filter) => ofParts(n, x, y, inFilter, atom)
  const [inner, outer] = [compoundOf(a), compoundOf(b)]
  // A position that touches a shape lies in it.
  const within = name === 'CONTAINS' || a.type === 'point' || b.type === 'point'
  const [position, region, parts] = b.type === 'point' && inner ? [b, a, inner] : [a, b, outer]
  if (within && position.type === 'point' && parts && !(name === 'CONTAINS' && position === b)) {
    if (parts.kind === 'not') return not(of(name, position, parts.parts[0]!, false), region)
    return all(
      parts.kind === 'union' ? 'or' : 'and',
      parts.parts.map(p => of(name, position, p)),
      region,
    )
  }
  if (name === 'CONTAINS') {
    if (outer?.kind === 'intersection')
      return all(
        'and',
        outer.parts.map(p => of(name, a, p)),
        b,
      )
    if (outer?.kind === 'not') return not(of('INTERSECTS', a, outer.parts[0]!, false), b)
    if (inner?.kind === 'union')
      return all(
        'and',
        inner.parts.map(p => of(name, p, b)),
        a,
      )
    return atom(name, a, b, filter)
  }
  if (outer?.kind === 'union')
    return all(
      'or',
      outer.parts.map(p => of(name, a, p)),
      b,
    )
  if (inner?.kind === 'union')
    return all(
      'or',
      inner.parts.map(p => of(name, p, b)),
      a,
    )
  if (outer?.kind === 'not') return not(of('CONTAINS', a, outer.parts[0]!, false), b)
  if (inner?.kind === 'not') return not(of('CONTAINS', b, inner.parts[0]!, false), a)
  return atom(name, a, b, filter)
}

const not = (operand: Planned, { start, end }: Span): Planned => ({
  kind: 'not',
  operand,
  type: 'boolean',
  start,
  end,
})

/** Balanced: a region may have a thousand parts. */
function all(kind: 'and' | 'or', parts: readonly Planned[], at: Span): Planned {
  if (parts.length === 1) return parts[0]!
  const middle = parts.length >> 1
  const [left, right] = [all(kind, parts.slice(0, middle), at), all(kind, parts.slice(middle), at)]
  return { kind, left, right, type: 'boolean', start: at.start, end: at.end }
}
