/** The rows of a batch: positions or objects with sizes and bands, from a table in any format that can be read. */
import path from 'node:path'
import { ServiceError } from '../../error.ts'
import { openTable } from '../../formats/read/open.ts'
import { type Field, wireType } from '../../votable/field.ts'

export interface Wanted {
  /** Number of the row, from 1. */
  readonly row: number
  /** Its identifier or name, where the table has one. */
  readonly name: string | undefined
  /** ICRS degrees; undefined: the position is that of the object `name`. */
  readonly ra: number | undefined
  readonly dec: number | undefined
  /** Arcminutes; undefined: that of the request. */
  readonly width: number | undefined
  readonly height: number | undefined
  /** Empty: those of the request. */
  readonly bands: readonly string[]
}

/** More rows are several batches. */
export const MOST_POSITIONS = 100_000

/** Names of DES' cutout service first, and what catalogues call them; UCDs go before names. */
const NAMES = {
  ra: /^(ra|raj2000|ra_?icrs|ra_?deg|alpha|alphawin_j2000|alpha_j2000|lon)$/i,
  dec: /^(dec|decl|dej2000|decj2000|de_?icrs|dec_?deg|delta|deltawin_j2000|delta_j2000|lat)$/i,
  id: /^(coadd_object_id|object_?id|source_?id|id|name|target|object)$/i,
  width: /^(xsize|width|size)$/i,
  height: /^(ysize|height)$/i,
  bands: /^(bands?|colou?rs?|filters?)$/i,
}

type Role = keyof typeof NAMES

export async function positionsOf(file: string, title: string): Promise<readonly Wanted[]> {
  const table = await openTable(file, { title, folder: path.dirname(file) })
  try {
    const columns = rolesOf(table.fields)
    if (
      (columns.ra === undefined) !== (columns.dec === undefined) ||
      (columns.ra === undefined && columns.id === undefined)
    )
      throw new ServiceError(
        'usage',
        `${title} has no columns with positions (RA, DEC) or identifiers of objects (ID)`,
        {
          detail: `It has ${table.fields.map(field => field.name).join(', ')}.`,
        },
      )
    const wanted: Wanted[] = []
    for await (const { data, starts, count } of table.batches()) {
      for (let i = 0; i < count; i++) {
        if (wanted.length === MOST_POSITIONS)
          throw new ServiceError(
            'tooLarge',
            `${title} has more than ${MOST_POSITIONS} rows; make several batches of it`,
          )
        wanted.push(wantedOf(cellsOf(data, starts[i]!, table.fields), columns, wanted.length + 1))
      }
    }
    if (wanted.length === 0) throw new ServiceError('usage', `${title} has no rows`)
    return wanted
  } finally {
    await table.close()
  }
}

function rolesOf(fields: readonly Field[]): Partial<Record<Role, number>> {
  const byUcd = (pattern: RegExp) => fields.findIndex(({ ucd }) => ucd !== undefined && pattern.test(ucd))
  const roles: Partial<Record<Role, number>> = {}
  for (const role of Object.keys(NAMES) as Role[]) {
    const main =
      role === 'ra'
        ? byUcd(/^pos\.eq\.ra;meta\.main$/i)
        : role === 'dec'
          ? byUcd(/^pos\.eq\.dec;meta\.main$/i)
          : -1
    const index = main >= 0 ? main : fields.findIndex(({ name }) => NAMES[role].test(name.trim()))
    if (index >= 0) roles[role] = index
  }
  return roles
}

type Cell = string | number | undefined

function wantedOf(cells: readonly Cell[], columns: Partial<Record<Role, number>>, row: number): Wanted {
  const cell = (role: Role) => (columns[role] === undefined ? undefined : cells[columns[role]])
  const number = (role: Role) => {
    const value = cell(role)
    return value === undefined || value === '' ? undefined : Number(value)
  }
  const name = cell('id')
  return {
    row,
    name: name === undefined || name === '' ? undefined : String(name),
    ra: number('ra'),
    dec: number('dec'),
    width: number('width'),
    height: number('height') ?? number('width'),
    bands: bandsOf(String(cell('bands') ?? '')),
  }
}

/** `g,r,i`, `g r i`, or `gri` as DES writes it; each once. */
export function bandsOf(text: string): readonly string[] {
  const words = text.split(/[\s,;/]+/).filter(word => word !== '')
  const only = words[0]
  return [...new Set(words.length === 1 && only && /^[ugrizyY]{2,6}$/.test(only) ? only : words)]
}

/** Values of a row; integers beyond 2^53 as texts. */
function cellsOf(data: Buffer, start: number, fields: readonly Field[]): Cell[] {
  let at = start + 2
  return fields.map(field => {
    const length = data.readInt32BE(at)
    const value = length < 0 ? undefined : cellOf(data, at + 4, length, wireType(field))
    at += 4 + Math.max(0, length)
    return value
  })
}

function cellOf(data: Buffer, at: number, length: number, type: string): Cell {
  switch (type) {
    case 'int2':
      return data.readInt16BE(at)
    case 'int4':
      return data.readInt32BE(at)
    case 'int8':
      return String(data.readBigInt64BE(at))
    case 'float4':
      return data.readFloatBE(at)
    case 'float8':
      return data.readDoubleBE(at)
    case 'text':
      return data.toString('utf8', at, at + length).trim()
    default:
      return undefined
  }
}
