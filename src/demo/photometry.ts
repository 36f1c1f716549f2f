/** What the survey measures of its objects: forced photometry at the visits, and coadded fluxes. */
import { BANDS, CALIBRATION_ERROR, DEPTH, fluxVariance, I, nanojansky } from './bands.ts'
import { fieldAt } from './footprint.ts'
import { pointShare } from './galaxies.ts'
import type { SkyObject } from './objects.ts'
import { createRandom, type Random, STREAM } from './random.ts'
import { SPARSE_EPOCHS, type Survey } from './survey.ts'

const DEGREE = Math.PI / 180

/** Bits of pixelflags, numbered as the mask planes of the LSST Science Pipelines. */
export const FLAG = { bad: 1, saturated: 2, interpolated: 4, cosmicRay: 8, edge: 16, noData: 256 } as const

/** Forced photometry of one object: its measurements in order of time, `count` of them. */
export interface LightCurve {
  count: number
  readonly visit: Int32Array
  /** In nJy; NaN where there was no data. */
  readonly flux: Float64Array
  readonly error: Float64Array
  readonly flags: Int32Array
}

/** In nJy, by band; NaN is NULL. */
export interface Measured {
  readonly flux: Float64Array
  readonly error: Float64Array
  /** 0 point source, 1 extended, NaN not classified. */
  extendedness: number
}

/** Takes measurements of a survey; what it returns is overwritten by the next object. */
export interface Camera {
  lightCurve(object: SkyObject): LightCurve
  coadd(object: SkyObject): Measured
}

export function createCamera(survey: Survey): Camera {
  const { visits, footprint, seed } = survey
  const random = createRandom(seed)
  const most = BANDS.length * visits.of[0]!.length
  const curve: LightCurve = {
    count: 0,
    visit: new Int32Array(most),
    flux: new Float64Array(most),
    error: new Float64Array(most),
    flags: new Int32Array(most),
  }
  const measured: Measured = { flux: new Float64Array(5), error: new Float64Array(5), extendedness: 0 }
  /** Coadded 5σ flux by field and band. */
  const coaddDepth = visits.of.map(list => stackDepth(list, visits.depth))

  /** The visits of an object: all of its field when it is watched, else some of each band; in order of time. */
  function choose(object: SkyObject, field: number): void {
    curve.count = 0
    for (let band = 0; band < BANDS.length; band++) {
      const list = visits.of[field * BANDS.length + band]!
      if (object.watched) {
        for (const visit of list) curve.visit[curve.count++] = visit
        continue
      }
      // One from each equal part of the survey, so that no visit comes twice.
      for (let n = 0; n < SPARSE_EPOCHS; n++) {
        const pick = Math.floor(((n + random.uniform()) / SPARSE_EPOCHS) * list.length)
        curve.visit[curve.count++] = list[pick]!
      }
    }
    // Visits are numbered in order of time.
    curve.visit.subarray(0, curve.count).sort()
  }

  function lightCurve(object: SkyObject): LightCurve {
    random.seek(STREAM.epochs, object.cell, object.n)
    choose(object, fieldAt(footprint, object.ra * DEGREE, object.dec * DEGREE))
    const total = object.mags.map(nanojansky)
    for (let k = 0; k < curve.count; k++) {
      const visit = curve.visit[k]!
      const band = visits.band[visit]!
      const flux =
        total[band]! * shareAt(object, visits.seeing[visit]!) * variation(object, visits.mjd[visit]!, band)
      measure(random, curve, k, flux, visits.depth[visit]!, visits.seeing[visit]!)
    }
    return curve
  }

  function coadd(object: SkyObject): Measured {
    if (object.watched) average(lightCurve(object), visits.band, measured)
    else {
      random.seek(STREAM.coadd, object.cell, object.n)
      const field = fieldAt(footprint, object.ra * DEGREE, object.dec * DEGREE)
      for (let band = 0; band < BANDS.length; band++) {
        const list = visits.of[field * BANDS.length + band]!
        const depth = coaddDepth[field * BANDS.length + band]!
        const flux = nanojansky(object.mags[band]!) * shareAt(object, DEPTH.fwhm[band]!)
        // The stack has the noise of one visit of its depth, but the photons of all.
        const photons = depth / Math.sqrt(list.length)
        const calibration = CALIBRATION_ERROR * flux
        const variance =
          0.001 * photons * flux + 0.039 * depth * depth + (calibration * calibration) / list.length
        const missing = random.uniform() < MISSING_BAND[band]!
        measured.flux[band] = missing ? Number.NaN : flux + Math.sqrt(variance) * random.normal()
        measured.error[band] = missing ? Number.NaN : Math.sqrt(variance)
      }
    }
    random.seek(STREAM.coadd, object.cell, ~object.n)
    measured.extendedness = classify(random, object, measured.flux[I]! / measured.error[I]!)
    return measured
  }

  return { lightCurve, coadd }
}

/** How often a band's coadd has no measurement: gaps, masks, failed fits. */
const MISSING_BAND = [0.004, 0.003, 0.002, 0.004, 0.012]

/** 5σ flux of a stack of visits with inverse-variance weights. */
export function stackDepth(list: Int32Array, depth: Float64Array): number {
  return 1 / Math.sqrt(list.reduce((sum, visit) => sum + 1 / depth[visit]! ** 2, 0))
}

function shareAt({ galaxy }: SkyObject, fwhm: number): number {
  return galaxy ? pointShare(galaxy.radius, galaxy.axisRatio, fwhm) : 1
}

/** Flux over mean flux at a time (MJD). */
function variation({ variable }: SkyObject, mjd: number, band: number): number {
  if (!variable) return 1
  const turns = mjd / variable.period + variable.phase
  return variable.flux(turns - Math.floor(turns), band)
}

/** Peak surface brightness at which a pixel is full: flux in nJy over the square of the seeing in arcsec. */
const SATURATION = nanojansky(15.9) / 0.7 ** 2

/** One forced measurement with its noise and, now and then, its blemish. */
function measure(
  random: Random,
  out: LightCurve,
  k: number,
  flux: number,
  depth: number,
  seeing: number,
): void {
  const error = Math.sqrt(fluxVariance(flux, depth))
  let value = flux + error * random.normal()
  let reported = error
  let flags = 0
  const blemish = random.uniform()
  if (blemish < 0.008) {
    flags = FLAG.cosmicRay | FLAG.interpolated
    value += depth * 0.5 * -Math.log(random.uniform())
  } else if (blemish < 0.02) {
    flags = FLAG.bad | FLAG.interpolated
    reported *= 1.5
    value += 2 * error * random.normal()
  } else if (blemish < 0.032) flags = FLAG.edge
  else if (blemish < 0.0335) {
    flags = FLAG.noData
    value = Number.NaN
    reported = Number.NaN
  }
  if (flux > SATURATION * seeing * seeing) {
    flags |= FLAG.saturated
    value *= random.between(0.8, 0.99)
  }
  out.flux[k] = value
  out.error[k] = reported
  out.flags[k] = flags
}

/** Weighted mean of the unflagged measurements in each band. */
function average(curve: LightCurve, bandOf: Uint8Array, out: Measured): void {
  out.flux.fill(0)
  out.error.fill(0)
  for (let k = 0; k < curve.count; k++) {
    if (curve.flags[k] !== 0) continue
    const band = bandOf[curve.visit[k]!]!
    const weight = 1 / curve.error[k]! ** 2
    out.flux[band]! += weight * curve.flux[k]!
    out.error[band]! += weight
  }
  for (let band = 0; band < BANDS.length; band++) {
    out.flux[band]! /= out.error[band]!
    out.error[band] = 1 / Math.sqrt(out.error[band]!)
  }
}

/** Star or galaxy by shape: almost always right for bright objects, often wrong at the faint end. */
function classify(random: Random, { galaxy, watched }: SkyObject, signalToNoise: number): number {
  const truth = galaxy ? 1 : 0
  if (watched) return truth
  const skip = random.uniform() < 0.002
  if (skip || !(signalToNoise > 5)) return Number.NaN
  const compact = galaxy ? Math.exp(-galaxy.radius / 0.5) : 0.4
  const wrong = 0.002 + compact * Math.exp(-signalToNoise / 14)
  return random.uniform() < wrong ? 1 - truth : truth
}
