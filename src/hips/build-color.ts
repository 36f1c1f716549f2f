/** A colour HiPS of three that are there: how it looks, its tiles, and what it says of itself. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { ServiceError } from '../error.ts'
import { lockTree } from './build-lock.ts'
import { type ColorLook, type ColorRequest, chooseColorLook, colorTiles } from './color.ts'
import type { Description } from './describe.ts'
import { finishColor } from './finish.ts'
import { openTree } from './published.ts'
import { emptyPart, putInPlace } from './replace.ts'

export interface ColorBuild extends Omit<ColorRequest, 'look'> {
  readonly kind: ColorLook['kind']
  /** Takes the place of a tree of another kind. */
  readonly force: boolean
  /** Times, wavelengths and regime are those of the three. */
  readonly about: Pick<Description, 'did' | 'title' | 'description' | 'collection' | 'progenitor'>
}

/**
 * Made beside the tree of its name, whose place it takes when it is whole. Resolves to the number of tiles; undefined
 * when the three have no part of the sky in common.
 */
export async function buildColor(build: ColorBuild): Promise<number | undefined> {
  const { root, trees, kind, force } = build
  const name = path.basename(root)
  if (trees.some(tree => tree.name === name))
    throw new ServiceError('usage', `${name} is one of the three: the colour HiPS needs a name of its own`)
  if (!force && !(await mayTakePlace(root)))
    throw new ServiceError(
      'usage',
      `there is a HiPS ${name} that is not in colour: take another --name, or --force`,
    )
  const look = chooseColorLook(trees, kind)
  if (!look) return undefined
  const unlock = await lockTree(root)
  try {
    const part = emptyPart(root)
    const tiles = await makeColor({ ...build, root: part, look })
    putInPlace(part, root)
    return tiles
  } finally {
    await unlock()
  }
}

/** Of nothing, or of an earlier colour HiPS. */
async function mayTakePlace(root: string): Promise<boolean> {
  if (existsSync(path.join(root, '.build'))) return false
  if (!existsSync(path.join(root, 'properties'))) return true
  return (await openTree(root)).properties.get('dataproduct_subtype') === 'color'
}

async function makeColor({ about, ...build }: ColorBuild & ColorRequest): Promise<number> {
  const tiles = await colorTiles(build)
  const known = (key: string) =>
    build.trees.flatMap(({ properties }) => (properties.has(key) ? [Number(properties.get(key))] : []))
  const extreme = (key: string, choose: (...n: number[]) => number) =>
    known(key).length > 0 ? choose(...known(key)) : undefined
  await finishColor(build, {
    ...about,
    regime: build.trees[1].properties.get('obs_regime'),
    tMin: extreme('t_min', Math.min),
    tMax: extreme('t_max', Math.max),
    emMin: extreme('em_min', Math.min),
    emMax: extreme('em_max', Math.max),
  })
  return tiles
}
