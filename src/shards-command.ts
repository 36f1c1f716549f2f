/** `npx almagest shards`: what a cluster of a given size would look like, before it is bought. */
import { parseArgs } from 'node:util'
import { cellsOf } from './adql/cells.ts'
import { type Command, UsageError } from './command.ts'
import { shardOfValue } from './db/shard-hash.ts'
import { ServiceError } from './error.ts'
import { faceDirection } from './healpix/geometry.ts'
import { faceCell } from './healpix/nested.ts'
import { SHARD_ORDER } from './ingest/place.ts'
import { angle, unitVector } from './sphere/vector.ts'

export interface ShardQuestion {
  readonly rows: number
  readonly shards: number
  readonly nodes: number
  readonly rowBytes: number
  /** Rows of each cell of order 7, in any unit. */
  readonly density: ReadonlyMap<number, number>
  /** Radii of cones, arcminutes. */
  readonly cones: readonly number[]
}

export interface ShardForecast {
  readonly cells: number
  readonly rowsPerShard: number
  readonly largestShard: number
  /** Largest shard over the mean. */
  readonly skew: number
  readonly bytesPerNode: number
  readonly cones: readonly { readonly arcmin: number; readonly mean: number; readonly most: number }[]
}

const CELLS = 12 * 4 ** SHARD_ORDER
const RAD = Math.PI / 180
/** Cones looked at for each radius. */
const SAMPLES = 300

/** Rows hashed as Citus does it, and the shards that cones around their cells ask. */
export function forecast({ rows, shards, nodes, rowBytes, density, cones }: ShardQuestion): ShardForecast {
  const total = [...density.values()].reduce((a, b) => a + b, 0)
  const filled = new Float64Array(shards)
  for (const [cell, weight] of density) filled[shardOfValue(cell, shards)]! += (rows * weight) / total
  const largest = Math.max(...filled)
  const centres = [...density.keys()]
  const step = Math.max(1, Math.floor(centres.length / SAMPLES))
  const places = centres.filter((_, i) => i % step === 0)
  return {
    cells: density.size,
    rowsPerShard: rows / shards,
    largestShard: largest,
    skew: (largest * shards) / rows,
    bytesPerNode: (rows * rowBytes) / nodes,
    cones: cones.map(arcmin => {
      const asked = places.map((cell, i) => shardsOfCone(cell, i, arcmin / 60, shards))
      return { arcmin, mean: asked.reduce((a, b) => a + b, 0) / asked.length, most: Math.max(...asked) }
    }),
  }
}

/** Around a place within the cell, another one each time. */
function shardsOfCone(cell: number, index: number, radius: number, shards: number): number {
  const { face, x, y } = faceCell(SHARD_ORDER, cell)
  const [u, v] = [(index * 0.618) % 1, (index * 0.755) % 1]
  const [lon, lat] = faceDirection(face, (x + u) / 2 ** SHARD_ORDER, (y + v) / 2 ** SHARD_ORDER)
  const shape = { kind: 'circle', center: [lon / RAD, lat / RAD], radius } as const
  const cells = cellsOf({ kind: 'shape', shape }, SHARD_ORDER, 256)
  return cells ? new Set(cells.map(c => shardOfValue(c, shards))).size : shards
}

/** Cells of equal density: the whole sky, or a cap of so many square degrees around RA 150, Dec +2. */
export function evenDensity(areaDeg2: number | undefined): ReadonlyMap<number, number> {
  const sky = 4 * Math.PI * (180 / Math.PI) ** 2
  const all = Array.from({ length: CELLS }, (_, cell) => cell)
  if (areaDeg2 === undefined || areaDeg2 >= sky) return new Map(all.map(cell => [cell, 1]))
  const reach = Math.acos(1 - (2 * areaDeg2) / sky)
  const middle = unitVector(150 * RAD, 2 * RAD)
  const inside = all.filter(cell => {
    const { face, x, y } = faceCell(SHARD_ORDER, cell)
    const nside = 2 ** SHARD_ORDER
    return angle(middle, unitVector(...faceDirection(face, (x + 0.5) / nside, (y + 0.5) / nside))) <= reach
  })
  return new Map(inside.map(cell => [cell, 1]))
}

export const shardsCommand: Command = {
  name: 'shards',
  summary: 'forecast a cluster: rows and bytes of its shards, shards of queries',
  help: `Usage: npx almagest shards --rows N [options]

Says how N rows would lie on a Citus cluster, and how many shards cones of several sizes would ask. Rows are hashed as
Citus does it.

  --rows N              rows of the largest table; 1e10 is understood
  --shards N            (default 32) and --nodes N (default 2) of the cluster
  --row-bytes N         bytes of a row with its indexes (default 200)
  --area DEG2           rows are spread evenly over so much sky (default: all of it)
  --like schema.table   rows are spread as those of a published table
  --cone ARCMIN         radius of a cone; may be repeated (default 1, 6, 60)
  --json                print the forecast as JSON`,
  async run(argv, setting) {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        rows: { type: 'string' },
        shards: { type: 'string', default: '32' },
        nodes: { type: 'string', default: '2' },
        'row-bytes': { type: 'string', default: '200' },
        area: { type: 'string' },
        like: { type: 'string' },
        cone: { type: 'string', multiple: true, default: ['1', '6', '60'] },
        json: { type: 'boolean', default: false },
      },
    })
    if (values.rows === undefined) throw new UsageError('--rows says how many rows there will be')
    if (values.like !== undefined && values.area !== undefined)
      throw new UsageError('--like and --area both say where the rows are: choose one')
    const density =
      values.like === undefined
        ? evenDensity(values.area === undefined ? undefined : positive('area', values.area))
        : await densityOf((await setting.database()).db, values.like)
    const question: ShardQuestion = {
      rows: positive('rows', values.rows),
      shards: positive('shards', values.shards),
      nodes: positive('nodes', values.nodes),
      rowBytes: positive('row-bytes', values['row-bytes']),
      density,
      cones: values.cone.map(text => positive('cone', text)),
    }
    const found = forecast(question)
    setting.stdout.write(values.json ? `${JSON.stringify(found)}\n` : `${sentences(question, found)}\n`)
    return 0
  },
}

function positive(option: string, text: string): number {
  const value = Number(text)
  if (!(value > 0 && Number.isFinite(value)))
    throw new UsageError(`--${option}: '${text}' is no positive number`)
  return value
}

/** Counted cells of a published table, in cells of the shards' order. */
async function densityOf(
  db: { query<T extends object>(text: string, values: readonly unknown[]): Promise<T[]> },
  table: string,
): Promise<ReadonlyMap<number, number>> {
  const rows = await db.query<{ cell: number; count: number }>(
    `SELECT (cell >> (2 * (cell_order - $2)))::int AS cell, sum(row_count)::float8 AS count
       FROM almagest.cell_count WHERE lower(table_name) = lower($1) GROUP BY 1`,
    [table, SHARD_ORDER],
  )
  if (rows.length === 0) throw new ServiceError('usage', `The cells of ${table} are not counted.`)
  return new Map(rows.map(({ cell, count }) => [cell, count]))
}

function sentences({ rows, shards, nodes }: ShardQuestion, found: ShardForecast): string {
  const n = (value: number) =>
    value >= 1e6 ? value.toExponential(2) : Math.round(value).toLocaleString('en')
  const bytes = (value: number) =>
    value >= 1e12 ? `${(value / 1e12).toFixed(2)} TB` : `${(value / 1e9).toFixed(2)} GB`
  return [
    `${n(rows)} rows in ${n(found.cells)} cells of order ${SHARD_ORDER}, ${shards} shards on ${nodes} nodes:`,
    `  rows of a shard      ${n(found.rowsPerShard)}; the largest ${n(found.largestShard)}, ${found.skew.toFixed(2)} times as many`,
    `  a node               ${bytes(found.bytesPerNode)}`,
    '  one object           1 shard',
    ...found.cones.map(
      ({ arcmin, mean, most }) =>
        `  cone of ${String(`${arcmin}′`).padEnd(12)} ${mean.toFixed(2)} shards, at most ${most}`,
    ),
  ].join('\n')
}
