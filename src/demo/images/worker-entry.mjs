// As ../worker-entry.mjs: Node 20 gives a worker thread no loader for TypeScript.
import { register } from 'tsx/esm/api'

register()
await import('./worker.ts')
