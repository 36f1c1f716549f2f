/** The simulated sky and survey, before any database. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { BANDS, nanojansky } from '../../src/demo/bands.ts'
import { CELLS_PER_SHARD, fieldAt, fieldsOf, footprintOf, openShard } from '../../src/demo/footprint.ts'
import { objectsOf, type SkyObject } from '../../src/demo/objects.ts'
import { createCamera } from '../../src/demo/photometry.ts'
import { chunksOf, TABLES } from '../../src/demo/rows.ts'
import { areaOf, planSurvey, type Survey } from '../../src/demo/survey.ts'
import { CLASSES, overlap } from '../../src/demo/variables.ts'
import { CAMERA_RADIUS } from '../../src/demo/visits.ts'
import { hash } from '../../src/healpix/nested.ts'
import { distance } from '../../src/sphere/vector.ts'

const DEGREE = Math.PI / 180
const survey = planSurvey({ objects: 24_000, areaDeg2: 0.8, seed: 7 })
const sky = all(survey)

function all(of: Survey): SkyObject[] {
  return of.shards.flatMap((_, shard) => [...objectsOf(of, shard)])
}

function share<T>(list: readonly T[], is: (item: T) => boolean): number {
  return list.filter(is).length / list.length
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!
}

describe('the sky', () => {
  it('has exactly the objects and variables that were asked for, in the asked area', () => {
    assert.equal(sky.length, 24_000)
    assert.equal(sky.filter(object => object.variable).length, 600)
    assert.equal(sky.filter(object => object.watched).length, 1200)
    assert.ok(Math.abs(areaOf(survey) - 0.8) < 0.02)
    assert.deepEqual(new Set(sky.map(object => object.variable?.class)), new Set([undefined, ...CLASSES]))
  })

  it('numbers the objects of a cell from 0 and puts them into it', () => {
    const seen = new Map<number, number>()
    for (const { cell, n, ra, dec } of sky) {
      assert.equal(n, seen.get(cell) ?? 0)
      seen.set(cell, n + 1)
      assert.equal(hash(12, ra * DEGREE, dec * DEGREE), cell)
      assert.ok(ra > 149.4 && ra < 150.6 && dec > 1.4 && dec < 2.6)
    }
  })

  it('has the same object under the same identifier however many there are', () => {
    const denser = new Map(
      all(planSurvey({ objects: 30_000, areaDeg2: 0.8, seed: 7 })).map(o => [`${o.cell} ${o.n}`, o]),
    )
    const both = sky.filter(o => denser.has(`${o.cell} ${o.n}`))
    assert.ok(both.length > 20_000)
    const same = share(both, o => {
      const other = denser.get(`${o.cell} ${o.n}`)!
      return o.ra === other.ra && o.mags.every((mag, band) => mag === other.mags[band])
    })
    // The few at the limits of what makes a variable may change their kind.
    assert.ok(same > 0.99, `${same}`)
  })

  it('has star and galaxy counts that rise as they do on the sky, and galaxies in the majority when faint', () => {
    const counts = (is: (o: SkyObject) => boolean) => (low: number) =>
      sky.filter(o => is(o) && o.mags[2] >= low && o.mags[2] < low + 1).length
    const [stars, galaxies] = [counts(o => !o.galaxy), counts(o => o.galaxy !== undefined)]
    const slope = (n: (low: number) => number, from: number, to: number) =>
      Math.log10(n(to) / n(from)) / (to - from)
    assert.ok(Math.abs(slope(galaxies, 20, 24) - 0.36) < 0.04, `galaxies ${slope(galaxies, 20, 24)}`)
    assert.ok(slope(stars, 17, 23) > 0.1 && slope(stars, 17, 23) < 0.3, `stars ${slope(stars, 17, 23)}`)
    assert.ok(stars(18) > 2 * galaxies(18))
    assert.ok(galaxies(23) > 1.3 * stars(23) && galaxies(24) > stars(24))
  })

  it('has stars on the stellar locus and redder galaxies at higher redshift', () => {
    const colours = (list: SkyObject[], a: number, b: number) =>
      median(list.map(o => o.mags[a]! - o.mags[b]!))
    const dwarfs = sky.filter(o => !o.galaxy && o.mags[0] - o.mags[2] > 2.2 && o.mags[0] - o.mags[2] < 2.6)
    // Covey et al. 2007: M dwarfs stay near g − r = 1.4 while r − i grows.
    assert.ok(Math.abs(colours(dwarfs, 0, 1) - 1.36) < 0.1)
    assert.ok(Math.abs(colours(dwarfs, 1, 2) - 1.04) < 0.1)
    const ellipticals = (low: number) =>
      sky.filter(o => o.galaxy && o.galaxy.youth < 0.03 && Math.abs(o.galaxy.redshift - low) < 0.05)
    // g − r of ellipticals: about 1.0 at z = 0.1 and 1.7 at z = 0.4 (Fukugita et al. 1995, table 3, within 0.2 mag).
    assert.ok(Math.abs(colours(ellipticals(0.4), 0, 1) - 1.75) < 0.25, `${colours(ellipticals(0.4), 0, 1)}`)
    assert.ok(colours(ellipticals(0.15), 0, 1) < 1.3)
  })

  it('has galaxies that cluster and stars that do not', () => {
    const children = new Map<number, number>()
    for (const shard of survey.shards) {
      for (const cell of openShard(survey.footprint, shard).cells) {
        children.set(cell >> 4, (children.get(cell >> 4) ?? 0) + 1)
      }
    }
    const whole = [...children].filter(([, n]) => n === 16).map(([cell]) => cell)
    // Variance of counts in order-10 cells over that of a Poisson distribution.
    const clumping = (is: (o: SkyObject) => boolean) => {
      const counts = new Map<number, number>()
      for (const cell of whole) counts.set(cell, 0)
      for (const o of sky) {
        const cell = o.cell >> 4
        if (counts.has(cell)) counts.set(cell, (counts.get(cell) ?? 0) + (is(o) ? 1 : 0))
      }
      const n = [...counts.values()]
      const mean = n.reduce((sum, x) => sum + x, 0) / n.length
      return n.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n.length / mean
    }
    assert.ok(clumping(o => o.galaxy !== undefined) > 1.4)
    assert.ok(clumping(o => o.galaxy === undefined) < 1.35)
  })
})

describe('what is measured', () => {
  const camera = createCamera(survey)

  it('scatters constant stars as much as the errors say', () => {
    let sum = 0
    let degrees = 0
    for (const star of sky.filter(o => o.watched && !o.variable)) {
      const curve = camera.lightCurve(star)
      assert.equal(curve.count, 320)
      for (let k = 0; k < curve.count; k++) {
        if (curve.flags[k] !== 0) continue
        const flux = nanojansky(star.mags[survey.visits.band[curve.visit[k]!]!]!)
        sum += ((curve.flux[k]! - flux) / curve.error[k]!) ** 2
        degrees++
      }
    }
    assert.ok(Math.abs(sum / degrees - 1) < 0.01, `reduced chi² ${sum / degrees}`)
  })

  it('keeps ten epochs of everything else, two in each band and none twice', () => {
    for (const object of sky.filter(o => !o.watched).slice(0, 500)) {
      const { count, visit } = camera.lightCurve(object)
      const visits = [...visit.subarray(0, count)]
      assert.equal(new Set(visits).size, 10)
      assert.deepEqual(
        visits
          .map(v => survey.visits.band[v])
          .sort()
          .join(''),
        '0011223344',
      )
      assert.deepEqual(
        visits,
        visits.toSorted((a, b) => survey.visits.mjd[a]! - survey.visits.mjd[b]!),
      )
    }
  })

  it('has noisy, missing, negative and misclassified measurements at the faint end only', () => {
    const measured = sky.map(object => {
      const { flux, error, extendedness } = camera.coadd(object)
      return { object, flux: [...flux], error: [...error], extendedness }
    })
    const plain = measured.filter(m => !m.object.watched)
    assert.ok(share(plain, m => Number.isNaN(m.flux[4])) > 0.005)
    assert.ok(plain.some(m => m.flux[0]! < 0))
    assert.ok(measured.filter(m => m.flux[0]! < 0).every(m => m.object.mags[0] > 26))
    const wrong = (from: number, to: number) =>
      share(
        plain.filter(m => m.object.mags[2] > from && m.object.mags[2] < to && !Number.isNaN(m.extendedness)),
        m => (m.extendedness === 1) !== (m.object.galaxy !== undefined),
      )
    assert.ok(wrong(16, 22) < 0.01 && wrong(24.3, 25) > 0.05, `${wrong(16, 22)} ${wrong(24.3, 25)}`)
    assert.ok(share(measured, m => Number.isNaN(m.extendedness)) > 0.001)
    // The errors of the stack are honest too.
    const pulls = plain
      .filter(m => !m.object.galaxy && !Number.isNaN(m.flux[1]!))
      .map(m => ((m.flux[1]! - nanojansky(m.object.mags[1])) / m.error[1]!) ** 2)
    const chi2 = pulls.reduce((sum, x) => sum + x, 0) / pulls.length
    assert.ok(Math.abs(chi2 - 1) < 0.06, `${chi2}`)
  })

  it('folds every class at its period and at no other', () => {
    const counts = new Map<string, number>()
    for (const object of sky.filter(o => o.variable)) {
      const { class: kind, period } = object.variable!
      if ((counts.get(kind) ?? 0) === 12) continue
      counts.set(kind, (counts.get(kind) ?? 0) + 1)
      const { count, visit, flux, flags } = camera.lightCurve(object)
      const points: { mjd: number; flux: number }[] = []
      for (let k = 0; k < count; k++) {
        if (flags[k] !== 0) continue
        const mean = nanojansky(object.mags[survey.visits.band[visit[k]!]!]!)
        points.push({ mjd: survey.visits.mjd[visit[k]!]!, flux: flux[k]! / mean })
      }
      const right = roughness(points, period)
      const wrong = median(
        [1.0137, 0.9311, 1.2718, 0.8713, 1.1537].map(factor => roughness(points, factor * period)),
      )
      assert.ok(right < 0.6 * wrong, `${kind} of ${period} d: ${right} against ${wrong}`)
    }
    assert.deepEqual([...counts.keys()].sort(), [...CLASSES].sort())
  })

  /** Squared steps between neighbours in phase over the variance: small for a smooth curve, 2 for noise. */
  function roughness(points: readonly { mjd: number; flux: number }[], period: number): number {
    const folded = points
      .map(({ mjd, flux }) => ({ phase: (mjd / period) % 1, flux }))
      .sort((a, b) => a.phase - b.phase)
    const mean = folded.reduce((sum, p) => sum + p.flux, 0) / folded.length
    const variance = folded.reduce((sum, p) => sum + (p.flux - mean) ** 2, 0)
    return folded.slice(1).reduce((sum, p, k) => sum + (p.flux - folded[k]!.flux) ** 2, 0) / variance
  }
})

describe('the visits', () => {
  const { visits } = survey

  it('come 64 times in each band over more than three years, in order, with names of their own', () => {
    for (let band = 0; band < BANDS.length; band++) {
      const times = [...visits.mjd].filter((_, k) => visits.band[k] === band)
      assert.equal(times.length, 64)
      assert.ok(times.at(-1)! - times[0]! > 3 * 365.25)
    }
    assert.equal(new Set(visits.id).size, visits.count)
    assert.deepEqual([...visits.mjd], [...visits.mjd].sort())
    assert.deepEqual([...visits.id], [...visits.id].sort())
    for (let k = 1; k < visits.count; k++) assert.ok((visits.mjd[k]! - visits.mjd[k - 1]!) * 86400 > 30)
  })

  it('are by night, in seasons, and pointed so that the camera covers its field', () => {
    const nights = new Set([...visits.id].map(id => Math.floor(id / 1e5)))
    assert.ok(nights.size > 150 && nights.size < visits.count)
    for (let k = 0; k < visits.count; k++) {
      // Local midnight at longitude −155.47° is 10.36 h UTC.
      const fromMidnight = ((visits.mjd[k]! - 0.432 + 0.5) % 1) - 0.5
      assert.ok(Math.abs(fromMidnight) < 5 / 24)
    }
    const months = new Set([...visits.id].map(id => Math.floor(id / 1e7) % 100))
    assert.ok(
      [7, 8, 9].every(month => !months.has(month)),
      'RA 150° is behind the sun in August',
    )
    for (const { ra, dec } of sky.slice(0, 100)) {
      for (let k = 0; k < visits.count; k++) {
        const away =
          distance(ra * DEGREE, dec * DEGREE, visits.ra[k]! * DEGREE, visits.dec[k]! * DEGREE) / DEGREE
        assert.ok(away < CAMERA_RADIUS)
      }
    }
  })
})

it('covers large areas over RA 0, each place by one field within the reach of the camera', () => {
  const box = footprintOf(36_000)
  const at = (ra: number, dec: number) => openShard(box, hash(7, ra * DEGREE, dec * DEGREE)).cells.length
  assert.equal(at(359.9, 10), CELLS_PER_SHARD)
  assert.equal(at(0.1, 10), CELLS_PER_SHARD)
  assert.equal(at(330, 10), 0)
  const wide = footprintOf(2000)
  const fields = fieldsOf(wide)
  for (const [ra, dec] of [
    [150, 2],
    [128.1, -20],
    [171.5, 24],
    [140, -19.9],
  ] as const) {
    const field = fields[fieldAt(wide, ra * DEGREE, dec * DEGREE)]!
    assert.ok(distance(ra * DEGREE, dec * DEGREE, field.ra, field.dec) / DEGREE < 1.45)
  }
  assert.throws(() => footprintOf(50_000), /area must be between/)
})

it('makes the same bytes from the same seed and others from another', () => {
  const digest = (seed: number) => {
    const small = planSurvey({ objects: 800, areaDeg2: 0.05, seed })
    return TABLES.map(table => {
      const sum = createHash('sha256')
      for (const chunk of chunksOf(small, table)) sum.update(chunk.bytes)
      return sum.digest('hex')
    })
  }
  assert.deepEqual(digest(3), digest(3))
  for (const [n, hex] of digest(4).entries()) assert.notEqual(hex, digest(3)[n])
})

it('knows the area in which two discs overlap', () => {
  assert.equal(overlap(2, 1, 1), 0)
  assert.equal(overlap(0.1, 1, 0.5), Math.PI / 4)
  // The lens of two unit circles at distance 1: 2π/3 − √3/2.
  assert.ok(Math.abs(overlap(1, 1, 1) - ((2 * Math.PI) / 3 - Math.sqrt(3) / 2)) < 1e-12)
})

it('says what is wrong with a size', () => {
  assert.throws(
    () => planSurvey({ objects: 3, areaDeg2: 4, seed: 1 }),
    /number of objects must be an integer/,
  )
  assert.throws(() => planSurvey({ objects: 1000, areaDeg2: 4, seed: 1.5 }), /seed must be an integer/)
})
