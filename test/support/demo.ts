/** A small demo survey: 8,000 objects, of which 200 vary and 200 are watched as constant stars. */
import type { Database } from '../../src/db/database.ts'
import { fillDemo } from '../../src/demo/index.ts'

export const SMALL_DEMO = { objects: 8000, areaDeg2: 0.27, seed: 5 }

export async function fillSmallDemo(db: Database): Promise<void> {
  await fillDemo(db, SMALL_DEMO, () => {}, new AbortController().signal)
}
