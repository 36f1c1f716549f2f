/**
 * What the writers cost alone: synthetic batches of the shape of `bench.wide` (14 columns) through each format, in
 * this process, the bytes thrown away. `npx tsx bench/transcode.ts [rows] [format…]`; best of three.
 */
import { chooseFormat } from '../src/formats/index.ts'
import type { Field } from '../src/votable/field.ts'
import type { Outcome, RowBatch, RowSource } from '../src/votable/row.ts'
import { rowBatch, type Value } from '../test/support/rows.ts'

const real = (name: string): Field => ({ name, datatype: 'float' })
const FIELDS: readonly Field[] = [
  { name: 'id', datatype: 'long' },
  { name: 'ra', datatype: 'double' },
  { name: 'dec', datatype: 'double' },
  ...['gmag', 'rmag', 'imag', 'zmag', 'gerr', 'rerr', 'ierr', 'zerr'].map(real),
  { name: 'n', datatype: 'int' },
  { name: 'flag', datatype: 'short' },
  { name: 'band', datatype: 'char', arraysize: '*' },
]
const ROWS_IN_BATCH = 480 // about 64 KB, a read of the socket
const BATCHES = 64

function batches(wire: 'binary' | 'text'): readonly RowBatch[] {
  let seed = 1
  const random = () => {
    seed = (seed * 48271) % 0x7fffffff
    return seed / 0x7fffffff
  }
  return Array.from({ length: BATCHES }, (_, b) => {
    const rows = Array.from({ length: ROWS_IN_BATCH }, (_, i): Value[] => [
      4611686018427387904n + BigInt(b * ROWS_IN_BATCH + i),
      360 * random(),
      180 * random() - 90,
      ...Array.from({ length: 8 }, () => Math.fround(14 + 10 * random())),
      random() < 0.1 ? null : Math.floor(1000 * random()),
      Math.floor(4 * random()),
      'ugrizy'[Math.floor(6 * random())]!,
    ])
    return rowBatch(FIELDS, rows, wire)
  })
}

async function measure(name: string, rows: number): Promise<void> {
  const { writer } = chooseFormat(name)
  const pool = batches(writer.wire)
  let best = Number.POSITIVE_INFINITY
  let bytes = 0
  for (let round = 0; round < 3; round++) {
    const outcome: Outcome = { rows, overflow: false, error: undefined }
    async function* fed(): AsyncGenerator<RowBatch> {
      for (let done = 0, b = 0; done < rows; done += ROWS_IN_BATCH, b = (b + 1) % BATCHES) yield pool[b]!
    }
    const source: RowSource = { fields: FIELDS, batches: fed(), outcome }
    bytes = 0
    const begun = performance.now()
    for await (const chunk of writer.write(source, { infos: [] })) bytes += chunk.length
    best = Math.min(best, performance.now() - begun)
    if (outcome.error) throw outcome.cause
  }
  const perRow = Math.round((1e6 * best) / rows)
  const rate = Math.round(bytes / best / 1000)
  console.log(
    `${name.padEnd(12)} ${perRow} ns/row  ${Math.round(best)} ms  ${rate} MB/s out  ${Math.round(bytes / rows)} bytes/row`,
  )
}

const [rows = '500000', ...names] = process.argv.slice(2)
for (const name of names.length > 0 ? names : ['votable', 'votable/b', 'votable/td', 'csv', 'tsv']) {
  await measure(name, Number(rows))
}
