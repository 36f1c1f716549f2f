/** A tree is made beside the one of its name and takes its place when it is whole. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'

/** Hidden: no name of a published tree begins with a dot. */
const beside = (root: string, ending: string) =>
  path.join(path.dirname(root), `.${path.basename(root)}.${ending}`)

/** An empty folder for the new tree; what a broken-off build left in it is thrown away. */
export function emptyPart(root: string): string {
  const part = beside(root, 'part')
  rmSync(part, { recursive: true, force: true })
  mkdirSync(part, { recursive: true })
  return part
}

/** The old tree is there until the new one is. */
export function putInPlace(part: string, root: string): void {
  const old = beside(root, 'old')
  rmSync(old, { recursive: true, force: true })
  if (existsSync(root)) renameSync(root, old)
  renameSync(part, root)
  rmSync(old, { recursive: true, force: true })
}
