/** Positions in CONTAINS and DISTANCE that have no index, of tables that have one on another pair of columns. */

import { toIcrs } from '../adql/frames.ts'
import type { Resolved } from '../adql/tree.ts'
import type { Advised, Found } from './advice.ts'
import {
  columnsIn,
  conjuncts,
  everyExpression,
  everySelect,
  isColumn,
  numberOf,
  positioned,
} from './advice-tree.ts'

export function positionNotIndexed({ query }: Advised): Found[] {
  return everySelect(query).flatMap(select => {
    const tables = positioned(select)
    return conjuncts(select)
      .flatMap(everyExpression)
      .flatMap(e => {
        if (e.kind !== 'call' || !/^(CONTAINS|INTERSECTS|DISTANCE)$/.test(e.form.name)) return []
        return e.args.flatMap(arg => {
          const found = tables.find(t => columnsIn(arg).some(c => c.relation === t.relation))
          return found && arg.type === 'point' ? (elsewhere(arg, found, e) ?? []) : []
        })
      })
  })
}

function elsewhere(
  point: Resolved,
  { relation, table, ra, dec }: ReturnType<typeof positioned>[number],
  call: Resolved & { kind: 'call' },
): Found | undefined {
  const { position } = table
  const { start, end } = point
  if (!position || point.kind !== 'call' || point.form.name !== 'POINT') return undefined
  const [lon, lat] = point.args as [Resolved, Resolved]
  const indexed = isColumn(lon, relation, position.ra) && isColumn(lat, relation, position.dec)
  if (indexed && !point.frame) return undefined
  const replacement = `POINT(${ra}, ${dec})`
  const where = `${table.schema}.${table.name}`
  if (isColumn(lon, relation, position.dec) && isColumn(lat, relation, position.ra)) {
    const message = 'POINT takes the longitude first'
    return { start, end, message, hint: `Write ${replacement}`, replacement }
  }
  const message = `this position of ${where} has no index, and the one of ${ra} and ${dec} has`
  const circle = call.args.find(arg => arg.kind === 'call' && arg.form.name === 'CIRCLE')
  const rotated = point.frame && circle?.kind === 'call' ? rotatedCircle(circle, point.frame) : undefined
  if (rotated === undefined)
    return { start, end, message, hint: `Where it means the same, write ${replacement}` }
  const contains = `1 = CONTAINS(${replacement}, ${rotated})`
  return { start, end, message, hint: `In ICRS the condition is ${contains}` }
}

/** A circle of numbers in another frame, in ICRS. */
function rotatedCircle(
  circle: Resolved & { kind: 'call' },
  frame: Parameters<typeof toIcrs>[0],
): string | undefined {
  const numbers = circle.args
    .flatMap(arg => (arg.kind === 'call' ? arg.args : [arg]))
    .map(arg => numberOf(arg))
  const [lon, lat, radius] = numbers
  if (lon === undefined || lat === undefined || radius === undefined) return undefined
  const [ra, dec] = toIcrs(frame, lon, lat)
  return `CIRCLE(${Number(ra.toFixed(7))}, ${Number(dec.toFixed(7))}, ${radius})`
}
