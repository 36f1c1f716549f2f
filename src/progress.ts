/** Long work shows progress: a bar on a terminal, a line at every tenth elsewhere. */
import type { WriteStream } from 'node:tty'

export interface Progress {
  readonly phase: string
  readonly done: number
  /** Undefined when it is not known yet. */
  readonly total?: number
}

export type Report = (progress: Progress) => void

const WIDTH = 30
const REDRAW_MS = 100

/** Draws to `stream` (standard error); `title` names the work. */
export function progressBar(stream: NodeJS.WritableStream, title: string): { report: Report; end(): void } {
  const terminal = (stream as Partial<WriteStream>).isTTY === true
  const begun = performance.now()
  let drawnAt = 0
  let last = ''
  let current = { phase: '', begunAt: begun, doneAt: 0 }
  const seconds = () => ((performance.now() - begun) / 1000).toFixed(0)
  return {
    report({ phase, done, total }) {
      if (phase !== current.phase) current = { phase, begunAt: performance.now(), doneAt: done }
      const share = total ? Math.min(1, done / total) : undefined
      if (terminal) {
        if (performance.now() - drawnAt < REDRAW_MS && share !== 1) return
        drawnAt = performance.now()
        const filled = Math.round((share ?? 0) * WIDTH)
        const bar = share === undefined ? '' : `[${'#'.repeat(filled)}${' '.repeat(WIDTH - filled)}] `
        const count = total ? `${compact(done)} of ${compact(total)}` : compact(done)
        stream.write(
          `\r\x1b[K${title}: ${bar}${phase}, ${count}, ${seconds()} s${pace(current, done, total)}`,
        )
        return
      }
      const line = `${title}: ${phase}${share === undefined ? '' : ` ${Math.floor(share * 10) * 10} %`}`
      if (line !== last) stream.write(`${line} (${seconds()} s)\n`)
      last = line
    },
    end() {
      if (terminal) stream.write('\r\x1b[K')
    },
  }
}

interface Phase {
  readonly begunAt: number
  /** What was done when it began. */
  readonly doneAt: number
}

/** Rate and time left, once there is something to go by. */
function pace({ begunAt, doneAt }: Phase, done: number, total: number | undefined): string {
  const elapsed = (performance.now() - begunAt) / 1000
  const rate = (done - doneAt) / elapsed
  if (elapsed < 1 || !(rate > 0)) return ''
  const left = total === undefined ? '' : `, ${Math.ceil((total - done) / rate)} s left`
  return `, ${compact(rate)}/s${left}`
}

function compact(n: number): string {
  return n < 10_000
    ? String(Math.round(n))
    : n < 1e6
      ? `${(n / 1e3).toFixed(0)}k`
      : `${(n / 1e6).toFixed(2)}M`
}
