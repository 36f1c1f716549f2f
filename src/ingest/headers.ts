/** The columns of all files of one table, which must be the same in each. */
import { sqlType } from '../db/sql-type.ts'
import { ServiceError } from '../error.ts'
import { widerField } from '../formats/read/guess.ts'
import type { Field } from '../votable/field.ts'
import { isString } from '../votable/field.ts'
import type { Systems } from '../votable/table-source.ts'
import { type FileReader, readHere } from './file-rows.ts'
import { eachFile } from './file-threads.ts'

export interface Headers {
  readonly fields: readonly Field[]
  /** The types are guesses from the values, and may be made wider. */
  readonly guessed: boolean
  /** Columns without any value in any of the files. */
  readonly untyped?: ReadonlySet<number>
  /** Rows of all files, where all say so. */
  readonly rows: number | undefined
  readonly systems: Systems
  readonly description: string | undefined
}

export async function readHeaders(
  files: readonly string[],
  select: string | undefined,
  notices: string[],
  readers: readonly FileReader[] = [readHere],
): Promise<Headers> {
  const headers = await eachFile(files, readers, (reader, file) => reader.header(file, select))
  let all: Headers | undefined
  for (const [i, source] of headers.entries()) {
    const file = files[i]!
    for (const notice of source.notices) notices.push(`${file}: ${notice}`)
    if (!all) {
      all = source
      continue
    }
    all = {
      fields: merged(all, source, files[0]!, file),
      guessed: all.guessed && source.guessed,
      untyped: new Set([...(all.untyped ?? [])].filter(i => source.untyped?.has(i))),
      rows: all.rows === undefined || source.rows === undefined ? undefined : all.rows + source.rows,
      systems: all.systems,
      description: all.description,
    }
  }
  return all!
}

/** Strings may differ in length from file to file, guesses in their types; all else must not. */
function merged(one: Headers, other: Headers, first: string, file: string): Field[] {
  const refuse = (what: string) =>
    new ServiceError('usage', `${file} has not the columns of ${first}: ${what}.`, {
      detail: 'Files of one table must have the same columns in the same order.',
    })
  const { fields } = one
  if (fields.length !== other.fields.length)
    throw refuse(`${other.fields.length} columns, not ${fields.length}`)
  return fields.map((a, i) => {
    const b = other.fields[i]!
    if (a.name !== b.name) throw refuse(`column ${i + 1} is ${b.name}, not ${a.name}`)
    if (other.untyped?.has(i)) return a
    if (one.untyped?.has(i)) return b
    const type = commonType(a, one.guessed, b, other.guessed)
    if (!type) throw refuse(`column ${a.name} is ${sqlType(b)}, not ${sqlType(a)}`)
    if (a.unit !== b.unit && !other.guessed)
      throw refuse(`the unit of ${a.name} is ${b.unit ?? 'none'}, not ${a.unit ?? 'none'}`)
    if (a.ref !== b.ref && !other.guessed)
      throw refuse(`column ${a.name} is in another system (COOSYS, TIMESYS)`)
    if (sqlType(a) !== sqlType(b)) return type
    if (a.arraysize === b.arraysize) return a
    if (isString(a) && !a.arraysize?.includes('x')) return { ...a, arraysize: '*' }
    throw refuse(`column ${a.name} has arraysize ${b.arraysize}, not ${a.arraysize}`)
  })
}

/** The field that holds both; undefined where one of them would have to change that is no guess. */
export function commonType(a: Field, aGuessed: boolean, b: Field, bGuessed: boolean): Field | undefined {
  if (sqlType(a) === sqlType(b)) return a
  const wider = widerField(a, b)
  if (!aGuessed && sqlType(wider) !== sqlType(a)) return undefined
  if (!bGuessed && sqlType(wider) !== sqlType(b)) return undefined
  return wider
}
