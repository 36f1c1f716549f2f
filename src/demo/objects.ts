/** The true sky: what is at which place, before any measurement. */
import { writeHash29 } from '../healpix/nested.ts'
import { unitVector } from '../sphere/vector.ts'
import type { PerBand } from './bands.ts'
import { CELLS_PER_SHARD, openShard, pointInCell, type Shard } from './footprint.ts'
import { drawClusterGalaxy, drawFieldGalaxy, type Galaxy } from './galaxies.ts'
import { createRandom, type Random, STREAM } from './random.ts'
import { type Cluster, density, pickCluster, type ShardSky, skyOf } from './sky.ts'
import { drawStar } from './stars.ts'
import { cellCounts, type Survey } from './survey.ts'
import { drawConstant, drawVariable, type VariableStar } from './variables.ts'

export interface SkyObject {
  /** NESTED order-12 cell and number in it: together the identifier. */
  readonly cell: number
  readonly n: number
  /** In degrees. */
  readonly ra: number
  readonly dec: number
  /** Its order-29 cell's low 34 bits, which place it in its order-12 cell. */
  readonly inCell: number
  /** Total magnitudes; of variables the mean ones. */
  readonly mags: PerBand
  /** Its light curve is measured at every visit. */
  readonly watched: boolean
  readonly variable?: VariableStar
  /** Absent for stars. */
  readonly galaxy?: Galaxy
}

/** The objects of a shard, in order of cell and number. */
export function* objectsOf(survey: Survey, shardIndex: number): Generator<SkyObject> {
  const shard = openShard(survey.footprint, survey.shards[shardIndex]!)
  const sky = skyOf(survey.seed, shard)
  const inCell = cellCounts(survey.seed, shard, sky, survey.counts[shardIndex]!)
  const random = createRandom(survey.seed)
  for (let k = 0; k < shard.cells.length; k++) {
    for (let n = 0; n < inCell[k]!; n++) yield drawObject(survey, random, shard, sky, k, n)
  }
}

function drawObject(
  survey: Survey,
  random: Random,
  shard: Shard,
  sky: ShardSky,
  k: number,
  n: number,
): SkyObject {
  const cell = shard.cells[k]!
  random.seek(STREAM.object, cell, n)
  const kind = random.uniform()
  const place = () =>
    pointInCell(shard.at, cell - shard.shard * CELLS_PER_SHARD, random.uniform(), random.uniform())
  if (kind < survey.variableBelow) {
    const variable = drawVariable(random)
    return { cell, n, ...position(place()), mags: variable.mags, watched: true, variable }
  }
  if (kind > survey.constantAbove) {
    return { cell, n, ...position(place()), mags: drawConstant(random), watched: true }
  }
  const population = random.uniform() * sky.totals[k]!
  if (population < sky.stars) return { cell, n, ...position(place()), mags: drawStar(random), watched: false }
  if (population < sky.stars + sky.field) return ofGalaxy(cell, n, place(), drawFieldGalaxy(random))
  const centre: Vector3 = [shard.centres[3 * k]!, shard.centres[3 * k + 1]!, shard.centres[3 * k + 2]!]
  const cluster = pickCluster(sky.clusters, random.uniform(), ...centre)
  return ofGalaxy(
    cell,
    n,
    placeInCluster(random, cluster, centre, place),
    drawClusterGalaxy(random, cluster.redshift),
  )
}

type Vector3 = [x: number, y: number, z: number]
type Place = [lon: number, lat: number]

/** Radius of a circle around an order-12 cell. */
const CELL_RADIUS = (54 / 3600) * (Math.PI / 180)

/** A place in the cell where the cluster's density decides, by rejection against the most that the cell can have. */
function placeInCluster(random: Random, cluster: Cluster, centre: Vector3, place: () => Place): Place {
  const distance = Math.hypot(centre[0] - cluster.x, centre[1] - cluster.y, centre[2] - cluster.z)
  const nearest = Math.max(0, distance - CELL_RADIUS) / cluster.core
  const most = cluster.peak / (1 + nearest * nearest) ** 2
  for (;;) {
    const at = place()
    if (random.uniform() * most < density(cluster, ...unitVector(...at)) || distance > 100 * cluster.core)
      return at
  }
}

function ofGalaxy(cell: number, n: number, place: Place, galaxy: Galaxy): SkyObject {
  return { cell, n, ...position(place), mags: galaxy.mags, watched: false, galaxy }
}

const hashBytes = Buffer.alloc(8)

/** Degrees, and the order-29 cell of exactly these degrees. */
function position([lon, lat]: Place): Pick<SkyObject, 'ra' | 'dec' | 'inCell'> {
  const ra = (lon * 180) / Math.PI
  const dec = (lat * 180) / Math.PI
  writeHash29(hashBytes, 0, (ra * Math.PI) / 180, (dec * Math.PI) / 180)
  return { ra, dec, inCell: (hashBytes[3]! & 3) * 2 ** 32 + hashBytes.readUInt32BE(4) }
}
