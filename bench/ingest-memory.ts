/**
 * Memory of `ingest table` on files of a gigabyte in each format: a file is made in steps, loaded by a process of its
 * own, and that process's peak of resident memory is told. There is no position in the table, since sorting and
 * indexing are PostgreSQL's.
 *
 *   npx tsx bench/ingest-memory.ts [--size MB] [format…]
 */
import { spawn } from 'node:child_process'
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { createGzip } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { chooseFormat } from '../src/formats/index.ts'
import type { Field } from '../src/votable/field.ts'
import type { RowBatch } from '../src/votable/row.ts'
import {
  batchOf,
  beginRow,
  newTuples,
  putFloat32,
  putFloat64,
  putInt32,
  putSafeInteger,
  putText,
} from '../src/votable/tuple.ts'
import { almagest, memory, ROOT } from './support.ts'

const GOAL_MB = 150
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { size: { type: 'string', default: '1000' } },
})

// ---------------------------------------------------------------- files

async function measure(): Promise<void> {
  const dir = mkdtempSync(join(process.env.TMPDIR ?? `${ROOT}var`, 'memory-'))
  const env = { ...process.env, ALMAGEST_DIR: process.env.ALMAGEST_DIR ?? `${ROOT}var/bench`, TMPDIR: dir }
  const names = positionals.length > 0 ? positionals : Object.keys(FORMATS)
  let worst = 0
  try {
    for (const name of names) {
      const file = join(dir, 'table')
      await FORMATS[name]!(file, Number(values.size) * 1e6)
      const begun = performance.now()
      const args = ['ingest', 'table', file, '--table', 'bench_memory.t', '--replace', '--json']
      const child = spawn(process.execPath, [`${ROOT}bin/almagest.mjs`, ...args], {
        env,
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      let printed = ''
      let peak = 0
      child.stdout.on('data', text => {
        printed += text
      })
      const watch = setInterval(() => {
        const now = memory(child.pid!).peak
        if (now > peak) peak = now
      }, 20)
      const status = await new Promise(resolve => child.once('close', resolve))
      clearInterval(watch)
      if (status !== 0) throw new Error(`${name}: status ${status}`)
      const { rows } = JSON.parse(printed) as { rows: number }
      const seconds = (performance.now() - begun) / 1000
      const megabytes = statSync(file).size / 1e6
      console.log(
        `${name.padEnd(12)} ${megabytes.toFixed(0).padStart(5)} MB ${rows.toString().padStart(8)} rows ${seconds.toFixed(0).padStart(4)} s  peak ${peak.toFixed(0).padStart(4)} MB`,
      )
      worst = Math.max(worst, peak)
    }
  } finally {
    rmSync(dir, { recursive: true })
    almagest('drop', 'bench_memory.t')
  }
  if (!(worst <= GOAL_MB)) {
    console.log(`over the goal of ${GOAL_MB} MB`)
    process.exitCode = 1
  }
}

const FIELDS: readonly Field[] = [
  { name: 'id', datatype: 'long' },
  ...Array.from({ length: 20 }, (_, i): Field => ({ name: `d${i}`, datatype: 'double', unit: 'Jy' })),
  ...Array.from({ length: 10 }, (_, i): Field => ({ name: `f${i}`, datatype: 'float' })),
  ...Array.from({ length: 5 }, (_, i): Field => ({ name: `n${i}`, datatype: 'int' })),
  { name: 'name', datatype: 'char', arraysize: '*' },
]
const BLOCK_ROWS = 2000

/** Values of a block of rows, which files repeat. */
const BLOCK = Array.from({ length: BLOCK_ROWS }, (_, row) =>
  FIELDS.map(({ datatype }, c) => {
    const number = Math.sin(row * 37 + c) * 1000
    if (datatype === 'char') return `star ${row}`
    if (datatype === 'float') return Math.fround(Math.round(number * 100) / 100)
    return datatype === 'double' ? number : Math.round(number * 1000)
  }),
)

function text(value: string | number, { datatype }: Field): string {
  return typeof value === 'number' && datatype === 'float' ? value.toPrecision(6) : String(value)
}

/** A text file: what comes before the rows, each row, what comes after. */
function textFile(head: string, row: (cells: readonly string[]) => string, tail = '') {
  return async (file: string, bytes: number): Promise<void> => {
    const block = Buffer.from(
      BLOCK.map(cells => row(cells.map((cell, c) => text(cell, FIELDS[c]!)))).join(''),
    )
    function* chunks() {
      yield Buffer.from(head)
      for (let size = 0; size < bytes; size += block.length) yield block
      yield Buffer.from(tail)
    }
    await pipeline(Readable.from(chunks()), createWriteStream(file))
  }
}

function binaryBlock(): RowBatch {
  const tuples = newTuples(1 << 20, BLOCK_ROWS)
  for (const cells of BLOCK) {
    beginRow(tuples, FIELDS.length)
    for (const [c, { datatype }] of FIELDS.entries()) {
      const cell = cells[c]!
      if (datatype === 'char') putText(tuples, String(cell))
      else if (datatype === 'double') putFloat64(tuples, cell as number)
      else if (datatype === 'float') putFloat32(tuples, cell as number)
      else if (datatype === 'long') putSafeInteger(tuples, cell as number)
      else putInt32(tuples, cell as number)
    }
  }
  return batchOf(tuples)
}

/** By our own writers; `rowBytes` of a row in the file. */
function written(format: string, rowBytes: number) {
  return async (file: string, bytes: number): Promise<void> => {
    const block = binaryBlock()
    const outcome = { rows: 0, overflow: false, error: undefined }
    async function* batches() {
      for (let size = 0; size < bytes; size += rowBytes * BLOCK_ROWS) {
        outcome.rows += BLOCK_ROWS
        yield block
      }
    }
    const head = { infos: [], resources: [], cooSys: [], timeSys: [], tableName: 't', queryStatus: undefined }
    const folder = async () => join(file, '..')
    const { writer } = chooseFormat(format)
    await pipeline(
      writer.write({ fields: FIELDS, batches: batches(), outcome }, head, folder),
      createWriteStream(file),
    )
  }
}

/** By a writer that is not ours, in row groups as it makes them. */
async function parquetByDuckdb(file: string, bytes: number): Promise<void> {
  const duck = await (await DuckDBInstance.create(':memory:')).connect()
  const rows = Math.floor(bytes / 190)
  const columns = FIELDS.map(({ name, datatype }, c) => {
    if (datatype === 'char') return `'star ' || i AS ${name}`
    const type = { long: 'BIGINT', double: 'DOUBLE', float: 'FLOAT', int: 'INTEGER' }[datatype as 'int']
    return `(hash(i * 37 + ${c}) % 1000000000 / 7.0)::${type} AS ${name}`
  })
  await duck.run(
    `COPY (SELECT ${columns.join(', ')} FROM range(${rows}) AS r (i)) TO '${file}' (FORMAT parquet)`,
  )
  duck.closeSync()
}

const votableHead = `<VOTABLE version="1.4"><RESOURCE><TABLE>${FIELDS.map(({ name, datatype, arraysize }) => `<FIELD name="${name}" datatype="${datatype}"${arraysize ? ` arraysize="${arraysize}"` : ''}/>`).join('')}<DATA><TABLEDATA>\n`
const votableTail = '</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>\n'
const names = FIELDS.map(({ name }) => name)
const csv = textFile(`${names.join(',')}\n`, cells => `${cells.join(',')}\n`)
const tabledata = textFile(
  votableHead,
  cells => `<TR><TD>${cells.join('</TD><TD>')}</TD></TR>\n`,
  votableTail,
)
const ECSV_TYPES = { long: 'int64', int: 'int32', double: 'float64', float: 'float32', char: 'string' }
const ecsvHead = `# %ECSV 1.0\n# ---\n# datatype:\n${FIELDS.map(({ name, datatype }) => `# - {name: ${name}, datatype: ${ECSV_TYPES[datatype as 'int']}}\n`).join('')}${names.join(' ')}\n`
const WIDTH = 24
const ipacLine = (cells: readonly string[]) => `|${cells.map(cell => cell.padEnd(WIDTH)).join('|')}|\n`
const ipacHead = ipacLine(names) + ipacLine(FIELDS.map(({ datatype }) => datatype))

/** The same, packed. */
function gzipped(make: (file: string, bytes: number) => Promise<void>) {
  return async (file: string, bytes: number): Promise<void> => {
    await make(`${file}.plain`, bytes)
    await pipeline(createReadStream(`${file}.plain`), createGzip({ level: 1 }), createWriteStream(file))
    rmSync(`${file}.plain`)
  }
}

const FORMATS: Record<string, (file: string, bytes: number) => Promise<void>> = {
  csv,
  tsv: textFile(`${names.join('\t')}\n`, cells => `${cells.join('\t')}\n`),
  ecsv: textFile(
    ecsvHead,
    cells => `${cells.map(cell => (cell.includes(' ') ? `"${cell}"` : cell)).join(' ')}\n`,
  ),
  ipac: textFile(ipacHead, cells => ` ${cells.map(cell => cell.padEnd(WIDTH)).join(' ')}\n`),
  tabledata,
  binary: written('votable/b', 350),
  binary2: written('votable/b2', 357),
  fits: written('fits', 265),
  arrow: written('arrow', 260),
  parquet: written('parquet', 260),
  duckdb: parquetByDuckdb,
  'csv.gz': gzipped(csv),
  'tabledata.gz': gzipped(tabledata),
  'fits.gz': gzipped(written('fits', 265)),
}

await measure()
