/**
 * Images that no polygon of less than a hemisphere outlines: cells of HEALPix that cover them, and those that they
 * leave free. A cell that is all shown, or not at all, counts whole; others are halved down to 0.9 degrees. What is
 * shown is told from points of the cells that are on the image, and from pixels of the image, since a strip around the
 * sky is narrower than a cell.
 */
import type { CelestialWcs, Position } from '../../fits/wcs/wcs.ts'
import { faceDirection } from '../../healpix/geometry.ts'
import { hash, nestedCell } from '../../healpix/nested.ts'
import { lonLat, unitVector, type Vector } from '../../sphere/vector.ts'

export interface Pieces {
  /** Polygons that cover the image together. */
  readonly parts: readonly (readonly Position[])[]
  /** Polygons of the sky that none of its pixels is in. */
  readonly gaps: readonly (readonly Position[])[]
}

const DEGREE = Math.PI / 180
/** 7.3 and 0.9 degrees. */
const [COARSEST, FINEST] = [3, 6]
/** Steps along a side of a cell. */
const STEPS = 4
/** Most samples along an axis of the image. */
const SAMPLES = 720

export function piecesOf(wcs: CelestialWcs, width: number, height: number): Pieces {
  const hit = cellsOfPixels(wcs, width, height)
  const parts: Position[][] = []
  const gaps: Position[][] = []
  const divide = (order: number, face: number, x: number, y: number): void => {
    const side = 2 ** order
    const shown = (i: number) => {
      const [u, v] = [(i % (STEPS + 1)) / STEPS, Math.floor(i / (STEPS + 1)) / STEPS]
      return isShown(wcs, width, height, ...faceDirection(face, (x + u) / side, (y + v) / side))
    }
    const count = Array.from({ length: (STEPS + 1) ** 2 }, (_, i) => shown(i)).filter(Boolean).length
    const isTouched = count > 0 || hit[order - COARSEST]!.has(Number(nestedCell(order, { face, x, y })))
    if (!isTouched) gaps.push(outline(face, x / side, y / side, 1 / side, 1))
    else if (count === (STEPS + 1) ** 2 || order === FINEST)
      parts.push(outline(face, x / side, y / side, 1 / side, WIDER))
    else for (const [i, j] of CORNERS) divide(order + 1, face, 2 * x + i, 2 * y + j)
  }
  for (let face = 0; face < 12; face++)
    for (let i = 0; i < 4 ** COARSEST; i++)
      divide(COARSEST, face, i % 2 ** COARSEST, Math.floor(i / 2 ** COARSEST))
  return { parts, gaps }
}

function isShown(wcs: CelestialWcs, width: number, height: number, lon: number, lat: number): boolean {
  const pixel = wcs.pixelOf(lon / DEGREE, lat / DEGREE)
  return (
    pixel !== undefined &&
    pixel[0] >= -0.5 &&
    pixel[0] <= width - 0.5 &&
    pixel[1] >= -0.5 &&
    pixel[1] <= height - 0.5
  )
}

/** The cells of each order that have pixels, of those looked at, in them. */
function cellsOfPixels(wcs: CelestialWcs, width: number, height: number): readonly ReadonlySet<number>[] {
  const orders = Array.from({ length: FINEST - COARSEST + 1 }, (_, i) => COARSEST + i)
  const finest = new Set<number>()
  for (const y of places(height))
    for (const x of places(width)) {
      const sky = wcs.skyOf(x, y)
      if (sky) finest.add(hash(FINEST, sky[0] * DEGREE, sky[1] * DEGREE))
    }
  return orders.map(order => new Set([...finest].map(cell => Math.floor(cell / 4 ** (FINEST - order)))))
}

function places(length: number): number[] {
  const steps = Math.min(length, SAMPLES)
  return Array.from({ length: steps + 1 }, (_, i) => (i / steps) * length - 0.5)
}

const CORNERS = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
] as const

/** The edges of cells are not great circles: corners a little further out leave no gaps between them. */
const WIDER = 1.05

function outline(face: number, u: number, v: number, side: number, wider: number): Position[] {
  const direction = (i: number, j: number) => unitVector(...faceDirection(face, u + i * side, v + j * side))
  const middle = direction(0.5, 0.5)
  return CORNERS.map(([i, j]) => {
    const corner = direction(i, j)
    const part = (k: 0 | 1 | 2) => middle[k] + wider * (corner[k] - middle[k])
    const [lon, lat] = lonLat([part(0), part(1), part(2)] satisfies Vector)
    return [lon / DEGREE, lat / DEGREE]
  })
}
