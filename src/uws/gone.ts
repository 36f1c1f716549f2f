/** What is said of a job whose destruction has come: nothing disappears without a word. */
import { timeText } from './document.ts'
import type { Job } from './job.ts'

export function goneText(job: Job, origin: string): string {
  const result = job.results.find(one => one.format === '')
  const lines = [
    `Job ${job.id} was destroyed when its time had come, ${timeText(job.expiredAt!)}.`,
    '',
    `created:  ${timeText(job.creationTime)}`,
    job.startTime && `started:  ${timeText(job.startTime)}`,
    job.endTime && `ended:    ${timeText(job.endTime)}`,
    `phase:    ${job.was}`,
    result && `result:   ${result.rows ?? '?'} rows, ${result.bytes} bytes, sha256 ${result.sha256}`,
    job.runId && `runId:    ${job.runId}`,
    job.error && `error:    ${job.error.message}`,
    job.title && `\n${job.title}\n`,
    `To run it again: curl -X POST ${origin}/jobs/${job.id}/rerun`,
  ]
  return `${lines.filter(line => line !== undefined && line !== '').join('\n')}\n`
}
