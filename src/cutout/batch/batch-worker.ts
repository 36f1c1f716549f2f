/** A worker thread that makes stamps, one after the other. */
import { parentPort } from 'node:worker_threads'
import { type StampTask, stamp } from './stamp.ts'

parentPort!.on('message', async (task: StampTask) => {
  parentPort!.postMessage(await stamp(task))
})
