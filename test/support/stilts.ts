/** stilts, the client library that TOPCAT is made of. */
import { spawn, spawnSync } from 'node:child_process'

/** Why a test with stilts cannot run here, or false. */
export function withoutStilts(): string | false {
  return spawnSync('stilts', ['-version']).status === 0 ? false : 'stilts is not installed'
}

/** Runs a stilts task and resolves to its output; rejects with what it complained of. */
export function stilts(...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('stilts', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let errors = ''
    child.stdout.on('data', chunk => {
      output += chunk
    })
    child.stderr.on('data', chunk => {
      errors += chunk
    })
    child.once('error', reject)
    child.once('close', status =>
      status === 0 ? resolve(output) : reject(new Error(`stilts ${args[0]}: ${errors}${output}`)),
    )
  })
}
