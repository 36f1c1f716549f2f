/** A table with every type and every awkward value, and its reading by astropy and stilts, to compare with. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Field, isString, shapeOf } from '../../src/votable/field.ts'
import { python } from '../support/python.ts'
import type { Value } from '../support/rows.ts'

export const FIELDS: readonly Field[] = [
  { name: 'bool', datatype: 'boolean' },
  { name: 'ubyte', datatype: 'unsignedByte' },
  { name: 'short', datatype: 'short' },
  { name: 'int', datatype: 'int', unit: 's', ucd: 'time.duration', description: 'a < b & "c" > d' },
  { name: 'long', datatype: 'long', ucd: 'meta.id;meta.main' },
  { name: 'float', datatype: 'float', unit: 'mag' },
  { name: 'double', datatype: 'double', unit: 'deg', utype: 'a:b.c' },
  { name: 'fcomplex', datatype: 'floatComplex' },
  { name: 'dcomplex', datatype: 'doubleComplex' },
  { name: 'text', datatype: 'char', arraysize: '*' },
  { name: 'text8', datatype: 'char', arraysize: '8*' },
  { name: 'char4', datatype: 'char', arraysize: '4' },
  { name: 'unicode', datatype: 'unicodeChar', arraysize: '*' },
  { name: 'unicode4', datatype: 'unicodeChar', arraysize: '4' },
  { name: 'bits10', datatype: 'bit', arraysize: '10' },
  { name: 'bools', datatype: 'boolean', arraysize: '*' },
  { name: 'bytes', datatype: 'unsignedByte', arraysize: '*' },
  { name: 'shorts', datatype: 'short', arraysize: '*' },
  { name: 'ints3', datatype: 'int', arraysize: '3' },
  { name: 'longs', datatype: 'long', arraysize: '*' },
  { name: 'floats', datatype: 'float', arraysize: '*' },
  { name: 'doubles2x3', datatype: 'double', arraysize: '2x3' },
  { name: 'time', datatype: 'char', arraysize: '*', xtype: 'timestamp' },
  { name: 'point', datatype: 'double', arraysize: '2', xtype: 'point' },
  { name: 'circle', datatype: 'double', arraysize: '3', xtype: 'circle' },
  { name: 'polygon', datatype: 'double', arraysize: '*', xtype: 'polygon' },
]

const BITS = [true, false, true, true, false, false, false, true, false, true]

/** Row 1: all NULL. No row holds the smallest integers, which BINARY and FITS cannot tell from NULL. */
export const ROWS: readonly (readonly Value[])[] = [
  [
    true,
    255,
    32767,
    2147483647,
    9223372036854775807n,
    Math.fround(3.4028234e38),
    1.7976931348623157e308,
    [1.5, -2.5],
    [1e-300, 0.1],
    'a <b> & "c", \'d\'',
    'eight888',
    'abcd',
    'Zürich 😀 &<>',
    'ñ€x',
    BITS,
    [true, false, null],
    Buffer.from([0, 1, 127, 128, 255]),
    [-32767, 0, 32767],
    [1, -2, 3],
    [9007199254740993n, -9223372036854775807n],
    [Math.fround(0.1), Number.NaN, Infinity, -Infinity, null],
    [
      [1, 2],
      [3, 4],
      [5, 6.5],
    ],
    '2024-02-29T23:59:60.123Z',
    [10.684, 41.269],
    [10, -20, 0.5],
    [10, 10, 10.2, 10, 10.2, 10.2],
  ],
  FIELDS.map(() => null),
  [
    false,
    0,
    -32767,
    -2147483647,
    -9223372036854775807n,
    Infinity,
    -Infinity,
    [0, 0],
    [-0.5, 1e300],
    '',
    '',
    '',
    '',
    '',
    BITS.map(bit => !bit),
    [],
    Buffer.alloc(0),
    [],
    [0, 0, 0],
    [],
    [],
    [
      [Number.NaN, Infinity],
      [-Infinity, -0.5],
      [1e-5, 123456789.125],
    ],
    '2000-01-01T00:00:00',
    [0, -90],
    [359.999, 89.5, 180],
    [],
  ],
  [
    null,
    null,
    null,
    null,
    9007199254740991n,
    Math.fround(1e-45),
    5e-324,
    null,
    null,
    ' leading and trailing ',
    'x',
    'ab',
    'line\nbreak\ttab',
    'a',
    BITS,
    [false],
    Buffer.from([9]),
    [7],
    [2147483647, -2147483647, 0],
    [0n],
    [Math.fround(16777217)],
    null,
    null,
    null,
    null,
    null,
  ],
  [true, 1, 0, 0, 9007199254740993n, Number.NaN, Number.NaN, ...FIELDS.slice(7).map(() => null)],
  [true, 1, 0, 0, -9007199254740993n, Math.fround(-0.1), 0.1 + 0.2, ...FIELDS.slice(7).map(() => null)],
]

export type Read = null | boolean | string | readonly Read[]

/** A value in the form in which readings are compared: numbers as their digits, arrays flat, NULL as null. */
export function canonical(value: Value): Read {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') return value
  if (Buffer.isBuffer(value)) return [...value].map(String)
  if (Array.isArray(value)) return (value.flat(9) as readonly Value[]).map(canonical)
  return String(value)
}

/** What tells no difference in VOTable: NULL, and NaN, an empty string, an empty array, an array of NaN. */
export function sameInVotable(field: Field, value: Read): Read {
  if (value === null) return null
  const { variable } = shapeOf(field)
  if (Array.isArray(value)) {
    const items = value.map(item =>
      item === 'NaN' || (item === null && /^(float|double)/.test(field.datatype)) ? 'NaN' : item,
    )
    return (variable && items.length === 0) || items.every(item => item === 'NaN') ? null : items
  }
  if (isString(field)) return value === '' ? null : value
  return value === 'NaN' ? null : value
}

const READ = `
import sys, io, json, warnings, numpy as np
warnings.simplefilter('ignore')
from astropy.io import votable
from astropy.table import Table
def number(x):
    if isinstance(x, (bool, np.bool_)): return bool(x)
    if isinstance(x, (int, np.integer)): return str(int(x))
    if isinstance(x, (complex, np.complexfloating)): return [number(float(x.real)), number(float(x.imag))]
    if isinstance(x, (str, np.str_)): return str(x)
    if isinstance(x, bytes): return x.decode('utf-8')
    x = float(x)
    if x != x: return 'NaN'
    if x in (float('inf'), -float('inf')): return 'Infinity' if x > 0 else '-Infinity'
    return repr(x)
def cell(x):
    if x is None or x is np.ma.masked: return None
    if isinstance(x, np.ma.MaskedArray):
        if x.shape == (): return None if x.mask else number(x.item())
        if x.size and np.all(x.mask): return None
        return [None if m else number(v) for v, m in zip(x.data.flat, np.ma.getmaskarray(x).flat)]
    if isinstance(x, np.ndarray): return [number(v) for v in x.flat]
    return number(x)
kind = sys.argv[1]
data = io.BytesIO(sys.stdin.buffer.read())
if kind == 'votable':
    table = votable.parse(data).get_first_table()
    columns = [table.array[f.ID] for f in table.fields]
else:
    t = Table.read(data, format=kind)
    columns = [t[n] for n in t.colnames]
rows = len(columns[0]) if columns else 0
print(json.dumps([[cell(c[i]) for c in columns] for i in range(rows)]))
`

/** Rows as astropy reads them. */
export function readAstropy(bytes: Uint8Array, format = 'votable'): Read[][] {
  return JSON.parse(python(READ, bytes, [format]).toString())
}

/** Why stilts cannot be asked here, or false. */
export function withoutStilts(): string | false {
  return spawnSync('stilts', ['-version']).status === 0 ? false : 'stilts is not installed'
}

/** Runs stilts on a file of these bytes, which its arguments name as `@`. */
export function stilts(bytes: Uint8Array, ...args: string[]): Buffer {
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-'))
  const file = path.join(folder, 'table')
  try {
    writeFileSync(file, bytes)
    const run = spawnSync(
      'stilts',
      args.map(arg => arg.replace('@', file)),
      { maxBuffer: 2 ** 28 },
    )
    if (run.status !== 0) throw new Error(`stilts failed:\n${run.stderr}\n${run.stdout}`)
    return run.stdout
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Rows as STIL reads them, handed on as BINARY2. */
export function readStilts(bytes: Uint8Array, format: string): Read[][] {
  return readAstropy(
    stilts(bytes, 'tpipe', 'in=@', `ifmt=${format}`, 'cmd=clearparams *', 'ofmt=votable-binary2'),
  )
}

/** Numbers of a reading spelled as JavaScript does: Python has 1e+20 and 1.0 where it has 100000000000000000000 and 1. */
export function spelled(field: Field, value: Read): Read {
  if (Array.isArray(value)) return value.map(item => spelled(field, item))
  if (typeof value !== 'string' || !/^(float|double)/.test(field.datatype)) return value
  const number = Number(value)
  return String(field.datatype.startsWith('float') ? Math.fround(number) : number)
}
