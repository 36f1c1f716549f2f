// Node 20 gives a worker thread no loader for TypeScript, whatever its execArgv say; so it asks tsx for one itself.
import { register } from 'tsx/esm/api'

register()
await import('./on-demand-worker.ts')
