/** A table extension as astropy reads it, and our own reading in the same form, to be compared. */

import { wireType } from '../../../src/votable/field.ts'
import type { TableSource } from '../../../src/votable/table-source.ts'
import { python } from '../../support/python.ts'

/**
 * Values as text: floats by the hexadecimal digits of their bytes (NaN is 'nan'), integers by their decimal ones;
 * arrays as arrays; null as null.
 */
export type Value = string | null | Value[]

export interface Column {
  name: string
  unit: string | null
  ucd: string | null
  values: Value[]
}

const SCRIPT = `
import sys, json, warnings
import numpy as np
from astropy.io import fits
warnings.simplefilter('ignore')

def flat(x):
    x = np.asarray(x)
    if x.dtype.kind == 'c':
        x = x.astype('c16' if x.dtype.itemsize == 16 else 'c8').ravel().view('f8' if x.dtype.itemsize == 16 else 'f4')
    x = x.ravel()
    if x.dtype.kind == 'f':
        big = x.astype('>f%d' % x.dtype.itemsize)
        width = x.dtype.itemsize
        digits = big.tobytes().hex()
        nan = np.isnan(x).tolist()
        return ['nan' if n else digits[2*width*i:2*width*(i+1)] for i, n in enumerate(nan)]
    if x.dtype.kind == 'b':
        return ['true' if v else 'false' for v in x]
    if x.dtype.kind in 'US':
        return [str(v).rstrip(' ') for v in x]
    return [str(v) for v in x.tolist()]

def column(hdu, i):
    col = hdu.columns[i]
    card = lambda key: hdu.header.get(key + str(i + 1))
    data = hdu.data.field(i)
    raw = hdu.data.view(np.ndarray)[hdu.data.dtype.names[i]]
    if raw.dtype.kind == 'u' and card('TZERO') == -128:  # signed bytes, which astropy gives as float
        data = raw.astype('i2') - 128
    scalar = len(np.shape(data)) == 1 and data.dtype.kind not in 'Oc'
    if scalar:
        values = flat(data)
        null = [False] * len(values)
        if data.dtype.kind == 'b': null = raw == 0
        elif data.dtype.kind == 'f' and raw.dtype.kind == 'f': null = np.isnan(data)
        elif data.dtype.kind in 'US': null = [v == '' for v in values]
        elif col.null is not None: null = raw == int(card('TNULL')) if raw.dtype.kind in 'iu' else [str(v).strip() == str(card('TNULL')).strip() for v in raw.astype(str)]
        values = [None if n else v for v, n in zip(values, null)]
    else:
        values = [flat(v) for v in data]
    if str(col.format) in ('X', '1X'):
        values = [v[0] for v in values]
    if 'A' in str(col.format) and str(col.format)[:1] not in '0123456789' and data.dtype.kind == 'O':
        values = [''.join(np.asarray(v).tolist()) or None for v in data]
    return dict(name=col.name, unit=card('TUNIT') and card('TUNIT').strip(), ucd=card('TUCD') and card('TUCD').strip(), values=values)

hdu = fits.open(sys.argv[1], uint=True)[int(sys.argv[2])]
sys.stdout.write(json.dumps([column(hdu, i) for i in range(len(hdu.columns))]))
`

export function readByAstropy(file: string, hdu: number): Column[] {
  return JSON.parse(python(SCRIPT, '', [file, String(hdu)]).toString()) as Column[]
}

/** The columns of a source, and its bad rows as "row: reason". */
export async function readBySource(source: TableSource): Promise<{ columns: Column[]; bad: string[] }> {
  const columns = source.fields.map(field => ({
    name: field.name,
    unit: field.unit ?? null,
    ucd: field.ucd ?? null,
    values: [] as Value[],
  }))
  const types = source.fields.map(field => wireType(field))
  const bad: string[] = []
  let row = 0
  for await (const batch of source.batches()) {
    for (let i = 0; i < batch.count; i++) {
      row++
      let p = batch.starts[i]! + 2
      for (const [c, type] of types.entries()) {
        const length = batch.data.readInt32BE(p)
        p += 4
        columns[c]!.values.push(
          length < 0 ? null : textOf(type, batch.data.subarray(p, p + Math.max(0, length))),
        )
        p += Math.max(0, length)
      }
      const reason = batch.bad.get(i)
      if (reason !== undefined) bad.push(`${row}: ${reason}`)
    }
  }
  return { columns, bad }
}

function textOf(type: string, bytes: Buffer): Value {
  if (type.endsWith('[]')) return arrayOf(type.slice(0, -2), bytes)
  switch (type) {
    case 'bool':
      return bytes[0] ? 'true' : 'false'
    case 'int2':
      return String(bytes.readInt16BE())
    case 'int4':
      return String(bytes.readInt32BE())
    case 'int8':
      return String(bytes.readBigInt64BE())
    case 'float4':
      return Number.isNaN(bytes.readFloatBE()) ? 'nan' : bytes.toString('hex')
    case 'float8':
      return Number.isNaN(bytes.readDoubleBE()) ? 'nan' : bytes.toString('hex')
    case 'bytea':
      return [...bytes].map(String)
    default:
      return bytes.toString('utf8')
  }
}

function arrayOf(type: string, bytes: Buffer): Value[] {
  const values: Value[] = []
  for (let p = 12 + 8 * bytes.readInt32BE(0); p < bytes.length; ) {
    const length = bytes.readInt32BE(p)
    p += 4
    values.push(length < 0 ? null : textOf(type, bytes.subarray(p, p + length)))
    p += Math.max(0, length)
  }
  return values
}
