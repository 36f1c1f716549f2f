/** Python of the system, with astropy and healpy: readings of the same data that we did not write. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'

const PYTHON = '/usr/bin/python3'

/** Why a test against these Python modules cannot run here, or false: for the `skip` option of a test. */
export function withoutPython(...modules: string[]): string | false {
  const found = spawnSync(PYTHON, ['-c', `import ${modules.join(', ')}`], { encoding: 'utf8' })
  return found.status === 0 ? false : `${PYTHON} has no ${modules.join(', ')}`
}

/** Runs a script, with bytes on its standard input, and gives the bytes of its standard output. */
export function python(script: string, input: Uint8Array | string = '', args: string[] = []): Buffer {
  const run = spawnSync(PYTHON, ['-c', script, ...args], { input, maxBuffer: 2 ** 30 })
  if (run.status !== 0) throw new Error(`Python failed:\n${run.stderr}`)
  return run.stdout
}

const SHARED = process.env.ALMAGEST_SHARED ?? path.resolve(import.meta.dirname, '../../../shared')

/** Path of a file of the shared test data. */
export function shared(file: string): string {
  return path.join(SHARED, file)
}

/** Why a test of shared files cannot run here, or false. */
export function withoutShared(...files: string[]): string | false {
  const missing = files.find(file => !existsSync(shared(file)))
  return missing === undefined ? false : `no ${missing} beside the repository (ALMAGEST_SHARED)`
}

/** As `python`, while this process goes on: for scripts that talk to a service in it. Resolves to standard output. */
export function pythonClient(script: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(PYTHON, ['-c', script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
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
      status === 0 ? resolve(output) : reject(new Error(`Python failed:\n${errors}`)),
    )
  })
}
