/** Every table of VOTable files as astropy reads it, in the form of `Column`. */
import { python } from '../../support/python.ts'
import type { Column } from './astropy.ts'

export interface AstropyTable {
  /** Number of the TABLE in the document, from 1. */
  number: number
  rows: number
  columns: Column[]
}

const SCRIPT = `
import sys, json, warnings
import numpy as np
from astropy.io.votable import parse
warnings.simplefilter('ignore')

def number(x):
    x = np.asarray(x)
    if x.dtype.kind == 'c':
        x = x.astype('c16' if x.dtype.itemsize == 16 else 'c8').ravel().view('f8' if x.dtype.itemsize == 16 else 'f4')
    x = x.ravel()
    if x.dtype.kind == 'f':
        width = x.dtype.itemsize
        digits = x.astype('>f%d' % width).tobytes().hex()
        return ['nan' if n else digits[2*width*i:2*width*(i+1)] for i, n in enumerate(np.isnan(x).tolist())]
    if x.dtype.kind == 'b':
        return ['true' if v else 'false' for v in x]
    return [str(v) for v in x.tolist()]

def text(v):
    return v.decode('utf-8', 'replace') if isinstance(v, bytes) else str(v)

def cell(field, v, mask):
    if field.datatype in ('char', 'unicodeChar') and not (field.arraysize and 'x' in str(field.arraysize)):
        return text(v).strip() or None
    if np.ndim(mask) == 0 and bool(mask): return None
    if v is np.ma.masked or v is None: return None
    if field.datatype in ('char', 'unicodeChar'):
        return [text(s).rstrip() for s in np.asarray(v).ravel()]
    data = np.asarray(np.ma.getdata(v))
    masks = np.ravel(np.broadcast_to(np.ma.getmaskarray(v), data.shape)) if data.dtype.kind != 'O' else []
    values = number(data)
    if field.arraysize in (None, '1') and 'Complex' not in field.datatype:
        return None if values == [] or values[0] == 'nan' else values[0]
    if values == []: return None
    if field.datatype in ('boolean', 'bit'):
        return [None if m else v for v, m in zip(values, masks)]
    return values

for file in json.load(sys.stdin):
    try:
        document = parse(file, verify='ignore')
        tables = []
        for number_, table in enumerate(document.iter_tables(), 1):
            array = table.array
            columns = []
            for i, field in enumerate(table.fields):
                name = array.dtype.names[i]
                masks = array.mask[name] if array.mask.dtype.names else np.zeros(len(array), bool)
                columns.append(dict(name=field.name, unit=str(field.unit) if field.unit is not None else None, ucd=field.ucd,
                                    values=[cell(field, array.data[name][r], masks[r]) for r in range(len(array))]))
            tables.append(dict(number=number_, rows=len(array), columns=columns))
        print(json.dumps(tables))
    except Exception as e:
        print(json.dumps(str(e)[:300] or type(e).__name__))
`

/** What astropy reads of each file, or why it does not. */
export function votablesByAstropy(files: readonly string[]): (AstropyTable[] | string)[] {
  const lines = python(SCRIPT, JSON.stringify(files)).toString().trim().split('\n')
  return lines.map(line => JSON.parse(line))
}
