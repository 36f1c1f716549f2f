/**
 * ICRS and Galactic longitude and latitude, in radians. The rotation is that of The Hipparcos and Tycho
 * Catalogues, ESA SP-1200, vol. 1, eq. 1.5.11: pole at RA 192.85948°, Dec 27.12825°, node at l = 32.93192°.
 */
import type { Vector } from './vector.ts'
import { dot, lonLat, unitVector } from './vector.ts'

const DEGREE = Math.PI / 180
const [GALACTIC_X, GALACTIC_Y, GALACTIC_Z] = axes(192.85948 * DEGREE, 27.12825 * DEGREE, 32.93192 * DEGREE)

/** Galactic axes as ICRS vectors, from the Galactic pole and the longitude of the node on the equator. */
function axes(poleRa: number, poleDec: number, nodeL: number): [Vector, Vector, Vector] {
  const [sinRa, cosRa, sinDec, cosDec] = [
    Math.sin(poleRa),
    Math.cos(poleRa),
    Math.sin(poleDec),
    Math.cos(poleDec),
  ]
  const [sinL, cosL] = [Math.sin(nodeL), Math.cos(nodeL)]
  // The ascending node, and the direction 90° after it along the Galactic equator.
  const node: Vector = [-sinRa, cosRa, 0]
  const after: Vector = [-sinDec * cosRa, -sinDec * sinRa, cosDec]
  const mix = (a: number, b: number): Vector => [
    a * node[0] + b * after[0],
    a * node[1] + b * after[1],
    b * after[2],
  ]
  return [mix(cosL, -sinL), mix(sinL, cosL), [cosDec * cosRa, cosDec * sinRa, sinDec]]
}

/** ICRS direction in Galactic coordinates. */
export function icrsToGalactic(ra: number, dec: number): [l: number, b: number] {
  const v = unitVector(ra, dec)
  return lonLat([dot(GALACTIC_X, v), dot(GALACTIC_Y, v), dot(GALACTIC_Z, v)])
}

/** Galactic direction in ICRS. */
export function galacticToIcrs(l: number, b: number): [ra: number, dec: number] {
  const [x, y, z] = unitVector(l, b)
  const part = (i: 0 | 1 | 2) => x * GALACTIC_X[i] + y * GALACTIC_Y[i] + z * GALACTIC_Z[i]
  return lonLat([part(0), part(1), part(2)])
}
