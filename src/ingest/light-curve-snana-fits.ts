/**
 * Light curves in SNANA's FITS format: a HEAD file with a row an object, whose PTROBS_MIN and PTROBS_MAX say which
 * rows of the PHOT file beside it are its detections.
 */
import { existsSync } from 'node:fs'
import { ServiceError } from '../error.ts'
import { openTable } from '../formats/read/open.ts'
import type { Field } from '../votable/field.ts'
import type { RowBatch } from '../votable/row.ts'
import { cellsOf } from './light-curve-cells.ts'
import { bandsNamed, idField, type LightCurveFiles, withCells } from './light-curve-files.ts'
import { FLUX, FLUX_ERROR } from './light-curve-snana.ts'

/** Whether the columns are those of a HEAD file. */
export function isHead(fields: readonly Field[]): boolean {
  return ['SNID', 'PTROBS_MIN', 'PTROBS_MAX'].every(name => fields.some(field => field.name === name))
}

export async function readSnanaFits(files: readonly string[]): Promise<LightCurveFiles> {
  const [head, ...others] = files
  if (others.length > 0) throw new ServiceError('usage', 'Load one HEAD file of SNANA at a time.')
  const phot = photOf(head!)
  const objects = await openTable(head!)
  const batches: RowBatch[] = []
  const owner = new Map<number, string>()
  try {
    const at = (name: string) => objects.fields.findIndex(field => field.name === name)
    const [snid, first, last] = [at('SNID'), at('PTROBS_MIN'), at('PTROBS_MAX')]
    for await (const batch of objects.batches()) {
      batches.push(batch)
      for (const cells of cellsOf(batch, objects.fields)) {
        const id = String(cells[snid]).trim()
        for (let row = Number(cells[first]); row <= Number(cells[last]); row++) owner.set(row, id)
      }
    }
  } finally {
    await objects.close()
  }
  const id = idField('SNID', 'char')
  const source = await openTable(phot)
  const fields = source.fields.map(described)
  const bandAt = source.fields.findIndex(field => field.name === 'BAND' || field.name === 'FLT')
  const bands = new Set<string>()
  const detections: RowBatch[] = []
  let row = 0
  try {
    for await (const batch of source.batches()) {
      for (const cells of cellsOf(batch, source.fields))
        if (owner.has(++row)) bands.add(String(cells[bandAt]))
      const begin = row - batch.count
      detections.push(
        withCells(batch, fields.length, n => {
          const snid = owner.get(begin + n + 1)
          return snid === undefined ? undefined : [Buffer.from(snid)]
        }),
      )
    }
  } finally {
    await source.close()
  }
  const part = (columns: readonly Field[], list: readonly RowBatch[]) => ({
    fields: columns,
    async *batches() {
      yield* list
    },
  })
  return {
    objects: part(
      objects.fields.map(field => (field.name === 'SNID' ? id : described(field))),
      batches,
    ),
    detections: part([{ ...id, ucd: 'meta.id.parent' }, ...fields], detections),
    id: 'SNID',
    position: { ra: 'RA', dec: objects.fields.find(field => /^DECL?$/.test(field.name))!.name },
    block: {
      time: { column: 'MJD', scale: 'UTC', refposition: 'TOPOCENTER', origin: 'MJD-origin' },
      band: source.fields[bandAt]!.name,
      flux: { column: 'FLUXCAL', error: 'FLUXCALERR' },
      bands: bandsNamed(bands),
    },
    notices: [`Detections come from ${phot}.`],
  }
}

/** `…_PHOT.FITS` of `…_HEAD.FITS`, in the same spelling. */
function photOf(head: string): string {
  const phot = head.replace(/HEAD(?=[^/]*$)/, 'PHOT').replace(/head(?=[^/]*$)/, 'phot')
  if (phot !== head && existsSync(phot)) return phot
  throw new ServiceError('usage', `${head} is a HEAD file of SNANA, and its PHOT file is not beside it`, {
    detail: `It was looked for as ${phot}.`,
  })
}

/** The format has no units; what is known of its columns. */
function described(field: Field): Field {
  const { name } = field
  if (name === 'MJD') return { ...field, unit: 'd', ucd: 'time.epoch' }
  if (name === 'RA') return { ...field, unit: 'deg', ucd: 'pos.eq.ra;meta.main' }
  if (name === 'DEC' || name === 'DECL') return { ...field, unit: 'deg', ucd: 'pos.eq.dec;meta.main' }
  if (name === 'BAND' || name === 'FLT') return { ...field, ucd: 'instr.bandpass' }
  for (const { name: known, ucd, description } of [FLUX, FLUX_ERROR])
    if (name === known) return { ...field, ...(ucd && { ucd }), ...(description && { description }) }
  return field
}
