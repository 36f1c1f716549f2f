import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { type DocumentHead, documentHead, documentTail, errorDocument } from '../../src/votable/document.ts'
import type { Field } from '../../src/votable/field.ts'
import { escapeAttribute, escapeText } from '../../src/votable/xml.ts'
import { python, shared, withoutPython, withoutShared } from '../support/python.ts'

const FIELDS: readonly Field[] = [
  { name: 'ra', datatype: 'double', unit: 'deg', ucd: 'pos.eq.ra;meta.main', ref: 'icrs', id: 'ra' },
  { name: 'a "b" <c>', datatype: 'char', arraysize: '32*', description: 'one & two\nlines', id: 'ra' },
  { name: 'epoch', datatype: 'double', unit: 'd', utype: 'x:y', xtype: 'mjd', ref: 'tai' },
]
const HEAD: DocumentHead = {
  infos: [
    { name: 'QUERY', value: 'SELECT "a"\r\n\tFROM t WHERE a < 1 && b > \'x\'', id: 'query' },
    { name: 'citation', value: 'x', text: 'Ünï <cöde> \x07' },
  ],
  description: 'What is here',
  cooSys: [{ id: 'icrs', system: 'ICRS', epoch: 'J2000' }],
  timeSys: [{ id: 'tai', timescale: 'TAI', refposition: 'TOPOCENTER', timeorigin: 'MJD-origin' }],
  resources: ['<RESOURCE type="meta" utype="adhoc:service"><GROUP name="inputParams"/></RESOURCE>'],
  tableName: 'result',
}
const EMPTY = '<DATA><TABLEDATA></TABLEDATA></DATA>'
const done = { rows: 0, overflow: false, error: undefined }

/** What xmllint says against the schema of this version, or nothing. */
function xsdFaults(document: string, version: '1.4' | '1.5'): string {
  const schema = shared(
    version === '1.4' ? 'standards/xsd/VOTable-1.4.xsd' : 'standards/xsd/VOTable-REC-1.5.xsd',
  )
  const env = { ...process.env, XML_CATALOG_FILES: shared('standards/xsd/catalog.xml') }
  const input = document.replace('version="1.4"', `version="${version}"`)
  const run = spawnSync('xmllint', ['--nonet', '--noout', '--schema', schema, '-'], {
    input,
    env,
    encoding: 'utf8',
  })
  return run.status === 0 ? '' : run.stderr
}

const withoutXmllint =
  withoutShared('standards/xsd/catalog.xml') ||
  (spawnSync('xmllint', ['--version']).status === 0 ? false : 'no xmllint')

test('documents are valid by the schemas of VOTable 1.4 and 1.5', { skip: withoutXmllint }, () => {
  const documents = [
    documentHead(FIELDS, HEAD) + EMPTY + documentTail(done, HEAD),
    documentHead(FIELDS, { infos: [] }, ['0', undefined]) + EMPTY + documentTail(done, { infos: [] }),
    documentHead(FIELDS, HEAD) +
      EMPTY +
      documentTail({ rows: 2, overflow: true, error: 'x' }, HEAD, ['a "warning"']),
    errorDocument('line 1 <here>\n  ^', [{ name: 'QUERY', value: 'x' }]),
  ]
  for (const document of documents) {
    assert.equal(xsdFaults(document, '1.4'), '')
    assert.equal(xsdFaults(document, '1.5'), '')
  }
  assert.notEqual(xsdFaults(documents[0]!.replace('<TABLE', '<TABEL'), '1.4'), '')
})

test('astropy reads the metadata as it was given', { skip: withoutPython('astropy') }, () => {
  const script = `
import sys, io, json
from astropy.io import votable
doc = votable.parse(io.BytesIO(sys.stdin.buffer.read()))
resource = doc.resources[0]
table = doc.get_first_table()
print(json.dumps(dict(
  infos=[[i.name, i.value, i.content] for i in resource.infos],
  description=resource.description, table=table.name,
  coosys=[[c.ID, c.system] for c in resource.coordinate_systems], timesys=[[t.ID, t.timescale] for t in resource.time_systems],
  fields=[[f.name, f.ID, f.datatype, f.arraysize, f.xtype, str(f.unit), f.ucd, f.utype, f.description, f.ref] for f in table.fields])))`
  const document = documentHead(FIELDS, HEAD) + EMPTY + documentTail(done, HEAD)
  assert.deepEqual(JSON.parse(python(script, document).toString()), {
    infos: [
      ['QUERY_STATUS', 'OK', null],
      ['QUERY', HEAD.infos[0]!.value, null],
      ['citation', 'x', 'Ünï <cöde> \ufffd'],
    ],
    description: 'What is here',
    table: 'result',
    coosys: [['icrs', 'ICRS']],
    timesys: [['tai', 'TAI']],
    fields: [
      ['ra', 'ra', 'double', null, null, 'deg', 'pos.eq.ra;meta.main', null, null, 'icrs'],
      ['a "b" <c>', 'ra_2', 'char', '*', null, 'None', null, null, 'one & two\nlines', null],
      ['epoch', 'epoch', 'double', null, 'mjd', 'd', null, 'x:y', null, 'tai'],
    ],
  })
})

test('QUERY_STATUS stands before the table, and again after it when there is more to say', () => {
  const statuses = (document: string) =>
    [...document.matchAll(/QUERY_STATUS" value="(\w+)"|<\/?TABLE>/g)].map(m => m[1] ?? m[0])
  const document = (
    outcome: typeof done | { rows: number; overflow: boolean; error: string | undefined },
    head: DocumentHead,
  ) => statuses(documentHead([], head) + documentTail(outcome, head))
  const head = { infos: [] }
  assert.deepEqual(document(done, head), ['OK', '<TABLE>', '</TABLE>'])
  assert.deepEqual(document({ ...done, overflow: true }, head), ['OK', '<TABLE>', '</TABLE>', 'OVERFLOW'])
  assert.deepEqual(document({ ...done, error: 'x' }, head), ['OK', '<TABLE>', '</TABLE>', 'ERROR'])
  const known = { infos: [], queryStatus: 'OVERFLOW' as const }
  assert.deepEqual(document({ ...done, overflow: true }, known), ['OVERFLOW', '<TABLE>', '</TABLE>'])
})

test('no character gets out that XML 1.0 cannot hold', () => {
  const text = 'a\0\x01\b\t\n\v\f\r\x1f\x7f é \ud83d\ude00 \ud83d \ude00 \ufffd\ufffe\uffff ]]> <&">'
  assert.equal(
    escapeText(text),
    'a\ufffd\ufffd\ufffd\t\n\ufffd\ufffd&#13;\ufffd\x7f é \ud83d\ude00 \ufffd \ufffd \ufffd\ufffd\ufffd ]]&gt; &lt;&amp;"&gt;',
  )
  assert.equal(escapeAttribute('"\t\n\r\'<>&'), "&quot;&#9;&#10;&#13;'&lt;&gt;&amp;")
})
