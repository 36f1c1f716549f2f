/**
 * How the sky is populated: stars that thin out away from the Galactic plane, a field of galaxies, and galaxies in
 * clusters, groups and loose associations. Clusters belong to the order-7 cell that holds their centre, so what is in
 * a cell depends on the seed and the cell alone.
 */
import { cellCentre } from '../healpix/geometry.ts'
import { faceCell } from '../healpix/nested.ts'
import { icrsToGalactic } from '../sphere/galactic.ts'
import { angle, unitVector } from '../sphere/vector.ts'
import {
  CELL_AREA,
  CELLS_PER_SHARD,
  pointInCell,
  SHARD_ORDER,
  type Shard,
  withNeighbours,
} from './footprint.ts'
import { createRandom, STREAM } from './random.ts'

const ARCMIN = Math.PI / (180 * 60)

/** Objects per deg² where the stars' density is that of Galactic latitude 42°, before scaling to the wanted number. */
const STAR_DENSITY = 11_000
const FIELD_DENSITY = 14_600

/** Kinds of clusters: number per deg², members from a power law, core radius in arcmin, redshifts. */
const KINDS = [
  { density: 5, members: 60, slope: 0.6, most: 500, core: [1, 1.8], redshift: [0.12, 0.9] },
  { density: 80, members: 8, slope: 0.5, most: 60, core: [0.4, 0.9], redshift: [0.05, 1] },
  { density: 6, members: 250, slope: 0.35, most: 1200, core: [7, 10], redshift: [0.1, 1.1] },
] as const

/** Where a cluster's profile is cut off: in units of its core, and never more than the width of an order-7 cell. */
const REACH_CORES = 10
const REACH = 20 * ARCMIN
/** Radius of a circle around an order-7 cell. */
const SHARD_RADIUS = 29 * ARCMIN

export interface Cluster {
  readonly x: number
  readonly y: number
  readonly z: number
  readonly core: number
  readonly reach: number
  /** Galaxies per steradian at the centre. */
  readonly peak: number
  readonly redshift: number
}

/** What the cells of a shard hold, in expected numbers before scaling. */
export interface ShardSky {
  readonly stars: number
  readonly field: number
  readonly clusters: readonly Cluster[]
  /** Per cell of the shard: everything together. */
  readonly totals: Float64Array
}

export function skyOf(seed: number, { shard, cells, centres }: Shard): ShardSky {
  const [lon, lat] = cellCentre(SHARD_ORDER, shard)
  const latitude = (Math.abs(icrsToGalactic(lon, lat)[1]) * 180) / Math.PI
  const stars = STAR_DENSITY * Math.exp((42 - latitude) / 30) * CELL_AREA
  const field = FIELD_DENSITY * CELL_AREA
  const centre = unitVector(lon, lat)
  const clusters = withNeighbours(shard)
    .flatMap(near => clustersNear(seed, near))
    .filter(({ x, y, z, reach }) => angle(centre, [x, y, z]) < reach + SHARD_RADIUS)
  const totals = new Float64Array(cells.length).fill(stars + field)
  for (const cluster of clusters) {
    for (let n = 0; n < cells.length; n++) {
      totals[n]! += membersIn(cluster, centres[3 * n]!, centres[3 * n + 1]!, centres[3 * n + 2]!)
    }
  }
  return { stars, field, clusters, totals }
}

/** Steradians of an order-12 cell. */
const CELL_STERADIAN = (4 * Math.PI) / (12 * 4 ** 12)

/** The cluster that a member of the cell with this centre belongs to; `u` from 0 to 1 decides. */
export function pickCluster(
  clusters: readonly Cluster[],
  u: number,
  x: number,
  y: number,
  z: number,
): Cluster {
  const members = clusters.map(cluster => membersIn(cluster, x, y, z))
  let rest = u * members.reduce((sum, n) => sum + n, 0)
  const found = members.findIndex(n => {
    rest -= n
    return rest < 0
  })
  return clusters.at(found)!
}

/** Members of a cluster expected in the cell with this centre. */
function membersIn(cluster: Cluster, x: number, y: number, z: number): number {
  return density(cluster, x, y, z) * CELL_STERADIAN
}

/** Galaxies per steradian of a cluster in a direction: a projected Plummer sphere (Plummer 1911). */
export function density(cluster: Cluster, x: number, y: number, z: number): number {
  const dx = x - cluster.x
  const dy = y - cluster.y
  const dz = z - cluster.z
  const square = dx * dx + dy * dy + dz * dz
  if (square > cluster.reach * cluster.reach) return 0
  const fall = 1 + square / (cluster.core * cluster.core)
  return cluster.peak / (fall * fall)
}

const remembered = new Map<string, Cluster[]>()
const REMEMBERED = 2000

/** As `clustersOf`, remembering the latest: neighbours in NESTED order ask for the same cells. */
function clustersNear(seed: number, shard: number): Cluster[] {
  const key = `${seed} ${shard}`
  const known = remembered.get(key)
  if (known) return known
  if (remembered.size === REMEMBERED) remembered.delete(remembered.keys().next().value!)
  const clusters = clustersOf(seed, shard)
  remembered.set(key, clusters)
  return clusters
}

/** The clusters whose centres are in an order-7 cell. */
export function clustersOf(seed: number, shard: number): Cluster[] {
  const random = createRandom(seed)
  random.seek(STREAM.clusters, shard, 0)
  const at = faceCell(SHARD_ORDER, shard)
  const clusters: Cluster[] = []
  for (const kind of KINDS) {
    const count = random.poisson(kind.density * CELL_AREA * CELLS_PER_SHARD)
    for (let n = 0; n < count; n++) {
      const k = Math.floor(random.uniform() * CELLS_PER_SHARD)
      const [lon, lat] = pointInCell(at, k, random.uniform(), random.uniform())
      const [x, y, z] = unitVector(lon, lat)
      const core = random.between(kind.core[0], kind.core[1]) * ARCMIN
      const members = Math.min(kind.most, kind.members * random.uniform() ** -kind.slope)
      const [low, high] = kind.redshift
      const redshift = low + (high - low) * Math.sqrt(random.uniform())
      const reach = Math.min(REACH, REACH_CORES * core)
      clusters.push({ x, y, z, core, reach, peak: members / (Math.PI * core * core), redshift })
    }
  }
  return clusters
}
