/** Tables that are worked out here from the points: summary statistics, periods, a periodogram. */
import { limited, noRows } from '../dali/maxrec.ts'
import { ServiceError } from '../error.ts'
import { chooseFormat } from '../formats/index.ts'
import type { Info } from '../votable/document.ts'
import type { Field } from '../votable/field.ts'
import type { Outcome, RowBatch } from '../votable/row.ts'
import type { GivenIds } from './ids.ts'
import type { LightCurve } from './light-curve.ts'
import { type Measurements, measurementsOf } from './measurements.ts'
import type { Interval, TimeSeriesParameters } from './params.ts'
import { defaultRange, isTooMuch } from './periodogram.ts'
import { inThread, THREADS } from './periodogram-threads.ts'
import { LEAST_POINTS, type Points } from './points.ts'
import { type Cell, rowBatch } from './rows.ts'
import { FAULT, faultsStatement, measurementsStatement, type Selection } from './select.ts'
import { statisticsOf } from './statistics.ts'
import {
  type Asking,
  selectionOf,
  streamOf,
  type TimeSeriesDependencies,
  type TimeSeriesResult,
} from './timeseries.ts'

type Rows = readonly (readonly Cell[])[]

const double = (name: string, ucd: string, description: string, unit?: string): Field => ({
  name,
  datatype: 'double',
  ucd,
  description,
  ...(unit && { unit }),
})

const COUNT: Field = {
  name: 'n',
  datatype: 'int',
  ucd: 'meta.number',
  description: 'Number of points that were used',
}

/** What is made of each object's points. */
interface Analysis {
  readonly fields: readonly Field[]
  rows(points: Measurements): Rows | Promise<Rows>
}

export async function runAnalysis(
  deps: TimeSeriesDependencies,
  params: TimeSeriesParameters,
  given: GivenIds,
  asking: Asking,
): Promise<TimeSeriesResult> {
  const { curve, maxrec, product } = params
  const { writer, contentType, extension } = chooseFormat(params.responseFormat)
  const selection = selectionOf(curve, params.filter, given)
  const infos: Info[] = [
    { name: 'TABLE', value: curve.name },
    { name: 'QUALITY', value: params.filter.quality },
    ...(params.filter.bands ? [{ name: 'BAND', value: params.filter.bands.join(' ') }] : []),
  ]
  const analysis =
    product.kind === 'periodogram'
      ? product.spectrum
        ? await spectrumOf(deps, selection, product.periods, asking, infos)
        : periods(curve, product.periods)
      : statistics(curve)
  const fields = selection.many ? [...analysis.fields, FAULT] : analysis.fields
  const outcome: Outcome = { rows: 0, overflow: maxrec === 0, error: undefined }
  const points = await streamOf(deps, measurementsStatement(selection), 'binary', asking)
  const batches =
    maxrec === 0 ? noRows() : limited(await begun(all()), maxrec ?? Number.POSITIVE_INFINITY, outcome)
  return {
    contentType,
    fileName: `${product.kind}.${extension}`,
    chunks: writer.write(
      { fields, batches, outcome },
      { infos, description: curve.title, queryStatus: maxrec === 0 ? 'OVERFLOW' : 'OK' },
      deps.folder,
    ),
    outcome,
    silentOverflow: !writer.saysOverflow,
  }

  async function* all(): AsyncGenerator<RowBatch> {
    for await (const rows of ahead(measurementsOf(points, curve), analysis.rows)) {
      asking.signal.throwIfAborted()
      if (rows.length > 0) yield rowBatch(fields, rows, writer.wire)
    }
    if (selection.many) yield* await streamOf(deps, faultsStatement(selection, fields), writer.wire, asking)
  }
}

/** Waits for the first rows, so that what is wrong with the request is told before an answer begins. */
async function begun(rows: AsyncGenerator<RowBatch>): Promise<AsyncIterable<RowBatch>> {
  return resumed(await rows.next(), rows)
}

async function* resumed(
  first: IteratorResult<RowBatch>,
  rows: AsyncGenerator<RowBatch>,
): AsyncGenerator<RowBatch> {
  if (!first.done) yield first.value
  yield* rows
}

/** The answers in the order of the questions, with as many in work as there are threads and one more. */
async function* ahead<In, Out>(
  source: AsyncIterable<In>,
  work: (one: In) => Out | Promise<Out>,
): AsyncGenerator<Out> {
  const begun: Promise<Out>[] = []
  for await (const one of source) {
    const answer = Promise.resolve(work(one))
    answer.catch(() => {}) // told when its turn comes
    begun.push(answer)
    if (begun.length > THREADS) yield await begun.shift()!
  }
  while (begun.length > 0) yield await begun.shift()!
}

const idCell = (curve: LightCurve, { id }: Measurements): Cell => (curve.idType === 'text' ? id : BigInt(id))
const days = ({ time }: LightCurve) => (Number.isNaN(time.days) ? 1 : time.days)

function statistics(curve: LightCurve): Analysis {
  const { fields, at, measure } = curve
  const { unit } = fields[at.value]!
  const time = fields[at.time]!
  const kind = measure === 'flux' ? 'phot.flux.density' : 'phot.mag'
  return {
    fields: [
      fields[at.id]!,
      {
        name: 'band',
        datatype: 'char',
        arraysize: '*',
        ucd: 'instr.bandpass',
        description: 'Band, or all of them',
      },
      COUNT,
      double('first', 'time.start', 'Time of the first point', time.unit),
      double('last', 'time.end', 'Time of the last point', time.unit),
      double('mean', `stat.mean;${kind}`, 'Mean, weighted by 1/error²', unit),
      double('mean_error', `stat.error;${kind}`, 'Standard error of the mean', unit),
      double('median', `stat.median;${kind}`, 'Median', unit),
      double('min', `stat.min;${kind}`, 'Least value', unit),
      double('max', `stat.max;${kind}`, 'Greatest value', unit),
      double('amplitude', 'src.var.amplitude', 'Half of the range from the 5th to the 95th percentile', unit),
      double('chi2', 'stat.fit.chi2', 'χ² about the weighted mean of each band, per degree of freedom'),
      double('stetson_j', 'src.var.index', 'Variability index J (Stetson 1996, PASP 108, 851)'),
    ],
    rows: points =>
      statisticsOf(points, days(curve)).map(s => [
        idCell(curve, points),
        s.band,
        s.n,
        s.first,
        s.last,
        s.mean,
        finite(s.meanError),
        s.median,
        s.min,
        s.max,
        s.amplitude,
        finite(s.chi2),
        finite(s.stetsonJ),
      ]),
  }
}

const finite = (value: number): Cell => (Number.isFinite(value) ? value : null)

function periods(curve: LightCurve, asked: Interval | undefined): Analysis {
  return {
    fields: [
      curve.fields[curve.at.id]!,
      COUNT,
      double('period', 'src.var;time.period', 'Period; null where the points are too few', 'd'),
      double('period_error', 'stat.error;time.period', 'Standard error of the period', 'd'),
      double('false_alarm', 'stat.probability', 'Probability that noise alone has a peak as high'),
      double('power', 'stat.fit.goodness', 'Share of the variance that the best sine in each band explains'),
      double('sine_period', 'time.period', 'Period of the best sine', 'd'),
      double(
        'explained',
        'stat.fit.goodness',
        'Share of the variance that a Fourier series explains at the period',
      ),
    ],
    async rows(points) {
      const { peak } = await periodogram(curve, points, asked, false)
      if (!peak) return [[idCell(curve, points), points.time.length]]
      const { n, period, periodError, falseAlarm, power, sinePeriod, explained } = peak
      return [
        [idCell(curve, points), n, period, finite(periodError), falseAlarm, power, sinePeriod, explained],
      ]
    },
  }
}

/** The powers of one object over frequency; what is found in them is said in INFOs. */
async function spectrumOf(
  deps: TimeSeriesDependencies,
  selection: Selection,
  asked: Interval | undefined,
  asking: Asking,
  infos: Info[],
): Promise<Analysis> {
  const { curve } = selection
  if (selection.many)
    throw new ServiceError(
      'usage',
      'PERIODOGRAM=full is for one object; PERIODOGRAM=true finds the periods of many',
    )
  const rows = await streamOf(deps, measurementsStatement(selection), 'binary', asking)
  let answer: Rows = []
  for await (const points of measurementsOf(rows, curve)) {
    const { peak, spectrum } = await periodogram(curve, points, asked, true)
    if (peak) {
      infos.push({ name: 'period', value: String(peak.period), text: 'Days' })
      infos.push({ name: 'period_error', value: String(peak.periodError) })
      infos.push({ name: 'false_alarm', value: String(peak.falseAlarm) })
    }
    answer = Array.from(spectrum?.power ?? [], (power, k) => {
      const frequency = spectrum!.first + k * spectrum!.step
      return [frequency, 1 / frequency, power]
    })
  }
  return {
    fields: [
      double('frequency', 'src.var.pulse;em.freq', 'Frequency', '1/d'),
      double('period', 'time.period', 'Period', 'd'),
      double('power', 'stat.fit.goodness', 'Share of the variance that a sine in each band explains'),
    ],
    rows: () => answer,
  }
}

function periodogram(
  curve: LightCurve,
  points: Measurements,
  asked: Interval | undefined,
  spectrum: boolean,
) {
  const unit = days(curve)
  const inDays: Points = { ...points, time: unit === 1 ? points.time : points.time.map(t => t * unit) }
  const baseline = inDays.time.at(-1)! - inDays.time[0]!
  if (inDays.time.length < LEAST_POINTS || !(baseline > 0)) return { peak: undefined, spectrum: undefined }
  const range = asked ?? defaultRange(inDays)
  if (isTooMuch(inDays, range)) {
    throw new ServiceError(
      'tooLarge',
      `PERIODOGRAM: ${inDays.time.length} points over ${baseline.toPrecision(3)} days have too many frequencies.`,
      {
        detail: 'Say a narrower range of PERIODS (days), or of TIME.',
      },
    )
  }
  const { time, value, error, band } = inDays
  return inThread({ points: { time, value, error, band }, range, spectrum })
}
