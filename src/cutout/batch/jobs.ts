/** A batch of cutouts as a job: an archive with the files of every position, a summary table, and a page to look at. */
import { uploadsOf } from '../../dali/uploads.ts'
import type { JobKind, Work } from '../../uws/kind.ts'
import type { CutoutDependencies } from '../cut.ts'
import { type ArchiveFile, archive } from './archive.ts'
import { type Card, gallery, MOST_PICTURES } from './gallery.ts'
import { placed } from './match.ts'
import { type BatchRequest, batchRequest, missingUpload, SINGLE } from './params.ts'
import { collectionOf, type PlannedStamp, planned } from './plan.ts'
import { positionsOf, type Wanted } from './positions.ts'
import type { Stamp } from './stamp.ts'
import { type SummaryRow, summaryCsv } from './summary.ts'
import { stamps } from './threads.ts'

/** Bytes of an uploaded row, and seconds for a position of three bands: what a batch is estimated by. */
const ROW_BYTES = 30
const POSITION_SECONDS = 0.02

export function batchJobs(deps: CutoutDependencies): JobKind {
  return {
    name: 'cutout-batch',
    path: '/cutout/batch',
    once: SINGLE,
    title: parameters =>
      `Batch of cutouts${parameters.single('COLLECTION') ? ` of ${parameters.single('COLLECTION')}` : ''}`,
    async estimate({ uploads }) {
      const bytes = uploads.reduce((sum, upload) => sum + upload.bytes, 0)
      return { seconds: 1 + (bytes / ROW_BYTES) * POSITION_SECONDS }
    },
    async run(work) {
      const request = batchRequest(work.parameters)
      const wanted = await wantedOf(deps, work, request)
      const collection = await collectionOf(deps.db, work.job.identity, request.collection)
      const plan = planned({ ...deps, identity: work.job.identity, collection }, request, wanted)
      const [rows, cards]: [SummaryRow[], Card[]] = [[], []]
      async function* files(): AsyncGenerator<ArchiveFile> {
        let done = 0
        for await (const one of stamps(plan, wanted.length, work.signal)) {
          yield* namedFiles(one)
          const told = summaryOf(one, request.fits)
          rows.push(...told)
          cards.push(cardOf(one, told, cards.length < MOST_PICTURES))
          work.progress(++done, wanted.length)
        }
        yield { name: 'summary.csv', bytes: summaryCsv(rows) }
      }
      const contentType = request.archive === 'tar' ? 'application/x-tar' : 'application/zip'
      const fileName = `${collection}_cutouts`
      await work.write(
        { id: 'archive', contentType, fileName: `${fileName}.${request.archive}` },
        archive(request.archive, files()),
      )
      await work.write(
        { id: 'summary', contentType: 'text/csv;header=present', fileName: `${fileName}.csv` },
        [summaryCsv(rows)],
      )
      await work.write(
        { id: 'gallery', contentType: 'text/html; charset=utf-8', fileName: `${fileName}.html` },
        gallery(`Cutouts of ${collection}`, totals(rows, wanted.length), cards),
      )
    },
  }
}

async function wantedOf(
  { db }: CutoutDependencies,
  work: Work,
  request: BatchRequest,
): Promise<readonly Wanted[]> {
  const content = { parameters: work.parameters, files: await work.files(), folder: () => work.folder() }
  const uploads = await uploadsOf(content)
  const file = uploads[0]?.path ?? content.files.values().next().value
  if (file === undefined) throw missingUpload()
  return placed(db, work.job.identity, request.table, await positionsOf(file, 'the table of positions'))
}

type Made = PlannedStamp & { readonly stamp: Stamp }

const bandFile = (band: string) => band.replace(/[^\w.+-]/g, '_') || 'image'

function fitsName({ stem }: PlannedStamp, band: string): string {
  return `${stem}/${stem}_${bandFile(band)}.fits`
}

function* namedFiles(made: Made): Generator<ArchiveFile> {
  for (const { band, bytes } of made.stamp.files) {
    const name = band === undefined ? `${made.stem}/${made.stem}_color.png` : fitsName(made, band)
    yield { name, bytes }
  }
}

function summaryOf(made: Made, fits: boolean): SummaryRow[] {
  const { wanted, stamp, unmatched, fault } = made
  const { row, name, ra, dec } = wanted
  const place = { row, name, ra, dec }
  const nothing = { file: '', did: '', width: undefined, height: undefined }
  if (fault !== undefined) return [{ ...place, ...nothing, band: '', status: 'error', message: fault }]
  return [
    ...stamp.bands.map(({ band, did, width, height, problem }): SummaryRow => {
      const cut = width > 0 && height > 0
      const status = !cut ? 'error' : problem ? 'partial' : 'ok'
      const file = cut && fits ? fitsName(made, band) : ''
      return { ...place, band, status, file, did, width, height, message: problem ?? '' }
    }),
    ...unmatched.map(
      (band): SummaryRow => ({
        ...place,
        ...nothing,
        band,
        status: 'unmatched',
        message: 'no image of the collection is here',
      }),
    ),
  ]
}

function cardOf({ wanted, stamp, stem }: Made, rows: readonly SummaryRow[], withPicture: boolean): Card {
  const problem = rows.find(({ status }) => status !== 'ok')
  return {
    title: wanted.name ?? stem.slice(stem.indexOf('_') + 1),
    ra: wanted.ra,
    dec: wanted.dec,
    bands: stamp.bands.filter(({ width }) => width > 0).map(({ band }) => band),
    problem: problem && `${problem.band ? `${problem.band}: ` : ''}${problem.message}`,
    preview: withPicture ? stamp.preview : undefined,
  }
}

function totals(rows: readonly SummaryRow[], positions: number): string {
  const count = (status: SummaryRow['status']) => rows.filter(row => row.status === status).length
  const parts = [
    `${positions} positions`,
    `${count('ok') + count('partial')} cutouts`,
    count('partial') > 0 ? `${count('partial')} at edges` : '',
    count('unmatched') > 0 ? `${count('unmatched')} without an image` : '',
    count('error') > 0 ? `${count('error')} errors` : '',
    positions > MOST_PICTURES ? `pictures of the first ${MOST_PICTURES}` : '',
  ]
  return parts.filter(Boolean).join(' · ')
}
