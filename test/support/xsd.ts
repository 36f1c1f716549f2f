/** Documents held against the IVOA's schemas, offline, by xmllint. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { shared, withoutShared } from './python.ts'

/** Why validation cannot run here, or false. */
export function withoutXsd(): string | false {
  if (spawnSync('xmllint', ['--version']).status !== 0) return 'xmllint is not installed'
  return withoutShared('standards/xsd/catalog.xml')
}

export function validate(xml: string): void {
  const run = spawnSync(
    'xmllint',
    ['--nonet', '--noout', '--schema', shared('standards/xsd/vo-all-driver.xsd'), '-'],
    {
      input: xml,
      env: { ...process.env, XML_CATALOG_FILES: shared('standards/xsd/catalog.xml') },
      encoding: 'utf8',
    },
  )
  assert.equal(run.status, 0, `${run.stderr.slice(0, 2000)}\n${xml.slice(0, 2000)}`)
}
