/** TypeScript as it is: tsx, with functions left as they are written. */
import { register as registerHooks } from 'node:module'
import { register } from 'tsx/esm/api'

/** Modules that are imported after this may be TypeScript. */
export function readTypeScript() {
  register()
  registerHooks('./plain-functions.mjs', import.meta.url)
}
