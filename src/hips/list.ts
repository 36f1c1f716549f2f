/** The list of HiPS (HiPS 1.0 §5.2): a record each, blank lines between. */

import { hipsDate, propertiesText } from './properties.ts'
import type { PublishedTree } from './published.ts'

const KEYS = [
  'creator_did',
  'hips_release_date',
  'hips_status',
  'obs_title',
  'obs_regime',
  'dataproduct_type',
  'hips_frame',
  'hips_order',
  'hips_tile_format',
  'hips_tile_width',
  'hips_initial_ra',
  'hips_initial_dec',
  'hips_initial_fov',
  'moc_sky_fraction',
] as const

/**
 * `base` is the URL of the folder of all trees. Of trees that others made, the list says what the standard wants of a
 * record even where their properties do not; private ones are left out.
 */
export function hipsList(trees: readonly PublishedTree[], base: string): string {
  return trees
    .filter(({ properties }) => !/\bprivate\b/.test(properties.get('hips_status') ?? ''))
    .map(tree =>
      propertiesText([
        ...KEYS.map(key => [key, tree.properties.get(key) ?? standIn(key, tree)] as const),
        ['hips_service_url', `${base}/${encodeURIComponent(tree.name)}`],
      ]),
    )
    .join('\n')
}

function standIn(key: (typeof KEYS)[number], { name, version }: PublishedTree): string | undefined {
  if (key === 'creator_did') return `ivo://unknown/${name}`
  if (key === 'hips_release_date') return hipsDate(new Date(version))
  if (key === 'hips_status') return 'public mirror unclonable'
  return undefined
}
