/** HTML and plain text. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ServiceError } from '../../src/error.ts'
import { chooseFormat } from '../../src/formats/index.ts'
import type { Field } from '../../src/votable/field.ts'
import { python } from '../support/python.ts'
import { collect, rowSource, type SourceOptions, type Value } from '../support/rows.ts'

const FIELDS: readonly Field[] = [
  { name: 'mag', datatype: 'float', unit: 'mag', description: 'a "b" <c>' },
  { name: 'name <x>', datatype: 'unicodeChar', arraysize: '*' },
  { name: 'pos', datatype: 'double', arraysize: '2' },
]
const ROWS: readonly Value[][] = [
  [1.5, 'Zürich & <b>', [1, 2]],
  [null, 'two\nlines\t', null],
  [-Infinity, '', [Number.NaN, 0]],
]

async function written(name: string, options: SourceOptions = {}, rows = ROWS) {
  const source = rowSource(FIELDS, rows, { ...options, wire: 'text' })
  const head = { infos: [{ name: 'QUERY', value: 'SELECT <x>' }] }
  return (await collect(chooseFormat(name).writer.write(source, head))).toString()
}

test('the page is a table that a parser of HTML reads back', async () => {
  const script = `
import sys, json
from html.parser import HTMLParser
class Rows(HTMLParser):
    def __init__(self):
        super().__init__(); self.rows = []; self.cell = None
    def handle_starttag(self, tag, attrs):
        if tag == 'tr': self.rows.append([])
        if tag in ('td', 'th'): self.cell = ''
    def handle_data(self, data):
        if self.cell is not None: self.cell += data
    def handle_endtag(self, tag):
        if tag in ('td', 'th'): self.rows[-1].append(self.cell); self.cell = None
rows = Rows(); rows.feed(sys.stdin.buffer.read().decode()); print(json.dumps(rows.rows))`
  const page = await written('html')
  assert.deepEqual(JSON.parse(python(script, page).toString()), [
    ['magmag', 'name <x>', 'pos'],
    ['1.5', 'Zürich & <b>', '1 2'],
    ['', 'two\nlines\t', ''],
    ['-Inf', '', 'NaN 0'],
  ])
  assert.match(page, /<pre class="query">SELECT &lt;x&gt;<\/pre>/)
  assert.match(page, /title="a &quot;b&quot; &lt;c&gt;"/)
})

test('plain text lines up', async () => {
  assert.equal(
    await written('text'),
    [
      '      mag  name <x>       pos    ',
      '---------  -------------  -------',
      '      1.5  Zürich & <b>   1 2',
      '           two\\nlines\\t',
      '     -Inf                 NaN 0',
      '',
    ]
      .join('\n')
      .replace('pos    ', 'pos'),
  )
  assert.equal(await written('text', {}, []), 'mag  name <x>  pos\n---  --------  ---\n')
})

test('both say that rows are missing', async () => {
  assert.match(await written('html', { overflow: true }), /3 rows; there are more/)
  assert.match(await written('text', { overflow: true }), /OVERFLOW: 3 rows are here, there are more\.\n$/)
  const failure = new ServiceError('timeout', 'took <long>')
  assert.match(await written('html', { failure }), /incomplete:<pre>took &lt;long&gt;<\/pre>/)
  assert.match(await written('text', { failure }), /ERROR, the rows are incomplete: took <long>\n$/)
})
