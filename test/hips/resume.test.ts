/** A build that is killed at any moment goes on where it was, and ends with the same bytes. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { withoutPython } from '../support/python.ts'
import { makeImages } from './images.ts'

const command = fileURLToPath(new URL('../../bin/almagest.mjs', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-hips-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Runs `hips build`; with `killAfter` it is killed when so many tile files are there. */
function build(dir: string, images: string, killAfter?: number): Promise<number | null> {
  return new Promise(resolve => {
    const args = [command, 'hips', 'build', '--images', images, '--name', 'sky', '--order', '9', '--json']
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ALMAGEST_DIR: dir, NODE_TEST_CONTEXT: undefined },
      stdio: 'ignore',
    })
    const watch =
      killAfter === undefined
        ? undefined
        : setInterval(() => {
            if (files(path.join(dir, 'hips', 'sky')).length >= killAfter) child.kill('SIGKILL')
          }, 5)
    child.on('exit', code => {
      clearInterval(watch)
      resolve(code)
    })
  })
}

function files(root: string): string[] {
  try {
    return readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter(name => !name.startsWith('.build') && statSync(path.join(root, name)).isFile())
      .sort()
  } catch {
    return [] // a file went while we looked
  }
}

function checksums(root: string): Map<string, string> {
  const named = files(root).filter(name => !/^(properties|metadata\.xml|index\.html)$/.test(name))
  return new Map(
    named.map(name => [
      name,
      createHash('sha256')
        .update(readFileSync(path.join(root, name)))
        .digest('hex'),
    ]),
  )
}

it('after kill -9 at five moments', { skip: withoutPython('astropy') }, async () => {
  const images = mkdtempSync(path.join(folder, 'in-'))
  makeImages(images, 150, 2.2, 'TAN', 4)
  const whole = mkdtempSync(path.join(folder, 'whole-'))
  assert.equal(await build(whole, images), 0)
  const expected = checksums(path.join(whole, 'hips', 'sky'))
  const dir = mkdtempSync(path.join(folder, 'killed-'))
  const tree = path.join(dir, 'hips', 'sky')
  let killed = 0
  for (const share of [0.02, 0.2, 0.4, 0.7, 0.95]) {
    if ((await build(dir, images, share * expected.size)) === null) killed++
    if (killed > 0 && killed < 4) assert.ok(!files(tree).includes('properties'), 'not finished')
  }
  assert.ok(killed >= 3, `killed ${killed} times`)
  assert.equal(await build(dir, images), 0)
  assert.deepEqual(checksums(tree), expected)
  assert.ok(files(tree).includes('properties'))
})
