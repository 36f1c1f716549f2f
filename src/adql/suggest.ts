/** "Did you mean": the known names nearest to one that was not found. */

import { isReserved } from './words.ts'

/** Edit distance with transpositions (optimal string alignment), given up at `limit`. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let best = i
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, before[j - 2]! + 1)
      row.push(cost)
      best = Math.min(best, cost)
    }
    if (best > limit) return limit + 1
    before = last
    last = row
  }
  return last[b.length]!
}

/** `ra` is a part of `coord_ra`, and `B` of `B-V`. */
const isPart = (word: string, name: string): boolean => name.split(/[^a-z0-9]+/).includes(word)

/** A name as a query has to spell it. */
export const spelled = (name: string): string =>
  /^[A-Za-z]\w*$/.test(name) && !isReserved(name) ? name : `"${name.replaceAll('"', '""')}"`

/** Up to three of `known` that look like `name`, the nearest first; those with it as a part in the order given. */
export function nearest(name: string, known: Iterable<string>): string[] {
  const sought = name.toLowerCase()
  const limit = Math.max(1, Math.floor(sought.length / 3))
  const found: { name: string; distance: number; length: number }[] = []
  const seen = new Set<string>()
  for (const candidate of known) {
    if (seen.has(candidate)) continue
    seen.add(candidate)
    const lower = candidate.toLowerCase()
    const part = isPart(sought, lower)
    const contains = part || (sought.length >= 4 && lower.includes(sought))
    const distance = contains ? 1 : editDistance(sought, lower, limit)
    if (distance <= limit) found.push({ name: candidate, distance, length: part ? 0 : candidate.length })
  }
  found.sort((a, b) => a.distance - b.distance || a.length - b.length)
  return found.slice(0, 3).map(f => f.name)
}

/** `a`, `a or b`, `a, b or c`. */
export function oneOf(names: readonly string[]): string {
  if (names.length < 2) return names[0] ?? ''
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
}

export function didYouMean(name: string, known: Iterable<string>): string | undefined {
  const names = nearest(name, known)
  return names.length === 0 ? undefined : `Did you mean ${oneOf(names)}?`
}
