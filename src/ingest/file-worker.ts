/** A thread that reads files: one order at a time, and a few batches ahead of whoever takes them. */
import { parentPort } from 'node:worker_threads'
import { type ErrorCode, ServiceError } from '../error.ts'
import { type FileHeader, type FileTask, type ReadyBatch, readHere } from './file-rows.ts'

export type FileOrder =
  | { readonly kind: 'header'; readonly file: string; readonly select: string | undefined }
  | { readonly kind: 'rows'; readonly task: FileTask }
  /** A batch was taken. */
  | { readonly kind: 'more' }

export type FileAnswer =
  | { readonly kind: 'header'; readonly header: FileHeader }
  | { readonly kind: 'batch'; readonly batch: ReadyBatch }
  | { readonly kind: 'end' }
  | {
      readonly kind: 'failed'
      /** Of a ServiceError. */
      readonly code: ErrorCode | undefined
      readonly message: string
      readonly detail: string | undefined
    }

/** Batches on their way: a quarter of a megabyte each. */
const AHEAD = 4

const port = parentPort!
const answer = (message: FileAnswer, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
let ahead = 0
let taken = () => {}

async function follow(order: FileOrder): Promise<void> {
  switch (order.kind) {
    case 'header':
      return answer({ kind: 'header', header: await readHere.header(order.file, order.select) })
    case 'rows':
      for await (const batch of readHere.rows(order.task)) {
        while (ahead >= AHEAD)
          await new Promise<void>(resolve => {
            taken = resolve
          })
        ahead++
        answer({ kind: 'batch', batch }, [batch.data.buffer as ArrayBuffer])
      }
      return answer({ kind: 'end' })
    case 'more':
      ahead--
      taken()
  }
}

port.on('message', (order: FileOrder) => {
  follow(order).catch(error => {
    const code = error instanceof ServiceError ? error.code : undefined
    const detail = error instanceof ServiceError ? error.detail : undefined
    answer({ kind: 'failed', code, message: (error as Error).message, detail })
  })
})
