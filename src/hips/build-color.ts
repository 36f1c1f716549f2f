/** A colour HiPS of three that are there: how it looks, its tiles, and what it says of itself. */
import { type ColorLook, type ColorRequest, chooseColorLook, colorTiles } from './color.ts'
import type { Description } from './describe.ts'
import { finishColor } from './finish.ts'

export interface ColorBuild extends Omit<ColorRequest, 'look'> {
  readonly kind: ColorLook['kind']
  /** Times, wavelengths and regime are those of the three. */
  readonly about: Pick<Description, 'did' | 'title' | 'description' | 'collection' | 'progenitor'>
}

/** Resolves to the number of tiles; undefined when the three have no part of the sky in common. */
export async function buildColor({ kind, about, ...build }: ColorBuild): Promise<number | undefined> {
  const look = chooseColorLook(build.trees, kind)
  if (!look) return undefined
  const request = { ...build, look }
  const tiles = await colorTiles(request)
  const known = (key: string) =>
    build.trees.flatMap(({ properties }) => (properties.has(key) ? [Number(properties.get(key))] : []))
  const extreme = (key: string, choose: (...n: number[]) => number) =>
    known(key).length > 0 ? choose(...known(key)) : undefined
  await finishColor(request, {
    ...about,
    regime: build.trees[1].properties.get('obs_regime'),
    tMin: extreme('t_min', Math.min),
    tMax: extreme('t_max', Math.max),
    emMin: extreme('em_min', Math.min),
    emMax: extreme('em_max', Math.max),
  })
  return tiles
}
