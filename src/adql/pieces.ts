/**
 * `s_region` of ObsCore is NULL where an image is larger than what a polygon of pgSphere outlines; such an image has
 * pieces that cover it and pieces of the sky that it leaves free (sql/000015). CONTAINS and INTERSECTS of the column ask
 * those, too: what touches an image touches a piece, an image lies within a shape with all of its pieces, and a shape
 * lies within an image when it touches nothing that the image leaves free.
 */
import type { Printable } from './geometry.ts'
import type { Planned, Test } from './plan.ts'
import type { ColumnReference } from './tree.ts'

const KEY = 'obs_publisher_did'
const COVERED = 'almagest.obscore_part'
const FREE = 'almagest.obscore_gap'

/** What `geometry` makes of the parts of a predicate. */
export interface Made {
  readonly truth: (e: Test) => Printable
  readonly value: (e: Planned) => Printable
  readonly fragment: (sql: string, args: readonly Printable[]) => Printable
}

/** The predicate with what it comes to for images in pieces; undefined where it asks no such column. */
export function ofPieces(e: Test, { truth, value, fragment }: Made): Printable | undefined {
  const { args } = e.call
  const i = args.findIndex(arg => keyOf(arg) !== undefined)
  const region = args[i]
  if (region?.kind !== 'column' || args.some(arg => arg.type === 'moc') || args[1]?.type === 'point')
    return undefined
  const contains = e.call.form.name === 'CONTAINS'
  const other = args[1 - i]!
  // No word of a query is a name with a blank.
  const piece = `"piece ${i}"`
  const asked = (arg: ColumnReference, filter: boolean, name = e.call.form.name) =>
    truth({
      ...e,
      filter,
      call: { ...e.call, form: { ...e.call.form, name }, args: i === 0 ? [arg, other] : [other, arg] },
    })
  const plain: ColumnReference = { ...region, relation: { ...region.relation, table: undefined } }
  const ofPiece: ColumnReference = {
    ...plain,
    relation: { ...plain.relation, alias: piece },
    column: { ...plain.column, sqlName: 'region' },
  }
  const key = value(keyOf(region)!)
  const some = (of: string, condition = '') =>
    `EXISTS (SELECT FROM ${of} AS ${piece} WHERE ${piece}.${KEY} = $2${condition})`
  const own = asked(plain, e.filter)
  // Once for the query where the shape is a constant, and then by the index on the identifier.
  if (e.filter && !(contains && (i === 0 || other.type !== 'point')))
    return fragment(`$1 OR $2 = ANY (ARRAY(SELECT ${piece}.${KEY} FROM ${COVERED} AS ${piece} WHERE $3))`, [
      own,
      key,
      asked(ofPiece, true),
    ])
  const verdict =
    contains && i === 0
      ? `NOT ${some(COVERED, ' AND NOT $4')}`
      : contains && other.type !== 'point'
        ? `NOT ${some(FREE, ' AND $4')}`
        : some(COVERED, ' AND $4')
  const needed = valuesIn(other)
  const known = needed.map((_, n) => `$${n + 5} IS NOT NULL AND `).join('')
  const inPieces = `$3 IS NULL AND ${known}${some(COVERED)}`
  return fragment(
    e.filter ? `$1 OR (${inPieces} AND ${verdict})` : `CASE WHEN ${inPieces} THEN ${verdict} ELSE $1 END`,
    [
      own,
      key,
      value(plain),
      asked(ofPiece, false, contains && i === 1 && other.type !== 'point' ? 'INTERSECTS' : undefined),
      ...needed.map(value),
    ],
  )
}

/** Without which a shape is NULL. */
function valuesIn(shape: Planned): readonly Planned[] {
  if (shape.kind === 'call' && shape.form.kind === 'geometry') return shape.args.flatMap(valuesIn)
  return shape.kind === 'number' ? [] : [shape]
}

/** The identifier beside `s_region` of the view over images from files. */
function keyOf(e: Planned): ColumnReference | undefined {
  if (e.kind !== 'column' || e.column.stored !== 'spoly' || e.column.sqlName !== 's_region') return undefined
  const { table } = e.relation
  if (table?.sqlSchema !== 'ivoa' || !/^obscore(_seen)?$/.test(table.sqlName)) return undefined
  const column = e.relation.columns.find(({ sqlName }) => sqlName === KEY)
  return column && { ...e, column, type: column.type }
}
