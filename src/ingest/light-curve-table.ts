/** Light curves as one table a file, named by its object: CSV and every other format that `ingest table` reads. */
import type { MeasureBlock } from '../datalink/block.ts'
import { ServiceError } from '../error.ts'
import { openTable } from '../formats/read/open.ts'
import type { Field } from '../votable/field.ts'
import type { RowBatch } from '../votable/row.ts'
import { readHeaders } from './headers.ts'
import { cellsOf } from './light-curve-cells.ts'
import {
  areIntegers,
  bandsNamed,
  idBytes,
  idField,
  type LightCurveFiles,
  partOf,
  stemOf,
  withCells,
} from './light-curve-files.ts'

export async function readTables(files: readonly string[]): Promise<LightCurveFiles> {
  const stems = files.map(stemOf)
  const notices: string[] = []
  const { fields: own } = await readHeaders(files, undefined, notices)
  const id = idField('objectid', areIntegers(stems) ? 'long' : 'char')
  const columns = columnsOf(own, files[0]!)
  const fields = own.map((field, i) =>
    i === columns.time ? { ...field, unit: field.unit ?? 'd', ucd: field.ucd ?? 'time.epoch' } : field,
  )
  const batches: RowBatch[] = []
  const bands = new Set<string>()
  let firstTime = Number.NaN
  for (const [i, file] of files.entries()) {
    const source = await openTable(file, { fields: own })
    const cell = idBytes(stems[i]!, id)
    try {
      for await (const batch of source.batches()) {
        for (const cells of cellsOf(batch, own)) {
          if (columns.band !== undefined) bands.add(String(cells[columns.band] ?? ''))
          if (Number.isNaN(firstTime)) firstTime = Number(cells[columns.time] ?? Number.NaN)
        }
        batches.push(withCells(batch, own.length, () => [cell]))
      }
    } finally {
      await source.close()
    }
  }
  const name = (index: number) => fields[index]!.name
  const measure: MeasureBlock = {
    column: name(columns.value),
    ...(columns.error !== undefined && { error: name(columns.error) }),
  }
  return {
    objects: partOf(
      [id],
      stems.map(stem => [id.datatype === 'long' ? BigInt(stem) : stem]),
    ),
    detections: {
      fields: [{ ...id, ucd: 'meta.id.parent' }, ...fields],
      async *batches() {
        yield* batches
      },
    },
    id: 'objectid',
    position: undefined,
    block: {
      time: {
        column: name(columns.time),
        scale: 'UNKNOWN',
        refposition: 'UNKNOWN',
        origin: firstTime > 2_000_000 ? 'JD-origin' : 'MJD-origin',
      },
      ...(columns.band !== undefined && { band: name(columns.band) }),
      ...(/mag/i.test(name(columns.value)) ? { magnitude: measure } : { flux: measure }),
      bands: bandsNamed(bands),
    },
    notices,
  }
}

/** By UCD or by the names that people use. */
function columnsOf(fields: readonly Field[], file: string) {
  const find = (ucd: RegExp, name: RegExp) => {
    const index = fields.findIndex(field => name.test(field.name))
    return index >= 0 ? index : fields.findIndex(field => ucd.test(field.ucd ?? ''))
  }
  const time = find(/^time\.epoch/, /^(time|t|mjd|jd|hjd|bjd|obsmjd|mjd_?obs|.*midpointmjd.*)$/i)
  const value = find(/^phot\.(mag|flux|count)/, /^(mag|magnitude|flux|psf_?flux|flux_?cal|mag_?psf)$/i)
  const error = find(
    /^stat\.error;phot/,
    /^(e_)?(mag|magnitude|flux|psf_?flux|flux_?cal)_?(err|error|unc)$|^(err|error|sigma|e_mag|e_flux)$/i,
  )
  const band = find(/^instr\.(bandpass|filter)/, /^(band|filter|flt|passband|filt)$/i)
  if (time < 0 || value < 0)
    throw new ServiceError(
      'usage',
      `${file}: no column is known by its name or UCD as ${time < 0 ? 'a time' : 'a magnitude or flux'}`,
      {
        detail: `It has ${fields.map(field => field.name).join(', ')}; load it by \`ingest table\` and write its block of lightCurves.`,
      },
    )
  return { time, value, error: error < 0 ? undefined : error, band: band < 0 ? undefined : band }
}
