/** The thread that works periodograms out, one after the other. */
import { parentPort } from 'node:worker_threads'
import { lombScargle, type Periodogram, periodogramOf, type Range, type Spectrum } from './periodogram.ts'
import type { Points } from './points.ts'

export interface PeriodogramTask {
  readonly points: Points
  readonly range: Range
  /** Whether the powers are wanted, too. */
  readonly spectrum: boolean
}

export interface PeriodogramAnswer {
  readonly peak: Periodogram | undefined
  readonly spectrum: Spectrum | undefined
}

parentPort!.on('message', ({ points, range, spectrum }: PeriodogramTask) => {
  const answer: PeriodogramAnswer = {
    peak: periodogramOf(points, range),
    spectrum: spectrum ? lombScargle(points, range) : undefined,
  }
  parentPort!.postMessage(answer)
})
