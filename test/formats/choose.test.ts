import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ServiceError } from '../../src/error.ts'
import { asksForVotable, chooseFormat, OUTPUT_FORMATS } from '../../src/formats/index.ts'

const VOTABLE = 'application/x-votable+xml'
const writerOf = (mediaType: string) => OUTPUT_FORMATS.find(format => format.mediaType === mediaType)!.writer

test('short names and media types in any case, with blanks and quotes, find their format', () => {
  const cases: [string | undefined, string][] = [
    [undefined, `${VOTABLE};serialization=BINARY2`],
    ['', `${VOTABLE};serialization=BINARY2`],
    ['votable', `${VOTABLE};serialization=BINARY2`],
    ['VOTable/B2', `${VOTABLE};serialization=BINARY2`],
    [VOTABLE, `${VOTABLE};serialization=BINARY2`],
    ['application/x-votable xml', `${VOTABLE};serialization=BINARY2`],
    ['text/xml', `${VOTABLE};serialization=BINARY2`],
    [`${VOTABLE}; serialization="tabledata"`, `${VOTABLE};serialization=TABLEDATA`],
    ['APPLICATION/X-VOTABLE+XML ; Serialization = TABLEDATA', `${VOTABLE};serialization=TABLEDATA`],
    ['text/xml;serialization=BINARY', `${VOTABLE};serialization=BINARY`],
    ['votable/td', `${VOTABLE};serialization=TABLEDATA`],
    ['votable/b', `${VOTABLE};serialization=BINARY`],
    ['CSV', 'text/csv;header=present'],
    ['text/csv; header=present; charset=UTF-8', 'text/csv;header=present'],
    ['tsv', 'text/tab-separated-values;header=present'],
  ]
  for (const [asked, mediaType] of cases) {
    assert.equal(chooseFormat(asked).writer, writerOf(mediaType), String(asked))
  }
})

test('the content type is what was asked for, or the canonical one for a short name', () => {
  const cases: [string | undefined, string][] = [
    [undefined, VOTABLE],
    ['votable', `${VOTABLE};serialization=BINARY2`],
    ['text/xml', 'text/xml'],
    ['application/x-votable xml', VOTABLE],
    [`${VOTABLE};serialization=BINARY2`, `${VOTABLE};serialization=BINARY2`],
    ['votable/td', `${VOTABLE};serialization=TABLEDATA`],
    ['text/csv', 'text/csv'],
    ['text/csv;\r\n header=absent', 'text/csv; header=absent'],
    ['csv', 'text/csv;header=present'],
    ['csv;header=absent', 'text/csv;header=absent'],
  ]
  for (const [asked, contentType] of cases) assert.equal(chooseFormat(asked).contentType, contentType)
})

test('what is not known is refused and what is known listed', () => {
  const unknown = [
    'xlsx',
    'text/csv;header=maybe',
    'text/csv;sep=x',
    'votable;header=absent',
    'a/b/c',
    'csv;',
    'csv;=x',
  ]
  for (const asked of [
    ...unknown,
    `${VOTABLE};serialization=FITS`,
    'text/csv;charset=latin1',
    'csv\0',
    'é',
  ]) {
    assert.throws(
      () => chooseFormat(asked),
      (error: unknown) => error instanceof ServiceError && error.code === 'usage',
      asked,
    )
  }
  assert.throws(() => chooseFormat('xlsx'), /"xlsx" is not known/)
  assert.throws(
    () => chooseFormat('xlsx'),
    (error: unknown) => error instanceof ServiceError && /votable\/td/.test(error.detail ?? ''),
  )
})

test('errors go out as VOTable unless another format was asked for', () => {
  for (const asked of [undefined, '', 'votable/td', 'text/xml', 'nonsense', '\0'])
    assert.ok(asksForVotable(asked), asked)
  for (const asked of ['csv', 'text/csv;header=absent', 'tsv']) assert.ok(!asksForVotable(asked), asked)
})

test('no name means two formats', () => {
  const names = OUTPUT_FORMATS.flatMap(format => [format.mediaType, ...format.aliases]).map(name =>
    name.toLowerCase(),
  )
  assert.equal(new Set(names).size, names.length)
})
