/** `npm start`: everything that must be there, then the service, in this process: Ctrl-C and exit codes are its own. */
import { prepare } from './prestep.mjs'

await prepare({ database: !process.env.DATABASE_URL })
const { readTypeScript } = await import('./typescript.mjs')
readTypeScript()
await import('../src/main.ts')
