/** A job's end by e-mail. The client is loaded where a site sends mail. */
import { ServiceError } from '../error.ts'
import { availableResults, summary, timeText } from './document.ts'
import type { Job, Jobs, Notify } from './job.ts'
import { Undeliverable } from './outbox.ts'

const TIMEOUT_MS = 10_000
/** For all of a conversation; below the lease of the outbox. */
const CONVERSATION_MS = 60_000

export async function sendMail(
  { mail, origin }: Notify,
  jobs: Jobs,
  job: Job,
  address: string,
  messageId: string,
): Promise<void> {
  if (!mail) throw new Undeliverable('this service sends no e-mail any more')
  const { createTransport } = await import('nodemailer')
  const url = new URL(mail.smtp)
  for (const name of ['connectionTimeout', 'greetingTimeout', 'socketTimeout']) {
    if (!url.searchParams.has(name)) url.searchParams.set(name, String(TIMEOUT_MS))
  }
  const transport = createTransport(url.href)
  const overdue = setTimeout(() => transport.close(), CONVERSATION_MS)
  try {
    await transport.sendMail({
      from: mail.from,
      to: { name: '', address },
      messageId: `<${messageId}@${new URL(origin()).hostname}>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
      disableFileAccess: true,
      disableUrlAccess: true,
      ...jobLetter(job, jobs, origin()),
    })
  } catch (error) {
    const { responseCode, code, message } = error as Error & { responseCode?: number; code?: string }
    const reason = responseCode
      ? `the mail server answers ${responseCode}`
      : `the mail server: ${code ?? message}`
    throw responseCode && responseCode >= 500 ? new Undeliverable(reason) : new Error(reason)
  } finally {
    clearTimeout(overdue)
    transport.close()
  }
}

const SAID: Partial<Record<Job['phase'], string>> = {
  COMPLETED: 'is done',
  ERROR: 'has failed',
  ABORTED: 'was ended',
}

/** Of an anonymous job nothing is told that its sender has written: no runId, no query, no words of an error. */
export function jobLetter(job: Job, jobs: Jobs, origin: string): { subject: string; text: string } {
  const kind = jobs.kinds.find(one => one.name === job.kind)
  if (!kind) throw new ServiceError('internal', `no kind ${job.kind}`)
  const url = `${origin}${kind.path}/${job.id}`
  const isKnown = job.owner !== undefined
  const said = SAID[job.was ?? job.phase] ?? 'has ended'
  const { rows, bytes } = summary(job)
  const lines = [
    `The job ${url} ${said}.`,
    '',
    isKnown && job.runId && `runId:    ${job.runId}`,
    `created:  ${timeText(job.creationTime)}`,
    job.endTime && `ended:    ${timeText(job.endTime)}`,
    job.results.length > 0 && `result:   ${rows === undefined ? '' : `${rows} rows, `}${bytes} bytes`,
    ...availableResults(job)
      .slice(0, 20)
      .map(({ id }) => `          ${url}/results/${encodeURIComponent(id)}`),
    `kept:     until ${timeText(job.destruction)}`,
    isKnown && job.error && `\n${job.error.message}`,
    isKnown && job.title && `\n${job.title.slice(0, 2000)}`,
    '',
    `You get this because it was asked for when the job was made (NOTIFY), at ${origin}`,
  ]
  const name = (isKnown && job.runId?.replace(/\s+/g, ' ').slice(0, 80)) || job.id
  return {
    subject: `Job ${name} ${said}`,
    text: `${lines.filter(line => typeof line === 'string').join('\n')}\n`,
  }
}
