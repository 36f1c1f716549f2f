/**
 * Light curves of Kepler and TESS (Kepler Archive Manual §2.3, TESS Science Data Products §9): one file an object and
 * quarter or sector, with the object in the primary header and the table LIGHTCURVE.
 */

import type { Cell } from '../datalink/rows.ts'
import { ServiceError } from '../error.ts'
import { hdus } from '../fits/hdu.ts'
import { type Header, numberOf, textOf } from '../fits/header.ts'
import { openFile } from '../formats/read/file.ts'
import { openTable } from '../formats/read/open.ts'
import type { Field } from '../votable/field.ts'
import type { RowBatch } from '../votable/row.ts'
import {
  BAND,
  bandsNamed,
  DEC,
  idBytes,
  idField,
  type LightCurveFiles,
  partOf,
  RA,
  withCells,
} from './light-curve-files.ts'

const TABLE = 'LIGHTCURVE'

interface Headers {
  readonly primary: Header
  readonly table: Header
}

/** The headers of a file of that kind, or undefined. */
export async function missionHeaders(path: string): Promise<Headers | undefined> {
  const file = await openFile(path)
  try {
    if (file.head.toString('latin1', 0, 6) !== 'SIMPLE') return undefined
    let primary: Header | undefined
    for await (const { index, header } of hdus(file.source)) {
      if (index === 0) primary = header
      else if (textOf(header, 'EXTNAME') === TABLE)
        return idOf(primary!) === undefined ? undefined : { primary: primary!, table: header }
    }
    return undefined
  } finally {
    await file.close()
  }
}

const idOf = (header: Header) => numberOf(header, 'KEPLERID') ?? numberOf(header, 'TICID')

/** All files of one mission: one column of times, with one origin. */
export async function readMission(files: readonly string[]): Promise<LightCurveFiles> {
  const id = idField('objectid', 'long')
  const objects = new Map<string, readonly Cell[]>()
  const batches: RowBatch[] = []
  const bands = new Set<string>()
  let all: { fields: readonly Field[]; origin: number; scale: string; first: string } | undefined
  for (const path of files) {
    const found = await missionHeaders(path)
    if (!found) throw new ServiceError('usage', `${path}: no light curve of Kepler or TESS`)
    const { primary, table } = found
    const own = String(idOf(primary)!)
    const band = textOf(primary, 'TELESCOP') ?? 'unknown'
    const part =
      numberOf(primary, 'QUARTER') ?? numberOf(primary, 'SECTOR') ?? numberOf(primary, 'CAMPAIGN') ?? -1
    const origin = (numberOf(table, 'BJDREFI') ?? 0) + (numberOf(table, 'BJDREFF') ?? 0)
    bands.add(band)
    objects.set(own, [
      BigInt(own),
      numberOf(primary, 'RA_OBJ') ?? numberOf(table, 'RA_OBJ') ?? null,
      numberOf(primary, 'DEC_OBJ') ?? numberOf(table, 'DEC_OBJ') ?? null,
      textOf(primary, 'OBJECT') ?? null,
      numberOf(primary, 'KEPMAG') ?? numberOf(primary, 'TESSMAG') ?? null,
      numberOf(primary, 'TEFF') ?? null,
      numberOf(primary, 'LOGG') ?? null,
      numberOf(primary, 'RADIUS') ?? null,
    ])
    const source = await openTable(path, { select: TABLE })
    try {
      const fields = source.fields.map(described)
      all ??= { fields, origin, scale: textOf(table, 'TIMESYS') ?? 'TDB', first: path }
      if (origin !== all.origin || fields.map(f => f.name).join() !== all.fields.map(f => f.name).join())
        throw new ServiceError('usage', `${path} has not the columns and origin of time of ${all.first}`)
      const cells = [idBytes(own, id), Buffer.from(band), shortBytes(part)]
      for await (const batch of source.batches()) batches.push(withCells(batch, fields.length, () => cells))
    } finally {
      await source.close()
    }
  }
  const { fields, origin, scale } = all!
  const quality = fields.find(field => /QUALITY$/.test(field.name))
  return {
    objects: partOf([id, RA, DEC, ...PROPERTIES], [...objects.values()]),
    detections: {
      fields: [{ ...id, ucd: 'meta.id.parent' }, BAND, PART, ...fields],
      async *batches() {
        yield* batches
      },
    },
    id: 'objectid',
    position: { ra: 'ra', dec: 'dec' },
    block: {
      time: { column: 'TIME', scale, refposition: 'BARYCENTER', origin: String(origin) },
      band: 'band',
      flux: { column: 'PDCSAP_FLUX', error: 'PDCSAP_FLUX_ERR' },
      ...(quality && { quality: { bits: quality.name } }),
      bands: bandsNamed(bands),
    },
    notices: [],
  }
}

const PROPERTIES: readonly Field[] = [
  { name: 'name', datatype: 'char', arraysize: '*', ucd: 'meta.id', description: 'Name of the target' },
  {
    name: 'magnitude',
    datatype: 'double',
    unit: 'mag',
    ucd: 'phot.mag',
    description: "In the mission's band",
  },
  { name: 'teff', datatype: 'double', unit: 'K', ucd: 'phys.temperature.effective' },
  { name: 'logg', datatype: 'double', unit: 'log(cm/s**2)', ucd: 'phys.gravity' },
  { name: 'radius', datatype: 'double', unit: 'solRad', ucd: 'phys.size.radius' },
]

const PART: Field = {
  name: 'part',
  datatype: 'short',
  ucd: 'meta.number',
  description: 'Quarter, campaign or sector',
}

function shortBytes(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

/** Units as VOUnits has them; the time's own says its origin, which TIMESYS does. */
function described(field: Field): Field {
  const { name, unit } = field
  if (name === 'TIME') return { ...field, unit: 'd', ucd: 'time.epoch', description: `Time (${unit})` }
  if (unit === 'e-/s')
    return { ...field, unit: 'electron/s', ...(/ERR/.test(name) ? {} : { ucd: 'phot.count' }) }
  return unit === 'pixels' ? { ...field, unit: 'pixel' } : field
}
