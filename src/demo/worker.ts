/** Worker thread that makes rows, so that a service in the same process keeps answering. See `stream.ts`. */
import { parentPort, workerData } from 'node:worker_threads'
import { benchChunks } from './bench-rows.ts'
import { chunksOf, rowCount, TABLES } from './rows.ts'
import { planSurvey, type SurveySize } from './survey.ts'
import type { Chunk } from './tuple.ts'

export type WorkerTask =
  | { readonly survey: SurveySize }
  | { readonly bench: { readonly rows: number; readonly seed: number } }

const port = parentPort!
const task = workerData as WorkerTask
const sources = 'survey' in task ? surveySources(task.survey) : { wide: () => benchChunks(task.bench) }
let chunks: Iterator<Chunk> | undefined

/** A table's name opens its rows; every `more` after that is answered by one chunk, or by null at the end. */
port.on('message', (message: { open: string } | 'more') => {
  if (message !== 'more') chunks = sources[message.open]!()
  else {
    const next = chunks!.next()
    if (next.done) port.postMessage(null)
    else port.postMessage(next.value, [next.value.bytes.buffer])
  }
})

function surveySources(size: SurveySize): Record<string, () => Iterator<Chunk>> {
  const survey = planSurvey(size)
  port.postMessage(Object.fromEntries(TABLES.map(table => [table, rowCount(survey, table)])))
  return Object.fromEntries(TABLES.map(table => [table, () => chunksOf(survey, table)]))
}
