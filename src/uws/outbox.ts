/**
 * The outbox, one statement an operation. A trigger writes a message with the change of phase it tells of, so that a
 * crash loses none; a try is a claim with a lease, so that no two runners are at one message. Whoever dies between
 * sending and saying so leaves it to be sent again, with the same id.
 */
import type { Client } from '../db/database.ts'

/** A try that will not be better next time. */
export class Undeliverable extends Error {}

export interface Message {
  readonly id: string
  readonly job: string
  readonly target: string
  readonly claim: string
  /** This one included. */
  readonly tries: number
  /** Messages about anonymous jobs that its address or host got within the hour; 0 for jobs of users with a login. */
  readonly recent: number
}

/** Longer than a try can take. */
const LEASE_SECONDS = 90

export async function claimMessages(client: Client, count: number): Promise<readonly Message[]> {
  return client.query<Message>(
    `WITH due AS MATERIALIZED (
       SELECT message_id FROM uws.message WHERE state = 'waiting' AND next_at <= clock_timestamp()
        ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED)
     UPDATE uws.message m
        SET tries = tries + 1, claim = gen_random_uuid(), next_at = clock_timestamp() + $2 * interval '1 second'
       FROM due WHERE m.message_id = due.message_id
     RETURNING m.message_id AS id, m.job_id AS job, m.target, m.claim, m.tries,
       (SELECT count(*)::int FROM uws.message o WHERE m.anonymous AND o.anonymous AND o.place = m.place
           AND o.state = 'sent' AND o.ended_at > clock_timestamp() - interval '1 hour') AS recent`,
    [count, LEASE_SECONDS],
  )
}

/** `error` undefined: it was sent. */
export async function endMessage(
  client: Client,
  { id, claim }: Message,
  error: string | undefined,
): Promise<void> {
  await client.query(
    `UPDATE uws.message SET state = CASE WHEN $3::text IS NULL THEN 'sent' ELSE 'failed' END, error = $3,
            ended_at = clock_timestamp(), claim = NULL
      WHERE message_id = $1 AND claim = $2`,
    [id, claim, error],
  )
}

export async function delayMessage(
  client: Client,
  { id, claim }: Message,
  error: string,
  seconds: number,
): Promise<void> {
  await client.query(
    `UPDATE uws.message SET error = $3, next_at = clock_timestamp() + $4 * interval '1 second', claim = NULL
      WHERE message_id = $1 AND claim = $2`,
    [id, claim, error, seconds],
  )
}

export interface MessageState {
  readonly target: string
  readonly state: 'waiting' | 'sent' | 'failed'
  readonly tries: number
  readonly next_at: Date
  readonly ended_at: Date | null
  readonly error: string | null
}

export async function messagesOf(client: Client, job: string): Promise<readonly MessageState[]> {
  return client.query<MessageState>(
    `SELECT target, state, tries, next_at, ended_at, error FROM uws.message WHERE job_id = $1 ORDER BY created_at, target`,
    [job],
  )
}
