/** Headers for tests of world coordinates, and their comparison with astropy. */
import assert from 'node:assert/strict'
import { ServiceError } from '../../src/error.ts'
import { type Header, parseHeader } from '../../src/fits/header.ts'
import { celestialWcs } from '../../src/fits/wcs/wcs.ts'
import { astropyWcs, type WcsCase } from './astropy-wcs.ts'
import { compare, grid } from './wcs-compare.ts'

export function headerOf(text: string): Header {
  const cards = [...text.split('\n'), 'END'].map(card => card.padEnd(80)).join('')
  return parseHeader(Buffer.from(cards.padEnd(Math.ceil(cards.length / 2880) * 2880), 'latin1'), 0)
}

export type Values = Record<string, string | number>

export function headerText(values: Values): string {
  return Object.entries(values)
    .map(([keyword, value]) =>
      typeof value === 'string'
        ? `${keyword.padEnd(8)}= '${value.padEnd(8)}'`
        : `${keyword.padEnd(8)}= ${String(value).toUpperCase()}`,
    )
    .join('\n')
}

export const SIZE = 101

/** An image of 101 x 101 pixels around the reference point. */
export function image(code: string, values: Values = {}): Values {
  return {
    NAXIS: 2,
    NAXIS1: SIZE,
    NAXIS2: SIZE,
    CTYPE1: `RA---${code}`,
    CTYPE2: `DEC--${code}`,
    CRPIX1: 50.7,
    CRPIX2: 48.3,
    CRVAL1: 83.2,
    CRVAL2: -23.7,
    CDELT1: -1.9,
    CDELT2: 1.7,
    ...values,
  }
}

/** Compares headers with astropy; `tolerance` in pixels. */
export function agree(headers: [name: string, values: Values][], tolerance = 1e-5): void {
  const cases: WcsCase[] = headers.map(([name, values]) => ({
    name,
    header: headerText(values),
    pixels: grid(Number(values.NAXIS1), Number(values.NAXIS2), 14),
  }))
  const answers = astropyWcs(cases)
  for (const [i, testCase] of cases.entries()) {
    const answer = answers[i]!
    if (answer.error !== undefined) {
      assert.throws(
        () => celestialWcs(headerOf(testCase.header!)),
        ServiceError,
        `${testCase.name}: ${answer.error}`,
      )
      continue
    }
    const wcs = celestialWcs(headerOf(testCase.header!))
    assert.ok(wcs, testCase.name)
    const { world, icrs, back, offSky, compared } = compare(wcs, testCase, answer)
    const told = `${testCase.name}: world ${world} px, ICRS ${icrs} px, back ${back} px, ${offSky} off the sky, ${compared} compared`
    assert.ok(Math.max(world, icrs, back) < tolerance && offSky === 0 && compared > 20, told)
  }
}
