/** Several files read at a time, each by a thread. What goes into PostgreSQL goes from here: threads only read. */
import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import { ServiceError } from '../error.ts'
import { startThread } from '../thread.ts'
import { type FileHeader, type FileReader, type ReadyBatch, readHere } from './file-rows.ts'
import type { FileAnswer, FileOrder } from './file-worker.ts'

/** Below this a thread's start takes longer than what it saves. */
const LEAST_BYTES = 32 * 1024 * 1024
/** PostgreSQL has to keep up. */
const MOST_THREADS = 4

export interface FileReaders {
  readonly readers: readonly FileReader[]
  close(): Promise<void>
}

/** So many threads as are asked for, or as pay: there are several files, processors for them, and enough to read. */
export function openReaders(files: readonly string[], threads = threadsFor(files)): FileReaders {
  const count = Math.min(files.length, threads)
  if (count < 2 || !canRequireModules()) return { readers: [readHere], close: async () => {} }
  const workers = Array.from({ length: count }, () =>
    startThread(new URL('./file-worker.ts', import.meta.url), {}),
  )
  return {
    readers: workers.map(readInThread),
    close: async () => {
      await Promise.all(workers.map(worker => worker.terminate()))
    },
  }
}

function threadsFor(files: readonly string[]): number {
  if (files.length < 2 || bytesOf(files) < LEAST_BYTES) return 1
  return Math.min(availableParallelism(), MOST_THREADS)
}

/** Node 20.19 and later: what a thread is made of asks for packages that are modules. */
function canRequireModules(): boolean {
  return (process.features as { require_module?: boolean }).require_module === true
}

/** A file that is not there is told by who opens it. */
function bytesOf(files: readonly string[]): number {
  return files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0)
}

/**
 * Gives each file to the reader that is free first, in their order. The first failure aborts the signal that the others
 * have, and rejects when all have ended.
 */
export async function eachFile<T>(
  files: readonly string[],
  readers: readonly FileReader[],
  work: (reader: FileReader, file: string, index: number, signal: AbortSignal) => Promise<T>,
): Promise<T[]> {
  const results: T[] = []
  const stop = new AbortController()
  let next = 0
  await Promise.all(
    readers.map(async reader => {
      while (next < files.length && !stop.signal.aborted) {
        const index = next++
        try {
          results[index] = await work(reader, files[index]!, index, stop.signal)
        } catch (error) {
          if (!stop.signal.aborted) stop.abort(error)
        }
      }
    }),
  )
  if (stop.signal.aborted) throw stop.signal.reason
  return results
}

function readInThread(worker: Worker): FileReader {
  const answers = answersOf(worker)
  const send = (order: FileOrder) => worker.postMessage(order)
  return {
    async header(file, select): Promise<FileHeader> {
      send({ kind: 'header', file, select })
      const answer = await answers()
      if (answer.kind !== 'header') throw new Error(`no header but ${answer.kind}`)
      return answer.header
    },
    async *rows(task): AsyncGenerator<ReadyBatch> {
      send({ kind: 'rows', task })
      for (let answer = await answers(); answer.kind === 'batch'; answer = await answers()) {
        const { buffer, byteOffset, byteLength } = answer.batch.data
        yield { ...answer.batch, data: Buffer.from(buffer, byteOffset, byteLength) }
        send({ kind: 'more' })
      }
    },
  }
}

/** What the thread says, one after the other; throws what it failed with. */
function answersOf(worker: Worker): () => Promise<FileAnswer> {
  const waiting: FileAnswer[] = []
  let failure: Error | undefined
  let wake = () => {}
  worker.on('message', (answer: FileAnswer) => {
    waiting.push(answer)
    wake()
  })
  const fail = (error: Error) => {
    failure ??= error
    wake()
  }
  worker.on('error', fail)
  worker.on('exit', code => fail(new Error(`a thread that reads files ended with code ${code}`)))
  return async () => {
    while (waiting.length === 0) {
      if (failure) throw failure
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
    const answer = waiting.shift()!
    if (answer.kind !== 'failed') return answer
    const { code, message, detail } = answer
    if (code) throw new ServiceError(code, message, detail === undefined ? {} : { detail })
    throw new Error(message)
  }
}
