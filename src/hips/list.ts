/** The list of HiPS (HiPS 1.0 §5.2): a record each, blank lines between. */

import { propertiesText } from './properties.ts'
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

/** `base` is the URL of the folder of all trees. */
export function hipsList(trees: readonly PublishedTree[], base: string): string {
  return trees
    .map(({ name, properties }) =>
      propertiesText([
        ...KEYS.map(key => [key, properties.get(key)] as const),
        ['hips_service_url', `${base}/${encodeURIComponent(name)}`],
      ]),
    )
    .join('\n')
}
