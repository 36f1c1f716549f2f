/** How TypeScript is read where it is run: functions as they are written, and errors that say where. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'almagest-typescript-'))
after(() => rmSync(folder, { recursive: true }))

writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
writeFileSync(
  join(folder, 'module.ts'),
  `interface Named {
  readonly name: string
}
export function made(): Named {
  const arrow = (n: number): number => n + 1
  arrow(1)
  return declared
}
function declared(): void {}
export const fails = (): never => {
  throw new Error('on purpose')
}
`,
)

/** What \`module.ts\` does when it is read as \`register\` says: names that were defined, and the line of the error. */
function read(register: string): { named: number; name: string; line: string } {
  const script = `
    ${register}
    let named = 0
    const define = Object.defineProperty
    Object.defineProperty = (target, key, given) => { if (key === 'name') named++; return define(target, key, given) }
    const { made, fails } = await import(${JSON.stringify(join(folder, 'module.ts'))})
    named = 0
    const { name } = made()
    let line
    try { fails() } catch (error) { line = /module\\.ts:(\\d+)/.exec(error.stack)[1] }
    console.log(JSON.stringify({ named, name, line }))`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: root,
    encoding: 'utf8',
  })
  assert.equal(run.status, 0, run.stderr)
  return JSON.parse(run.stdout)
}

describe('TypeScript', () => {
  it('is read without a definition of a name for each function that is made', () => {
    const register = `(await import('./bin/typescript.mjs')).readTypeScript()`
    assert.deepEqual(read(register), { named: 0, name: 'declared', line: '11' })
  })

  it('has such definitions by tsx alone, or bin/plain-functions.mjs could go', () => {
    assert.equal(read(`(await import('tsx/esm/api')).register()`).named, 1)
  })
})
