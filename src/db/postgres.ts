/** `Database` on PostgreSQL by `pg`: one pool for our own statements, one for people's queries, one listener. */
import { createHash } from 'node:crypto'
import type { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { parse } from 'pg-connection-string'
import { from as copyFrom } from 'pg-copy-streams'
import { ServiceError } from '../error.ts'
import type { Log } from '../log.ts'
import type { RowBatch } from '../votable/row.ts'
import type { Client, Database, StreamQuery } from './database.ts'
import { StallError, StatementError, sqlStateOf } from './error.ts'
import { openListener } from './listener.ts'
import { Portal } from './portal.ts'

export interface DatabaseOptions {
  readonly url: string
  readonly log: Log
  /** Processes like this one that share the connections. */
  readonly processes?: number
}

/** Connections of a service for its own statements, and for queries of people; more of these wait for a free one. */
const OWN_CONNECTIONS = 10
const QUERY_CONNECTIONS = 30
/** A transaction may want a second connection for something beside it. */
const LEAST_CONNECTIONS = 3

/**
 * How old a connection becomes; then what a busy hour has opened is closed again. (A limit of idleness would be a timer
 * for each statement; pg's keep what they hang on to until the next full collection.)
 */
const LIFETIME_SECONDS = 600

/** How long somebody waits for a free connection. */
const WAIT_MS = 30_000

/** How long a cancelled query may take to leave the connection before the connection is dropped. */
const CANCEL_MS = 3000

export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { url, log } = options
  const config: pg.PoolConfig = {
    ...(await sessionConfig(url)),
    idleTimeoutMillis: 0,
    maxLifetimeSeconds: LIFETIME_SECONDS,
    connectionTimeoutMillis: WAIT_MS,
  }
  const share = (all: number) => Math.max(LEAST_CONNECTIONS, Math.ceil(all / (options.processes ?? 1)))
  const own = new pg.Pool({ ...config, max: share(OWN_CONNECTIONS) })
  const people = new pg.Pool({ ...config, max: share(QUERY_CONNECTIONS) })
  for (const pool of [own, people]) {
    pool.on('error', error => log.warn({ err: error }, 'an idle database connection broke'))
    // A connection that breaks in use fails its statement; the event beside it would end the process.
    pool.on('connect', client => client.on('error', () => {}))
  }
  const listener = openListener(config, log)
  return {
    ...clientOfPool(own),
    transaction: work => transaction(own, work),
    stream: query => stream(people, config, query),
    listen: listener.listen,
    async close() {
      await Promise.all([own.end(), people.end(), listener.close()])
    },
  }
}

/**
 * What every session starts with. pgSphere's schema is looked up, since a site may have it elsewhere; jit costs
 * more than it brings on queries of milliseconds; the check interval ends queries whose client process died.
 */
async function sessionConfig(url: string): Promise<pg.ClientConfig> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ nspname: string }>(
      `SELECT n.nspname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typname = 'spoint'`,
    )
    const sphere = rows[0]?.nspname ?? 'pgsphere'
    const settings = `-c search_path=pg_catalog,${sphere},pg_temp -c jit=off -c client_connection_check_interval=1000`
    const given = parse(url) as pg.ClientConfig
    return {
      ...given,
      application_name: 'almagest',
      options: `${given.options ?? ''} ${settings} -c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601`,
    }
  } finally {
    await client.end()
  }
}

/** A free connection; a database that has none, or does not answer, is a passing state of the service. */
async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect()
  } catch (error) {
    const message = 'The database is busy or does not answer; try again in a moment.'
    throw new ServiceError('unavailable', message, { retryAfter: 10, cause: error })
  }
}

/** Every call on a connection of its own. */
function clientOfPool(pool: pg.Pool): Client {
  async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const client = await connect(pool)
    let broken = false
    try {
      return await work(clientOf(client))
    } catch (error) {
      broken = sqlStateOf(error) === undefined
      throw error
    } finally {
      client.release(broken)
    }
  }
  return {
    query: (text, values, plan) => withClient(client => client.query(text, values, plan)),
    copyFrom: (text, chunks) => withClient(client => client.copyFrom(text, chunks)),
  }
}

function clientOf(connection: pg.PoolClient): Client {
  return {
    async query<Row extends object>(
      text: string,
      values?: readonly unknown[],
      plan?: 'kept',
    ): Promise<Row[]> {
      const name = plan && statementName(text)
      const result = await connection.query({ name, text, values: values as unknown[] | undefined })
      return result.rows as Row[]
    },
    async copyFrom(text, chunks) {
      const sink = connection.query(copyFrom(text))
      await pipeline(Readable.from(chunks, { objectMode: false, highWaterMark: 1 << 20 }), sink)
      return sink.rowCount ?? 0
    },
  }
}

/** Of constant texts, so there is an end to them. */
const names = new Map<string, string>()

function statementName(text: string): string {
  let name = names.get(text)
  if (name === undefined) {
    name = `almagest_${createHash('sha256').update(text).digest('base64url')}`
    names.set(text, name)
  }
  return name
}

async function transaction<T>(pool: pg.Pool, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect(pool)
  let broken: Error | undefined
  try {
    await client.query('BEGIN')
    const result = await work(clientOf(client))
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(e => {
      broken = e as Error
    })
    throw error
  } finally {
    client.release(broken)
  }
}

async function stream(
  pool: pg.Pool,
  config: pg.ClientConfig,
  query: StreamQuery,
): Promise<AsyncIterable<RowBatch>> {
  query.signal.throwIfAborted()
  const client = await connect(pool)
  if (query.signal.aborted) {
    client.release()
    query.signal.throwIfAborted()
  }
  const limits = [
    `SET LOCAL ROLE ${pg.escapeIdentifier(query.role)}`,
    `SET LOCAL statement_timeout = ${Math.ceil(query.timeoutMs)}`,
  ]
  let begin = ['BEGIN READ ONLY', ...limits]
  if (query.prepare) {
    try {
      await client.query('BEGIN')
      await query.prepare(clientOf(client))
      begin = ['SET TRANSACTION READ ONLY', ...limits]
    } catch (error) {
      client.release(true)
      throw error
    }
  }
  const stalled = () => stop(new StallError('the client stopped reading'))
  const { text, values, fields, wire, stallMs } = query
  const portal = new Portal({ begin, text, values, fields, wire, stallMs, stalled })
  client.query(portal as unknown as pg.Submittable)

  let cancelled = false
  /** Ends a query that is at work; the connection is dropped, since a late CancelRequest would hit its next query. */
  const stop = (reason: Error) => {
    if (cancelled || portal.complete || portal.ended) return
    cancelled = true
    portal.discard(reason)
    cancel(config, client)
    const late = new Promise<void>(resolve => setTimeout(resolve, CANCEL_MS).unref())
    void Promise.race([portal.finished, late]).then(() => client.release(true))
  }
  const abort = () => stop(abortReason(query.signal))
  query.signal.addEventListener('abort', abort, { once: true })
  void portal.finished.then(() => {
    query.signal.removeEventListener('abort', abort)
    if (!cancelled)
      client.release(portal.failure !== undefined && !(portal.failure instanceof StatementError))
  })
  try {
    await portal.started
  } catch (error) {
    if (!(error instanceof StatementError)) stop(error as Error)
    throw error
  }
  return rows(portal, stop)
}

async function* rows(portal: Portal, stop: (reason: Error) => void): AsyncGenerator<RowBatch> {
  try {
    yield* portal.batches()
  } finally {
    if (!portal.complete && !(portal.failure instanceof StatementError))
      stop(portal.failure ?? new Error('the reader left'))
  }
}

/** CancelRequest on a connection of its own, made as `pg` makes its connections. */
function cancel(config: pg.ClientConfig, client: pg.PoolClient): void {
  const target = client as unknown as { processID: number; secretKey: number }
  const { connection, host, port } = new pg.Client(config) as unknown as {
    connection: EventEmitter & {
      connect(port: number | string, host?: string): void
      cancel(pid: number, key: number): void
    }
    host: string
    port: number
  }
  connection.on('error', () => {}) // then the statement ends by client_connection_check_interval
  connection.on('connect', () => connection.cancel(target.processID, target.secretKey))
  if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`)
  else connection.connect(port, host)
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted')
}
