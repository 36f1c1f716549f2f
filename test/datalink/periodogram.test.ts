/** Periods, statistics and pictures, against astropy and numpy. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { lombScargle, periodogramOf } from '../../src/datalink/periodogram.ts'
import { lightCurvePicture } from '../../src/datalink/picture.ts'
import type { Points } from '../../src/datalink/points.ts'
import { statisticsOf } from '../../src/datalink/statistics.ts'
import { createRandom } from '../../src/demo/random.ts'
import { python, withoutPython } from '../support/python.ts'

const random = createRandom(7)

/** Points of a shape in three bands over 900 days, at night. */
function star(seed: number, shape: (time: number, band: number) => number, n = 240): Points {
  random.seek(3, seed, n)
  const rows = Array.from({ length: n }, () => {
    const time = 59000 + Math.floor(900 * random.uniform()) + 0.3 * random.uniform()
    const band = Math.floor(3 * random.uniform())
    const error = 0.02 + 0.02 * random.uniform()
    return { time, band, error, value: 10 + band + shape(time, band) + error * random.normal() }
  }).sort((a, b) => a.time - b.time)
  return {
    time: Float64Array.from(rows, r => r.time),
    value: Float64Array.from(rows, r => r.value),
    error: Float64Array.from(rows, r => r.error),
    band: Uint8Array.from(rows, r => r.band),
  }
}

const sine = (period: number, amplitude: number) => (time: number, band: number) =>
  amplitude * (1 + 0.2 * band) * Math.sin((2 * Math.PI * time) / period)

/** Eclipses of a twentieth of the period. */
const eclipses = (period: number) => (time: number) => {
  const phase = (((time / period) % 1) + 1) % 1
  if (phase < 0.05) return -0.5
  return phase > 0.5 && phase < 0.55 ? -0.2 : 0
}

describe('the periodogram', () => {
  it('is that of astropy in one band, and their combination in several', {
    skip: withoutPython('astropy'),
  }, () => {
    const points = star(1, sine(3.7, 0.1))
    const spectrum = lombScargle(points, { low: 0.5, high: 300 })!
    const script = `
import json, sys, numpy as np
from astropy.timeseries import LombScargle
p = json.load(sys.stdin)
t, y, e, b = (np.array(p[k]) for k in ('time', 'value', 'error', 'band'))
f = p['first'] + p['step'] * np.arange(p['n'])
total = power = 0
for band in np.unique(b):
    m = b == band
    w = e[m] ** -2
    chi2 = np.sum(w * (y[m] - np.sum(w * y[m]) / np.sum(w)) ** 2)
    power = power + chi2 * LombScargle(t[m], y[m], e[m], fit_mean=True, center_data=True).power(f, method='cython' if False else 'slow')
    total += chi2
print(json.dumps(list(power / total)))`
    const input = JSON.stringify({
      time: [...points.time],
      value: [...points.value],
      error: [...points.error],
      band: [...points.band],
      first: spectrum.first,
      step: spectrum.step,
      n: spectrum.power.length,
    })
    const expected = JSON.parse(python(script, input).toString()) as number[]
    assert.equal(expected.length, spectrum.power.length)
    expected.forEach((power, k) => {
      assert.ok(Math.abs(power - spectrum.power[k]!) < 1e-6, `${k}: ${power} ${spectrum.power[k]}`)
    })
  })

  it('finds periods of sines and of narrow eclipses', () => {
    for (const [seed, period] of [0.31, 0.77, 2.2, 13.1, 77.7, 250].entries()) {
      const found = periodogramOf(star(10 + seed, sine(period, 0.1)))!
      assert.ok(
        Math.abs(found.period / period - 1) < 4 * (found.periodError / period) + 1e-5,
        `${period} ${found.period}`,
      )
      assert.ok(found.falseAlarm < 1e-10)
    }
    for (const [seed, period] of [1.37, 3.3, 8.8].entries()) {
      const found = periodogramOf(star(30 + seed, eclipses(period)))!
      // Of two eclipses alike in shape, half of the period may be found.
      const near = Math.min(...[1, 0.5].map(turns => Math.abs(found.period / (turns * period) - 1)))
      assert.ok(near < 1e-3, `${period} ${found.period}`)
      assert.ok(found.falseAlarm < 1e-6)
    }
  })

  it('raises no alarm on noise, and false-alarm probabilities are no less than what happens', () => {
    let low = 0
    const n = 60
    for (let seed = 0; seed < n; seed++) {
      const found = periodogramOf(
        star(100 + seed, () => 0, 60),
        { low: 1, high: 300 },
      )!
      if (found.falseAlarm < 0.1) low++
      assert.ok(found.falseAlarm > 1e-4, `${seed}: ${found.falseAlarm}`)
    }
    assert.ok(low <= 0.1 * n + 3 * Math.sqrt(0.09 * n), `${low} of ${n} below 0.1`)
  })

  it('says nothing of too few points', () => {
    assert.equal(periodogramOf(star(1, () => 0, 4)), undefined)
    const same = star(1, () => 0, 20)
    same.time.fill(59000)
    assert.equal(periodogramOf(same), undefined)
  })
})

describe('statistics', () => {
  it('are those of numpy', { skip: withoutPython('numpy') }, () => {
    const points = { ...star(5, sine(2, 0.3)), id: '1', bands: ['g', 'r', 'i'] }
    const rows = statisticsOf(points, 1)
    assert.deepEqual(
      rows.map(row => row.band),
      ['all', 'g', 'r', 'i'],
    )
    const script = `
import json, sys, numpy as np
p = json.load(sys.stdin)
y, e, b = (np.array(p[k]) for k in ('value', 'error', 'band'))
out = []
for band in range(3):
    v, s = y[b == band], e[b == band]
    mean = np.average(v, weights=s ** -2)
    out.append([len(v), mean, np.sum(s ** -2) ** -0.5, np.median(v), v.min(), v.max(), (np.percentile(v, 95) - np.percentile(v, 5)) / 2, np.sum(((v - mean) / s) ** 2) / (len(v) - 1)])
print(json.dumps(out))`
    const input = JSON.stringify({
      value: [...points.value],
      error: [...points.error],
      band: [...points.band],
    })
    const expected = JSON.parse(python(script, input).toString()) as number[][]
    rows.slice(1).forEach((row, i) => {
      const got = [row.n, row.mean, row.meanError, row.median, row.min, row.max, row.amplitude, row.chi2]
      got.forEach((value, k) => {
        assert.ok(Math.abs(value / expected[i]![k]! - 1) < 1e-10, `${row.band} ${k}`)
      })
      assert.ok(row.stetsonJ > 3)
    })
    assert.ok(
      Math.abs(statisticsOf({ ...star(6, () => 0), id: '2', bands: ['g', 'r', 'i'] }, 1)[0]!.stetsonJ) < 0.3,
    )
  })
})

describe('pictures', () => {
  const options = {
    title: 'object <1>',
    timeLabel: 'MJD (TAI) in days',
    valueLabel: 'Flux (nJy)',
    inverted: false,
    nothing: 'no detections',
    fold: undefined,
  }
  const points = { ...star(5, sine(2, 0.3)), id: '1', bands: ['g', 'r', 'i'] }

  it('have a mark and an error bar for every point, axes with units, and a legend', () => {
    const svg = lightCurvePicture(points, options)
    const paths = [...svg.matchAll(/<path d="([^"]*)" (fill="#|stroke="#)/g)]
    const marks = paths.filter(path => path[2]!.startsWith('fill')).map(path => path[1]!.match(/M/g)!.length)
    const bars = paths.filter(path => path[2]!.startsWith('stroke')).map(path => path[1]!.match(/M/g)!.length)
    assert.equal(
      bars.reduce((a, b) => a + b, 0),
      240,
    )
    assert.equal(
      marks.reduce((a, b) => a + b, 0),
      240 + 3,
      'and three in the legend',
    )
    for (const text of ['object &lt;1&gt;', 'MJD (TAI) in days', 'Flux (nJy)', '>g<', '>r<', '>i<'])
      assert.ok(svg.includes(text), text)
  })

  it('show two turns when folded, bright at the top for magnitudes, and something without points', () => {
    const folded = lightCurvePicture(points, { ...options, fold: { period: 2, epoch: 0 } })
    assert.ok(folded.includes('>2.0<'))
    assert.notEqual(
      lightCurvePicture(points, { ...options, inverted: true }),
      lightCurvePicture(points, options),
    )
    const none = new Float64Array(0)
    const empty = { ...points, time: none, value: none, error: none, band: new Uint8Array(0) }
    assert.match(lightCurvePicture(empty, options), /no detections/)
    const nulls = { ...points, error: points.error.map(() => Number.NaN) }
    assert.doesNotMatch(lightCurvePicture(nulls, options), /NaN/)
  })

  it('stay small for a million points', () => {
    const n = 1_000_000
    const many = {
      ...points,
      time: Float64Array.from({ length: n }, (_, i) => 59000 + i / 172800),
      value: Float64Array.from({ length: n }, (_, i) => Math.sin(i / 50000)),
      error: new Float64Array(n).fill(0.1),
      band: new Uint8Array(n),
    }
    assert.ok(lightCurvePicture(many, options).length < 100_000)
  })
})
