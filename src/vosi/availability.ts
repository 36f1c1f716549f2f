/** VOSI 1.1 §3.2: is the service up? Answered from the database, not from hope; 200 in either case. */
import type { Database } from '../db/database.ts'
import { element, leaf, xmlDocument } from './xml.ts'

export interface Availability {
  readonly available: boolean
  readonly upSince: Date | undefined
  readonly notes: readonly string[]
}

const PATIENCE_MS = 5000

export async function checkAvailability(db: Database, upSince: Date): Promise<Availability> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`the database did not answer within ${PATIENCE_MS / 1000} s`)),
      PATIENCE_MS,
    )
  })
  try {
    await Promise.race([db.query('SELECT FROM almagest.published_table LIMIT 1'), late])
    return { available: true, upSince, notes: [] }
  } catch (error) {
    const why = (error as Error).message || 'it refuses connections'
    return { available: false, upSince: undefined, notes: [`The database does not answer: ${why}`] }
  } finally {
    clearTimeout(timer)
  }
}

export function availabilityDocument(availability: Availability): string {
  return xmlDocument(
    element(
      'vosi:availability',
      { 'xmlns:vosi': 'http://www.ivoa.net/xml/VOSIAvailability/v1.0' },
      leaf('vosi:available', String(availability.available)),
      leaf('vosi:upSince', availability.upSince?.toISOString().replace(/\.\d+Z$/, 'Z')),
      ...availability.notes.map(note => leaf('vosi:note', note)),
    ),
  )
}
