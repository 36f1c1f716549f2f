/** A light curve as a picture: SVG of our own, readable when it is 400 pixels wide. */
import { escapeText } from '../votable/xml.ts'
import type { Measurements } from './measurements.ts'

export interface PictureOptions {
  readonly title: string
  /** Of the horizontal axis. */
  readonly timeLabel: string
  /** Of the vertical axis, with the unit. */
  readonly valueLabel: string
  /** What stands there when there are no points. */
  readonly nothing: string
  /** Bright is up: magnitudes grow downwards. */
  readonly inverted: boolean
  /** In units of the time; two periods are drawn. */
  readonly fold: { readonly period: number; readonly epoch: number } | undefined
}

export const WIDTH = 480
export const HEIGHT = 320
const FONT = 13
const LEFT = 66
const RIGHT = 14
const TOP = 42
const BOTTOM = 44

/** Rubin Observatory's colours for ugrizy (RTN-045), told apart by people of any colour vision together with the marks. */
const COLOURS: Readonly<Record<string, string>> = {
  u: '#0c71ff',
  g: '#49be61',
  r: '#c61c00',
  i: '#d89a00',
  z: '#f341a2',
  y: '#5d0000',
}
const OTHERS = ['#4477aa', '#ee6677', '#228833', '#ccbb44', '#66ccee', '#aa3377', '#555555']
const MARKS = ['circle', 'square', 'up', 'down', 'diamond', 'bar'] as const

/** More points than this are drawn as means of bins of time. */
const MOST_POINTS = 3000

interface Point {
  readonly x: number
  readonly y: number
  readonly error: number
  readonly band: number
}

export function lightCurvePicture(curve: Measurements, options: PictureOptions): string {
  const points = thinned(pointsOf(curve, options.fold))
  const { bands } = curve
  const shown = bands.map((_, b) => b).filter(b => points.some(point => point.band === b))
  const xs = options.fold
    ? [0, 2]
    : extent(
        points.map(point => point.x),
        0.02,
      )
  const ys = extent(valuesToShow(points), 0.05)
  const [x0, x1] = xs as [number, number]
  const [y0, y1] = ys as [number, number]
  const px = (x: number) => LEFT + ((x - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT)
  const up = (y: number) => ((y - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM)
  const py = (y: number) => (options.inverted ? TOP + up(y) : HEIGHT - BOTTOM - up(y))
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="DejaVu Sans, Liberation Sans, Arial, sans-serif" font-size="${FONT}">`,
    `<title>${escapeText(options.title)}</title>`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${LEFT}" y="17" font-size="${FONT}">${escapeText(options.title)}</text>`,
    legend(shown.map(b => ({ name: bands[b]!, colour: colourOf(bands[b]!, b), mark: b }))),
    axes(x0, x1, y0, y1, px, py, options),
    `<clipPath id="frame"><rect x="${LEFT}" y="${TOP}" width="${WIDTH - LEFT - RIGHT}" height="${HEIGHT - TOP - BOTTOM}"/></clipPath>`,
    '<g clip-path="url(#frame)">',
    ...shown.map(b =>
      marks(
        points.filter(point => point.band === b),
        colourOf(bands[b]!, b),
        b,
        px,
        py,
      ),
    ),
    '</g>',
    points.length === 0
      ? `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" fill="#555">${options.nothing}</text>`
      : '',
    '</svg>\n',
  ]
  return parts.join('\n')
}

function pointsOf(
  { time, value, error, band }: Measurements,
  fold: PictureOptions['fold'],
): readonly Point[] {
  const points: Point[] = []
  for (let i = 0; i < time.length; i++) {
    const point = { x: time[i]!, y: value[i]!, error: error[i]!, band: band[i]! }
    if (!fold) points.push(point)
    else {
      const turns = (point.x - fold.epoch) / fold.period
      const phase = turns - Math.floor(turns)
      points.push({ ...point, x: phase }, { ...point, x: phase + 1 })
    }
  }
  return points
}

/** Weighted means of bins of time, band by band, when there are more points than a picture can show. */
function thinned(points: readonly Point[]): readonly Point[] {
  if (points.length <= MOST_POINTS) return points
  const [low, high] = extent(
    points.map(point => point.x),
    0,
  )
  const bins = new Map<string, { x: number; y: number; weight: number; n: number; band: number }>()
  for (const { x, y, error, band } of points) {
    const key = `${Math.floor(((x - low) / (high - low)) * 500)} ${band}`
    const weight = Number.isNaN(error) ? 1 : 1 / (error * error)
    const bin = bins.get(key) ?? { x: 0, y: 0, weight: 0, n: 0, band }
    bin.x += x
    bin.y += weight * y
    bin.weight += weight
    bin.n++
    bins.set(key, bin)
  }
  return [...bins.values()].map(({ x, y, weight, n, band }) => ({
    x: x / n,
    y: y / weight,
    error: 1 / Math.sqrt(weight),
    band,
  }))
}

/** Outliers far beyond the rest do not press the light curve flat. */
function valuesToShow(points: readonly Point[]): readonly number[] {
  const sorted = points.map(point => point.y).sort((a, b) => a - b)
  if (sorted.length < 20)
    return points.flatMap(({ y, error }) => (Number.isNaN(error) ? [y] : [y - error, y + error]))
  const at = (q: number) => sorted[Math.round(q * (sorted.length - 1))]!
  const margin = 1.2 * (at(0.98) - at(0.02))
  return sorted.filter(y => y >= at(0.02) - margin && y <= at(0.98) + margin)
}

function extent(values: readonly number[], margin: number): [number, number] {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const value of values) {
    if (value < low) low = value
    if (value > high) high = value
  }
  if (!(low <= high)) return [0, 1]
  const room = high > low ? margin * (high - low) : Math.abs(low) * 0.05 || 1
  return [low - room, high + room]
}

function colourOf(name: string, index: number): string {
  return COLOURS[name] ?? OTHERS[index % OTHERS.length]!
}

const round = (x: number) => Math.round(x * 10) / 10

function marks(
  points: readonly Point[],
  colour: string,
  band: number,
  px: (x: number) => number,
  py: (y: number) => number,
): string {
  const bars = points
    .filter(point => !Number.isNaN(point.error))
    .map(({ x, y, error }) => `M${round(px(x))} ${round(py(y - error))}V${round(py(y + error))}`)
  const symbols = points.map(({ x, y }) => mark(round(px(x)), round(py(y)), band))
  return [
    `<path d="${bars.join('')}" stroke="${colour}" stroke-opacity=".5" fill="none"/>`,
    `<path d="${symbols.join('')}" fill="${colour}"/>`,
  ].join('\n')
}

/** A band's mark around a point, as part of a path. */
function mark(x: number, y: number, band: number): string {
  switch (MARKS[band % MARKS.length]) {
    case 'square':
      return `M${x - 2} ${y - 2}h4v4h-4z`
    case 'up':
      return `M${x - 2.6} ${y + 2}h5.2l-2.6 -4.8z`
    case 'down':
      return `M${x - 2.6} ${y - 2}h5.2l-2.6 4.8z`
    case 'diamond':
      return `M${x - 2.7} ${y}l2.7 2.7l2.7 -2.7l-2.7 -2.7z`
    case 'bar':
      return `M${x - 1.2} ${y - 2.8}h2.4v5.6h-2.4z`
    default:
      return `M${x - 2.2} ${y}a2.2 2.2 0 1 0 4.4 0a2.2 2.2 0 1 0 -4.4 0z`
  }
}

function legend(bands: readonly { name: string; colour: string; mark: number }[]): string {
  let x = LEFT + 4
  return bands
    .map(({ name, colour, mark: index }) => {
      const label = escapeText(name || 'no band')
      const entry = `<path d="${mark(x, 30, index)}" fill="${colour}" transform="translate(${-x * 0.6} ${-30 * 0.6}) scale(1.6)"/><text x="${x + 8}" y="34.5">${label}</text>`
      x += 24 + 8 * label.length
      return entry
    })
    .join('\n')
}

function axes(
  x0: number,
  x1: number,
  y0: number,
  y1: number,
  px: (x: number) => number,
  py: (y: number) => number,
  options: PictureOptions,
): string {
  const bottom = HEIGHT - BOTTOM
  const right = WIDTH - RIGHT
  const xTicks = ticks(x0, x1, 6)
  const yTicks = ticks(y0, y1, 5)
  const scale = powerOf(yTicks.values)
  const unit = scale === 0 ? '' : ` × 10${superscript(scale)}`
  return [
    '<g stroke="#000" fill="none" shape-rendering="crispEdges">',
    `<rect x="${LEFT}" y="${TOP}" width="${right - LEFT}" height="${bottom - TOP}"/>`,
    `<path d="${xTicks.values.map(x => `M${round(px(x))} ${bottom}v-5`).join('')}${yTicks.values.map(y => `M${LEFT} ${round(py(y))}h5`).join('')}"/>`,
    '</g>',
    ...xTicks.values.map(x => {
      const label = x.toFixed(decimals(xTicks.step))
      const middle = Math.min(px(x), WIDTH - 2 - 0.32 * FONT * label.length)
      return `<text x="${round(middle)}" y="${bottom + 16}" text-anchor="middle">${label}</text>`
    }),
    ...yTicks.values.map(
      y =>
        `<text x="${LEFT - 5}" y="${round(py(y)) + 4.5}" text-anchor="end">${(y / 10 ** scale).toFixed(decimals(yTicks.step / 10 ** scale))}</text>`,
    ),
    `<text x="${(LEFT + right) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escapeText(options.timeLabel)}</text>`,
    `<text transform="translate(16 ${(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeText(options.valueLabel + unit)}</text>`,
  ].join('\n')
}

/** Decimals that tell multiples of a step apart. */
const decimals = (step: number) => Math.max(0, -Math.floor(Math.log10(step) + 1e-9))

/** Round numbers within a range. */
function ticks(low: number, high: number, about: number): { values: readonly number[]; step: number } {
  const raw = (high - low) / about
  const power = Math.floor(Math.log10(raw))
  const step = ([1, 2, 5, 10].find(m => m * 10 ** power >= raw) ?? 10) * 10 ** power
  const values: number[] = []
  for (let n = Math.ceil(low / step); n * step <= high; n++) values.push(n * step)
  return { values, step }
}

/** The power of ten that is taken out of large or small labels. */
function powerOf(values: readonly number[]): number {
  const most = Math.max(...values.map(Math.abs), 0)
  const power = most > 0 ? Math.floor(Math.log10(most)) : 0
  return power >= 4 || power <= -3 ? power : 0
}

function superscript(power: number): string {
  const digits = '⁰¹²³⁴⁵⁶⁷⁸⁹'
  return String(power).replace(/[-\d]/g, c => (c === '-' ? '⁻' : digits[Number(c)]!))
}
