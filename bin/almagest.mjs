#!/usr/bin/env node
/** `npx almagest <verb>`: the command line, in a clone that may never have been started. */
import { installModules } from './prestep.mjs'

await installModules({ dev: false })
const { register } = await import('tsx/esm/api')
register()
await import('../src/cli.ts')
