import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tokenize } from '../../src/adql/lexer.ts'
import type { Note } from '../../src/adql/notes.ts'

function lex(text: string): { tokens: string[]; notes: Note[] } {
  const notes = new Map<string, Note>()
  const tokens = tokenize(text, notes).map(
    t => `${t.kind}${t.key && ` ${t.key}`}${t.key === t.text || !t.text ? '' : ` ${t.text}`}`,
  )
  return { tokens, notes: [...notes.values()] }
}

const cases: readonly (readonly [text: string, ...tokens: string[]])[] = [
  ['', 'end'],
  [' \t\r\n-- only a comment', 'end'],
  ['Select sEleCt', 'word SELECT Select', 'word SELECT sEleCt', 'end'],
  ['a1_b andx', 'word a1_b', 'word andx', 'end'],
  [
    '1 1. .5 1.5 1e5 1.E-3 .5e+07',
    'number 1',
    'number 1.',
    'number .5',
    'number 1.5',
    'number 1e5',
    'number 1.E-3',
    'number .5e+07',
    'end',
  ],
  ['-2', 'symbol -', 'number 2', 'end'],
  ['t.a', 'word t', 'symbol .', 'word a', 'end'],
  ["'it''s' ''", "string it's", 'string', 'end'],
  ["'a -- b' -- c", 'string a -- b', 'end'],
  ['"a""b" "SELECT"', 'delimited a"b', 'delimited SELECT', 'end'],
  [
    'a<>b<=c>=d!=e||f',
    'word a',
    'symbol <>',
    'word b',
    'symbol <=',
    'word c',
    'symbol >=',
    'word d',
    'symbol !=',
    'word e',
    'symbol ||',
    'word f',
    'end',
  ],
  ['x>-1', 'word x', 'symbol >', 'symbol -', 'number 1', 'end'],
  ['COUNT(*)', 'word COUNT', 'symbol (', 'symbol *', 'symbol )', 'end'],
  ['a--b\nc', 'word a', 'word c', 'end'],
  ['0x1F', 'number 0x1F', 'end'],
  ['180AND', 'number 180', 'word AND', 'end'],
  ['2 /* x /* y */ z */ 3', 'number 2', 'number 3', 'end'],
  ['2 /* x /* y */ 3', 'number 2', 'number 3', 'end'],
]

for (const [text, ...expected] of cases) {
  test(`tokens of ${JSON.stringify(text)}`, () => assert.deepEqual(lex(text).tokens, expected))
}

test('tokens cover the text but for white space and comments', () => {
  const text = 'SELECT t."a""b", \'x\'\'y\' AS z -- end\nFROM s.t WHERE a>=.5'
  const kept = tokenize(text, new Map()).map(t => text.slice(t.start, t.end))
  assert.equal(kept.join(''), text.replace('-- end', '').replaceAll(/\s/g, ''))
})

test('text that is no token becomes a bad one with a complaint', () => {
  for (const [text, span, message] of [
    ["a = 'open", "'open", /no closing '/],
    ['a = "open', '"open', /no closing "/],
    ['a = ""', '""', /empty/],
    ['grégory', 'grégory', /not allowed/],
    ['_é', '_é', /not allowed/],
    ['2mass', '2mass', /neither a number nor a name/],
    ['1e', '1e', /neither a number nor a name/],
    ['0xZZ', '0xZZ', /neither a number nor a name/],
    ['`a b` c', '`a b`', /does not quote/],
    ['[a b] c', '[a b]', /does not quote/],
    ['a :: b', '::', /not ADQL/],
    ['‘a’', '‘', /not ADQL/],
    ['/* open', '/* open', /no closing/],
    ['\u0000', '\u0000', /control character/],
    ['😀', '😀', /not ADQL/],
    // U+10200, unassigned, whose low 16 bits alone would be a letter.
    ['\ud800\ude00', '\ud800\ude00', /not ADQL/],
    ['\ud800', '\ud800', /not ADQL/],
  ] as const) {
    const bad = tokenize(text, new Map()).find(t => t.kind === 'bad')
    assert.ok(bad, text)
    assert.equal(text.slice(bad.start, bad.end), span)
    assert.match(bad.text, message)
  }
})

test('what is read in spite of the standard is noted', () => {
  const names = (text: string) =>
    lex(text).notes.map(note => `${note.kind} ${note.name} ${note.start}-${note.end}`)
  assert.deepEqual(names('0x1F + 0x2'), ['extension hexadecimal 0-4'])
  assert.deepEqual(names('a /* b */'), ['extension /* */ 2-9'])
  assert.deepEqual(names('1AND\u00a02OR'), ['repair space 0-4', 'repair space 4-5', 'repair space 5-8'])
  assert.deepEqual(names('_x'), ['repair quoted name 0-2'])
  assert.deepEqual(names('SELECT 1 -- fine'), [])
})
