/** Rows of bench.wide (bench.yaml): seeded, in HEALPix order, and each a function of the seed and its number. */
import { cellCentre } from '../healpix/geometry.ts'
import { BANDS } from './bands.ts'
import { createRandom, STREAM } from './random.ts'
import { type Chunk, createTupleWriter } from './tuple.ts'

export const BENCH_ROWS = 1_000_000

const ORDER = 14
const CELLS = 12 * 4 ** ORDER

export function* benchChunks({ rows, seed }: { rows: number; seed: number }): Generator<Chunk> {
  const random = createRandom(seed)
  const writer = createTupleWriter()
  for (let id = 0; id < rows; id++) {
    random.seek(STREAM.bench, id, 0)
    const cell = Math.floor(((id + random.uniform()) / rows) * CELLS)
    const [lon, lat] = cellCentre(ORDER, cell)
    writer.begin(14)
    writer.int64(0, id)
    writer.float64((lon * 180) / Math.PI)
    writer.float64((lat * 180) / Math.PI)
    for (let n = 1; n <= 8; n++) writer.float32(random.normal() * 10 ** (n - 4))
    if (random.uniform() < 0.1) writer.null()
    else writer.int32(random.bits() | 0)
    writer.int16(random.bits() & 255)
    writer.text(BANDS[random.bits() % BANDS.length]!)
    const chunk = writer.full()
    if (chunk) yield chunk
  }
  yield writer.rest()
}
