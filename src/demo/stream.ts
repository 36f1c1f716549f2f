/** Rows from the worker thread, a few chunks ahead of whoever reads them. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type Chunk, COPY_HEADER, COPY_TRAILER } from './tuple.ts'
import type { WorkerTask } from './worker.ts'

const CHUNKS_AHEAD = 4

export interface RowMaker {
  /** The first message: what the plan says (numbers of rows by table). */
  readonly planned: Promise<Record<string, number>>
  /** A table as a COPY BINARY stream; `told` hears of the rows so far. One table at a time. */
  copy(table: string, told: (rows: number) => void): AsyncGenerator<Uint8Array>
  close(): Promise<void>
}

export function startRowMaker(task: WorkerTask, signal: AbortSignal): RowMaker {
  const worker = new Worker(new URL('./worker-entry.mjs', import.meta.url), { workerData: task })
  let failure: Error | undefined
  let wake: () => void = () => {}
  const received: (Chunk | null)[] = []
  const fail = (error: Error) => {
    failure ??= error
    wake()
  }
  worker.on('error', fail)
  signal.addEventListener('abort', () => fail(signal.reason as Error), { once: true })
  const planned =
    'survey' in task ? once(worker, 'message', { signal }).then(([plan]) => plan) : Promise.resolve({})
  planned.then(
    () =>
      worker.on('message', (chunk: Chunk | null) => {
        received.push(chunk)
        wake()
      }),
    fail,
  )

  async function next(): Promise<Chunk | null> {
    while (received.length === 0 && !failure) {
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
    if (failure) throw failure
    return received.shift()!
  }

  return {
    planned,
    async *copy(table, told) {
      await planned
      worker.postMessage({ open: table })
      for (let n = 0; n < CHUNKS_AHEAD; n++) worker.postMessage('more')
      yield COPY_HEADER
      let rows = 0
      for (;;) {
        const chunk = await next()
        if (!chunk) break
        worker.postMessage('more')
        yield chunk.bytes
        rows += chunk.rows
        told(rows)
      }
      // The chunks that were asked for ahead are answered by further ends.
      for (let n = 1; n < CHUNKS_AHEAD; n++)
        if ((await next()) !== null) throw new Error(`${table}: rows after the end`)
      yield COPY_TRAILER
    },
    async close() {
      await worker.terminate()
    },
  }
}
