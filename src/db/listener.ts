/** LISTEN on one connection of its own, made anew when it breaks; a listener then hears one empty payload. */
import pg from 'pg'
import type { Log } from '../log.ts'

export interface Listener {
  listen(channel: string, heard: (payload: string) => void): Promise<() => Promise<void>>
  close(): Promise<void>
}

const RETRY_MS = 1000

export function openListener(config: pg.ClientConfig, log: Log): Listener {
  const heardBy = new Map<string, Set<(payload: string) => void>>()
  let client: Promise<pg.Client> | undefined
  let closed = false

  async function connect(): Promise<pg.Client> {
    const made = new pg.Client(config)
    made.on('notification', n => {
      for (const heard of heardBy.get(n.channel) ?? []) heard(n.payload ?? '')
    })
    made.on('error', error => log.warn({ err: error }, 'the listening connection broke'))
    await made.connect()
    made.on('end', () => {
      client = undefined
      if (!closed) setTimeout(reconnect, RETRY_MS).unref()
    })
    for (const channel of heardBy.keys()) await made.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
    return made
  }

  /** What was missed while away is not known, so everybody looks again. */
  async function reconnect(): Promise<void> {
    if (closed || client || heardBy.size === 0) return
    client = connect()
    try {
      await client
      for (const listeners of heardBy.values()) for (const heard of listeners) heard('')
    } catch {
      client = undefined
      setTimeout(reconnect, RETRY_MS).unref()
    }
  }

  return {
    async listen(channel, heard) {
      const listeners = heardBy.get(channel) ?? new Set()
      const first = listeners.size === 0
      listeners.add(heard)
      heardBy.set(channel, listeners)
      if (!client) {
        client = connect()
        client.catch(() => {
          client = undefined
        })
        await client
      } else if (first) {
        await (await client).query(`LISTEN ${pg.escapeIdentifier(channel)}`)
      }
      return async () => {
        listeners.delete(heard)
        if (listeners.size === 0) heardBy.delete(channel)
      }
    },
    async close() {
      closed = true
      await (await client?.catch(() => undefined))?.end()
    },
  }
}
