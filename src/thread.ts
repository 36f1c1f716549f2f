/**
 * Threads of our own TypeScript. A worker thread of Node has no loader for it, and to give each one tsx's costs 0.4 s of
 * CPU, for module after module goes through a thread of the loader. So all modules of a thread are made one script, once
 * a process, by the esbuild that tsx itself brings: 0.06 s, and constants of other modules are as fast as a module's own.
 */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Worker, type WorkerOptions } from 'node:worker_threads'

const scripts = new Map<string, string>()

/** Starts the module at `file`, a URL. */
export function startThread(file: URL, options: WorkerOptions): Worker {
  return new Worker(scriptOf(fileURLToPath(file)), { ...options, eval: true })
}

function scriptOf(file: string): string {
  const known = scripts.get(file)
  if (known !== undefined) return known
  const { buildSync } = esbuild()
  const { outputFiles } = buildSync({
    entryPoints: [file],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    packages: 'external',
    write: false,
  })
  // Packages are found from the module, not from the working directory.
  const script = `(require => {${outputFiles[0]!.text}\n})(require('node:module').createRequire(${JSON.stringify(file)}))`
  scripts.set(file, script)
  return script
}

function esbuild(): typeof import('esbuild') {
  const tsx = createRequire(import.meta.url).resolve('tsx')
  return createRequire(tsx)('esbuild')
}
