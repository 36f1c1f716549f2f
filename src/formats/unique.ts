import type { Field } from '../votable/field.ts'

/**
 * Fields whose names differ, case apart, for formats in which a column is found by its name (FITS Standard 4.0 §7.3.2
 * among them): of `SELECT a.id, b.id`, the second becomes `id_2`.
 */
export function uniquelyNamed(fields: readonly Field[]): readonly Field[] {
  const used = new Set<string>()
  const free = (name: string) => !used.has(name.toLowerCase())
  const taken = new Set(fields.map(field => field.name.toLowerCase()))
  return fields.map(field => {
    let { name } = field
    for (let n = 2; !free(name); n++) {
      const other = `${field.name}_${n}`
      if (!taken.has(other.toLowerCase())) name = other
    }
    used.add(name.toLowerCase())
    taken.add(name.toLowerCase())
    return name === field.name ? field : { ...field, name }
  })
}
