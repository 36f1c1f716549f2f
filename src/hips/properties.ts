/** The file `properties` of a HiPS (HiPS 1.0 §4.4.1): `key = value`, one a line. */

export type Properties = ReadonlyMap<string, string>

export function parseProperties(text: string): Properties {
  const properties = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(#|$)/.test(line)) continue
    const at = line.indexOf('=')
    if (at < 0) continue
    const key = line.slice(0, at).trim()
    const before = properties.get(key)
    const value = line.slice(at + 1).trim()
    properties.set(key, before === undefined ? value : `${before} ${value}`)
  }
  return properties
}

/** What has no value is left out. */
export function propertiesText(
  entries: readonly (readonly [key: string, value: string | number | undefined])[],
): string {
  return entries
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([key, value]) => `${key.padEnd(20)} = ${String(value).replace(/\s+/g, ' ')}\n`)
    .join('')
}

/** `2026-11-25T12:00Z`. */
export const hipsDate = (date: Date) => `${date.toISOString().slice(0, 16)}Z`

/** Names of the tile formats in `hips_tile_format`. */
export const FORMAT_NAMES = { fits: 'fits', png: 'png', jpg: 'jpeg', webp: 'webp', tsv: 'tsv' } as const
