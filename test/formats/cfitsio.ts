/** Rows of a FITS table as cfitsio reads them, through ctypes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { python } from '../support/python.ts'
import type { Read } from './every-type.ts'

/** Typecodes of fitsio.h. NULLs come as flags from `ffgcf`, which takes infinities for NULL too: not for floats. */
const SCRIPT = `
import ctypes as C, json, sys
lib = C.CDLL('libcfitsio.so.10')
status = C.c_int(0); fptr = C.c_void_p()
def call(name, *args):
    if getattr(lib, name)(*args, C.byref(status)): raise SystemExit('cfitsio: %s fails with status %d' % (name, status.value))
call('fftopn', C.byref(fptr), sys.argv[1].encode(), 0)
rows, columns = C.c_long(), C.c_int()
call('ffgnrw', fptr, C.byref(rows)); call('ffgncl', fptr, C.byref(columns))
TYPES = {11: C.c_ubyte, 14: C.c_char, 21: C.c_short, 31: C.c_int, 41: C.c_int, 42: C.c_float, 81: C.c_longlong, 82: C.c_double, 83: C.c_float, 163: C.c_double}
def text(x): return repr(x).replace('inf', 'Infinity') if isinstance(x, float) else str(x)
def read(row, col):
    code, repeat, width = C.c_int(), C.c_long(), C.c_long()
    call('ffgtcl', fptr, col, C.byref(code), C.byref(repeat), C.byref(width))
    kind, n, isArray = abs(code.value), repeat.value, repeat.value != 1 or code.value < 0
    if code.value < 0:
        length, address = C.c_long(), C.c_long()
        call('ffgdes', fptr, col, C.c_longlong(row), C.byref(length), C.byref(address))
        n = length.value
    null = C.c_int()
    if kind == 16:
        buffer = C.create_string_buffer(n + 1); strings = (C.c_char_p * 1)(C.addressof(buffer)); flags = (C.c_char * 1)()
        if code.value < 0 and n == 0: return None
        call('ffgcf', fptr, 16, col, C.c_longlong(row), C.c_longlong(1), C.c_longlong(1), strings, flags, C.byref(null))
        return None if flags[0] != b'\\0' else buffer.value.decode('ascii')
    if n == 0: return []
    if kind == 1:
        bits = (C.c_char * n)()
        call('ffgcx', fptr, col, C.c_longlong(row), C.c_longlong(1), C.c_longlong(n), bits)
        return [b != b'\\0' for b in bits]
    parts = 2 if kind in (83, 163) else 1
    kind = 31 if kind == 41 else kind
    values, flags = (TYPES[kind] * (n * parts))(), (C.c_char * (n * parts))()
    where = (fptr, kind, col, C.c_longlong(row), C.c_longlong(1), C.c_longlong(n))
    if kind in (42, 82, 83, 163): call('ffgcv', *where, None, values, C.byref(null))
    else: call('ffgcf', *where, values, flags, C.byref(null))
    if kind == 14:
        found = [None if f != b'\\0' else v != b'\\0' for v, f in zip(values, flags)]
        return [bool(v) for v in found] if isArray else found[0]
    found = [None if f != b'\\0' else text(v) for v, f in zip(values, flags)]
    found = ['NaN' if v == 'nan' else v for v in found]
    return found if isArray or parts == 2 else found[0]
print(json.dumps([[read(r + 1, c + 1) for c in range(columns.value)] for r in range(rows.value)]))
`

/** Why cfitsio cannot be asked here, or false. */
export function withoutCfitsio(): string | false {
  try {
    python("import ctypes; ctypes.CDLL('libcfitsio.so.10')")
    return false
  } catch {
    return 'there is no libcfitsio.so.10'
  }
}

export function readCfitsio(bytes: Uint8Array): Read[][] {
  return inFile(bytes, file => JSON.parse(python(SCRIPT, '', [file]).toString()))
}

/** Calls with the name of a file of these bytes. */
export function inFile<T>(bytes: Uint8Array, use: (file: string) => T): T {
  const folder = mkdtempSync(path.join(tmpdir(), 'almagest-'))
  const file = path.join(folder, 'table.fits')
  try {
    writeFileSync(file, bytes)
    return use(file)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
