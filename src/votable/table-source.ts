/** The shape that every reader of tables gives: what the columns are, then the rows in batches. */
import type { CooSys, TimeSys } from './document.ts'
import type { Field } from './field.ts'
import type { TableBatch } from './tuple.ts'

export interface TableSource {
  /** `ref` of a field is the ID of one of `systems`. */
  readonly fields: readonly Field[]
  /** Rows, where the file says so before they are read. */
  readonly rows: number | undefined
  readonly description: string | undefined
  readonly systems: Systems
  /** Types were worked out from the values, and another file of the same table may need wider ones. */
  readonly guessed: boolean
  /** Indexes of columns without any value, of which no type can be guessed. */
  readonly untyped?: ReadonlySet<number>
  /** Sentences for people: names changed, columns left out. Grows while the rows are read. */
  readonly notices: readonly string[]
  /** Grows while the rows are read. */
  readonly text: TextFacts
  /** Once only. */
  batches(): AsyncIterable<TableBatch>
}

/** What the texts of `char` and `unicodeChar` columns turned out to be, by the indexes of the fields. */
export interface TextFacts {
  /** Has characters outside ASCII: `unicodeChar`, whatever the file says. */
  readonly unicode: ReadonlySet<number>
  /** Has a text longer than the file says: arraysize `*`. */
  readonly long: ReadonlySet<number>
}

/** Coordinate and time systems. An ID is made of what it stands for, so that equal IDs are equal systems anywhere. */
export interface Systems {
  readonly cooSys: readonly CooSys[]
  readonly timeSys: readonly TimeSys[]
}

export const NO_SYSTEMS: Systems = { cooSys: [], timeSys: [] }

/** A column's field after its rows were read. */
export function fieldAfter(field: Field, index: number, { unicode, long }: TextFacts): Field {
  return {
    ...field,
    ...(unicode.has(index) && { datatype: 'unicodeChar' }),
    ...(long.has(index) && { arraysize: '*' }),
  }
}

/** Facts that grow. */
export interface Facts extends TextFacts {
  readonly unicode: Set<number>
  readonly long: Set<number>
}

export function newFacts(): Facts {
  return { unicode: new Set(), long: new Set() }
}
