/** Which columns of a table are its positions. */
import type { ColumnMeta, TableMeta } from '../adql/tables.ts'

export interface Position {
  /** ICRS, degrees. */
  readonly ra: ColumnMeta
  readonly dec: ColumnMeta
}

/** The indexed pair, or that with the UCDs of the main position, of any, or with the names; undefined for none. */
export function positionOf({ columns, position }: TableMeta): Position | undefined {
  const tests: ((column: ColumnMeta, which: 'ra' | 'dec') => boolean)[] = [
    ({ sqlName }, which) => sqlName === position?.[which],
    ({ field }, which) => field.ucd === `pos.eq.${which};meta.main`,
    ({ field }, which) => field.ucd === `pos.eq.${which}`,
    ({ field }, which) => field.name.toLowerCase() === which,
  ]
  for (const test of tests) {
    const [ra, dec] = (['ra', 'dec'] as const).map(which => columns.find(column => test(column, which)))
    if (ra && dec) return { ra, dec }
  }
  return undefined
}
