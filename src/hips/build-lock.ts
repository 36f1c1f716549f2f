/** One build at a time in a tree: a lock that the system gives up when its holder dies, however it dies. */
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { ServiceError } from '../error.ts'

/** Resolves to what gives the lock back; `usage` when another build has it. The file lies beside the tree. */
export async function lockTree(root: string): Promise<() => Promise<void>> {
  mkdirSync(path.dirname(root), { recursive: true })
  const file = path.join(path.dirname(root), `.${path.basename(root)}.lock`)
  // Holds the lock until its standard input ends, which it does with this process.
  const holder = spawn('flock', ['--nonblock', file, 'sh', '-c', 'echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const isOurs = await new Promise<boolean>((resolve, reject) => {
    holder.once('error', reject)
    holder.stdout.once('data', () => resolve(true))
    holder.once('exit', () => resolve(false))
  })
  if (!isOurs)
    throw new ServiceError('usage', `another build is at work on ${path.basename(root)}: wait for it`)
  return () =>
    new Promise(resolve => {
      holder.once('exit', () => resolve())
      holder.stdin.end()
    })
}
