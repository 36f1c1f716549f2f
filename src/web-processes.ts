/**
 * Several web processes behind one port, for machines with more cores than one. Node's `cluster` takes the connections
 * and deals them out in turn; everything that requests share is in PostgreSQL and on disk, so it does not matter which
 * process answers. The first process runs none of them: it keeps the embedded cluster, and a runner where one is wanted.
 */
import cluster, { type Worker } from 'node:cluster'
import type { Log } from './log.ts'

export interface WebProcesses {
  readonly port: number
  /** Resolves when the last of them has ended its requests. */
  stop(): Promise<void>
}

/** What a process waits before it takes the place of one that died. */
const RESTART_MS = 500

/**
 * Starts `count` processes that run this same command line, where `cluster.isWorker` tells them what they are. Rejects
 * when one of them ends before it listens; one that dies later is replaced.
 */
export async function startWebProcesses(count: number, log: Log): Promise<WebProcesses> {
  const running = new Set<Worker>()
  let isStopping = false

  function start(): Promise<number> {
    const worker = cluster.fork()
    running.add(worker)
    return new Promise((resolve, reject) => {
      worker.once('listening', address => resolve(address.port))
      worker.once('exit', (code, signal) => {
        running.delete(worker)
        reject(new Error(`A web process ended (${signal ?? code}) before it could answer.`))
        if (isStopping) return
        log.error({ pid: worker.process.pid, code, signal }, 'a web process died; another takes its place')
        setTimeout(() => isStopping || start().catch(() => {}), RESTART_MS).unref()
      })
    })
  }

  async function stop(): Promise<void> {
    isStopping = true
    const ended = [...running].map(worker => new Promise(resolve => worker.once('exit', resolve)))
    for (const worker of running) worker.process.kill('SIGTERM')
    await Promise.all(ended)
  }

  try {
    const [port] = await Promise.all(Array.from({ length: count }, start))
    return { port: port!, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
