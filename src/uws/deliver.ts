/** Sends what is in the outbox: woken by NOTIFY, looking now and then for what is to be tried again. */
import type { Log } from '../log.ts'
import type { Job, Jobs, Notify } from './job.ts'
import { newestSecret } from './link.ts'
import { sendMail } from './mail.ts'
import { signingKey } from './notify.ts'
import { claimMessages, delayMessage, endMessage, type Message, Undeliverable } from './outbox.ts'
import { findJob } from './store.ts'
import { postWebhook } from './webhook.ts'

export interface Delivery {
  /** Resolves when nothing is being sent any more. */
  stop(): Promise<void>
}

/** Seconds after each failed try; a day in all. */
const BACKOFF = [10, 60, 300, 1800, 7200, 21_600, 43_200]
const AT_ONCE = 8
const LOOK_MS = 5000

export function startDelivery(jobs: Jobs, notify: Notify, log: Log): Delivery {
  const { db } = jobs
  let stopping = false
  let isNews = false
  let working: Promise<void> | undefined

  function wake(): void {
    isNews = true
    working ??= deliverAll()
      .catch(error =>
        log.warn({ err: error }, 'messages about jobs cannot be sent; they are tried again soon'),
      )
      .finally(() => {
        working = undefined
        if (isNews && !stopping) wake()
      })
  }

  async function deliverAll(): Promise<void> {
    isNews = false
    for (;;) {
      const messages = stopping ? [] : await claimMessages(db, AT_ONCE)
      if (messages.length === 0) return
      await Promise.all(messages.map(deliver))
    }
  }

  async function deliver(message: Message): Promise<void> {
    try {
      if (message.recent >= notify.perHour)
        throw new Undeliverable('too many messages to this place within an hour')
      const job = await findJob(db, message.job)
      if (!job) throw new Undeliverable('the job was deleted')
      await send(job, message)
      await endMessage(db, message, undefined)
    } catch (error) {
      const seconds = BACKOFF[message.tries - 1]
      const reason = (error as Error).message
      log.info({ job: message.job, tries: message.tries, reason }, 'a message about a job was not taken')
      if (error instanceof Undeliverable || seconds === undefined) await endMessage(db, message, reason)
      else await delayMessage(db, message, reason, seconds)
    }
  }

  async function send(job: Job, { id, target }: Message): Promise<void> {
    if (target.startsWith('mailto:')) return sendMail(notify, jobs, job, target.slice('mailto:'.length), id)
    const { secret } = await newestSecret(jobs)
    return postWebhook(notify, jobs, job, { url: target, id, key: signingKey(secret, job) })
  }

  const listening = db.listen('uws_message', wake)
  listening.catch(error => log.warn({ err: error }, 'the outbox is not listened to; it is looked at instead'))
  const timer = setInterval(wake, LOOK_MS)
  wake()
  return {
    async stop() {
      stopping = true
      clearInterval(timer)
      await listening.then(
        unlisten => unlisten(),
        () => {},
      )
      await working
    },
  }
}
