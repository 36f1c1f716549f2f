/** What is said of a job whose destruction has come: nothing disappears without a word. */
import { escapeText } from '../votable/xml.ts'
import { timeText } from './document.ts'
import type { Job } from './job.ts'

/** For browsers: the same, and the job again at one click. */
export function goneHtml(job: Job, origin: string): string {
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A job that is gone</title></head>
<body><pre>${escapeText(goneText(job, origin))}</pre>
<form method="post" action="${origin}/jobs/${job.id}/rerun"><button>Run it again</button></form>
</body></html>
`
}

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
