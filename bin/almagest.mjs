#!/usr/bin/env node
/** `npx almagest <verb>`: the command line, in a clone that may never have been started. */
import { installModules } from './prestep.mjs'

await installModules({ dev: false })
const { readTypeScript } = await import('./typescript.mjs')
readTypeScript()
await import('../src/cli.ts')
