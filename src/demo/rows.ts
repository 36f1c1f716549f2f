/** The rows of the demo survey's tables, in the order of demo.yaml's columns, as COPY BINARY tuples. */
import { BANDS, EXPOSURE_SECONDS } from './bands.ts'
import { CELL_ORDER, SHARD_ORDER } from './footprint.ts'
import { objectsOf, type SkyObject } from './objects.ts'
import { createCamera } from './photometry.ts'
import type { Survey } from './survey.ts'
import { type Chunk, createTupleWriter, type TupleWriter } from './tuple.ts'

export const TABLES = ['visit', 'object', 'variable', 'forcedsource'] as const
export type TableName = (typeof TABLES)[number]

export function rowCount(survey: Survey, table: TableName): number {
  return {
    visit: survey.visits.count,
    object: survey.objects,
    variable: survey.variables,
    forcedsource: survey.forcedSources,
  }[table]
}

export function chunksOf(survey: Survey, table: TableName): Generator<Chunk> {
  const rows = {
    visit: visitRows,
    object: objectRows,
    variable: variableRows,
    forcedsource: forcedSourceRows,
  }
  return rows[table](survey)
}

/** `(hpx29 >> 34) << 35 | n`: the order-12 cell above bit 35, the number in the cell below. */
function objectId(writer: TupleWriter, { cell, n }: SkyObject): void {
  writer.int64(cell * 8, n)
}

const shardOf = (cell: number) => cell >>> (2 * (CELL_ORDER - SHARD_ORDER))

function* objectRows(survey: Survey): Generator<Chunk> {
  const writer = createTupleWriter()
  const camera = createCamera(survey)
  function write(object: SkyObject): void {
    const { flux, error, extendedness } = camera.coadd(object)
    writer.begin(6 + 2 * BANDS.length)
    objectId(writer, object)
    writer.float64(object.ra)
    writer.float64(object.dec)
    writer.float32(extendedness)
    for (let band = 0; band < BANDS.length; band++) {
      writer.float32(flux[band]!)
      writer.float32(error[band]!)
    }
    writer.int64(object.cell * 4 + Math.floor(object.inCell / 2 ** 32), object.inCell % 2 ** 32)
    writer.int32(shardOf(object.cell))
  }
  for (let shard = 0; shard < survey.shards.length; shard++) {
    for (const cell of byCell(objectsOf(survey, shard))) {
      for (const object of cell.sort((a, b) => a.inCell - b.inCell)) {
        write(object)
        const chunk = writer.full()
        if (chunk) yield chunk
      }
    }
  }
  yield writer.rest()
}

/** Groups objects that come cell by cell. */
function* byCell(objects: Iterable<SkyObject>): Generator<SkyObject[]> {
  let cell: SkyObject[] = []
  for (const object of objects) {
    if (cell.length > 0 && cell[0]!.cell !== object.cell) {
      yield cell
      cell = []
    }
    cell.push(object)
  }
  if (cell.length > 0) yield cell
}

/** In order of shard, object and time; the identifier is the shard above bit 45 and the number in the shard below. */
function* forcedSourceRows(survey: Survey): Generator<Chunk> {
  const writer = createTupleWriter()
  const camera = createCamera(survey)
  const { visits } = survey
  for (let index = 0; index < survey.shards.length; index++) {
    const shard = survey.shards[index]!
    let number = 0
    for (const object of objectsOf(survey, index)) {
      const curve = camera.lightCurve(object)
      for (let k = 0; k < curve.count; k++) {
        const visit = curve.visit[k]!
        writer.begin(8)
        writer.int64(shard * 8192 + Math.floor(number / 2 ** 32), number % 2 ** 32)
        objectId(writer, object)
        visitId(writer, visits.id[visit]!)
        writer.text(BANDS[visits.band[visit]!]!)
        writer.float32(curve.flux[k]!)
        writer.float32(curve.error[k]!)
        writer.int32(curve.flags[k]!)
        writer.int32(shard)
        number++
        const chunk = writer.full()
        if (chunk) yield chunk
      }
    }
  }
  yield writer.rest()
}

function visitId(writer: TupleWriter, id: number): void {
  writer.int64(Math.floor(id / 2 ** 32), id % 2 ** 32)
}

function* visitRows({ visits }: Survey): Generator<Chunk> {
  const writer = createTupleWriter()
  for (let k = 0; k < visits.count; k++) {
    writer.begin(7)
    visitId(writer, visits.id[k]!)
    writer.text(BANDS[visits.band[k]!]!)
    writer.float64(visits.mjd[k]!)
    writer.float64(visits.ra[k]!)
    writer.float64(visits.dec[k]!)
    writer.float32(EXPOSURE_SECONDS)
    writer.float32(visits.seeing[k]!)
    const chunk = writer.full()
    if (chunk) yield chunk
  }
  yield writer.rest()
}

function* variableRows(survey: Survey): Generator<Chunk> {
  const writer = createTupleWriter()
  for (let shard = 0; shard < survey.shards.length; shard++) {
    for (const object of objectsOf(survey, shard)) {
      if (!object.variable) continue
      writer.begin(3)
      objectId(writer, object)
      writer.text(object.variable.class)
      writer.float64(object.variable.period)
      const chunk = writer.full()
      if (chunk) yield chunk
    }
  }
  yield writer.rest()
}
