/** What is said of a job whose destruction has come: nothing disappears without a word. */
import { escapeText } from '../votable/xml.ts'
import { summary, timeText } from './document.ts'
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
  const { rows, bytes, sha256 } = summary(job)
  const lines = [
    `Job ${job.id} was destroyed when its time had come, ${timeText(job.expiredAt!)}.`,
    '',
    `created:  ${timeText(job.creationTime)}`,
    job.startTime && `started:  ${timeText(job.startTime)}`,
    job.endTime && `ended:    ${timeText(job.endTime)}`,
    `phase:    ${job.was}`,
    job.results.length > 0 &&
      `result:   ${rows ?? '?'} rows, ${bytes} bytes${sha256 === undefined ? '' : `, sha256 ${sha256}`}`,
    job.runId && `runId:    ${job.runId}`,
    job.error && `error:    ${job.error.message}`,
    job.title && `\n${job.title}\n`,
    `To run it again: curl -X POST ${origin}/jobs/${job.id}/rerun`,
  ]
  return `${lines.filter(line => line).join('\n')}\n`
}
