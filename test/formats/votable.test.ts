/** Each serialization, read back by astropy and by STIL. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ServiceError } from '../../src/error.ts'
import { chooseFormat } from '../../src/formats/index.ts'
import type { Field } from '../../src/votable/field.ts'
import { withoutPython } from '../support/python.ts'
import { collect, rowBatch, rowSource, type Value } from '../support/rows.ts'
import {
  canonical,
  FIELDS,
  type Read,
  ROWS,
  readAstropy,
  readStilts,
  sameInVotable,
  spelled,
  stilts,
  withoutStilts,
} from './every-type.ts'

const skip = withoutPython('astropy') || withoutStilts()

/** BINARY has no way to say NULL for these. */
const UNSAID = ['bits10', 'ints3']

async function written(name: string, columns: readonly number[]): Promise<Buffer> {
  const { writer } = chooseFormat(name)
  const fields = columns.map(c => FIELDS[c]!)
  const rows = ROWS.map(row => columns.map(c => row[c] ?? null))
  const source = rowSource(fields, rows, { wire: writer.wire, batch: 2 })
  const bytes = await collect(
    writer.write(source, { infos: [{ name: 'QUERY', value: 'SELECT "a" < \n b' }] }),
  )
  assert.equal(source.outcome.error, undefined)
  return bytes
}

function assertSame(found: readonly (readonly Read[])[], columns: readonly number[], reader: string): void {
  assert.equal(found.length, ROWS.length)
  ROWS.forEach((row, i) => {
    columns.forEach((column, c) => {
      const field = FIELDS[column]!
      const expected = sameInVotable(field, canonical(row[column] ?? null))
      const value = sameInVotable(field, spelled(field, found[i]![c]!))
      assert.deepEqual(value, seenBy(reader, expected), `${reader}: row ${i}, column ${field.name}`)
    })
  })
}

/** STIL's boolean arrays have no NULL; astropy trims what it reads from TABLEDATA. */
function seenBy(reader: string, value: Read): Read {
  if (reader === 'stilts' && Array.isArray(value) && value.includes(true))
    return value.map(item => item ?? false)
  return reader === 'astropy, TABLEDATA' && typeof value === 'string' ? value.trim() : value
}

for (const name of ['votable/b2', 'votable/td', 'votable/b']) {
  test(`${name} is read back equal by astropy and stilts`, { skip }, async () => {
    const columns = [...FIELDS.keys()].filter(c => name !== 'votable/b' || !UNSAID.includes(FIELDS[c]!.name))
    const bytes = await written(name, columns)
    assertSame(readAstropy(bytes), columns, name === 'votable/td' ? 'astropy, TABLEDATA' : 'astropy')
    assertSame(readStilts(bytes, 'votable'), columns, 'stilts')
  })

  // votlint 3.4.7 loses its place in BINARY and BINARY2 after any value of a polygon column (docs/deviations.md).
  test(`${name} is clean for votlint`, { skip: withoutStilts() }, async () => {
    const left = {
      'votable/td': UNSAID,
      'votable/b': [...UNSAID, 'polygon'],
      'votable/b2': ['polygon'],
    }[name]!
    const columns = [...FIELDS.keys()].filter(c => !left.includes(FIELDS[c]!.name))
    const bytes = await written(name, columns)
    assert.equal(stilts(bytes, 'votlint', 'votable=@').toString(), '')
  })
}

test('votlint stops at a polygon in BINARY2 that STIL has written, too', { skip: withoutStilts() }, () => {
  const one =
    Buffer.from(`<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>
    <FIELD name="p" datatype="double" arraysize="*" xtype="polygon"/>
    <DATA><TABLEDATA><TR><TD>0 0 1 0 1 1</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>`)
  const binary2 = stilts(one, 'tpipe', 'in=@', 'ifmt=votable', 'ofmt=votable(format=BINARY2,inline=true)')
  const lint = (document: Buffer) => {
    try {
      return stilts(document, 'votlint', 'votable=@').toString()
    } catch (error) {
      return String(error)
    }
  }
  assert.equal(lint(one), '')
  assert.notEqual(lint(binary2), '', 'this votlint knows polygons in BINARY2: take them into the test above')
})

test('BINARY refuses what it cannot say, and the document still ends well', async () => {
  const { writer } = chooseFormat('votable/b')
  const cases: [Field, Value, RegExp][] = [
    [{ name: 'ints', datatype: 'int', arraysize: '3' }, null, /ints holds a NULL/],
    [{ name: 'n', datatype: 'short' }, -32768, /n holds -32768/],
    [{ name: 'id', datatype: 'long' }, -9223372036854775808n, /id holds -9223372036854775808/],
  ]
  for (const [field, value, message] of cases) {
    const source = rowSource([field], [[value]])
    const bytes = await collect(writer.write(source, { infos: [] }))
    assert.match(bytes.toString(), message)
    assert.match(bytes.toString(), /<\/TABLE>\n<INFO name="QUERY_STATUS" value="ERROR">/)
    assert.deepEqual(readAstropy(bytes), [])
  }
})

test('an unsignedByte has all its values and NULL in BINARY too', { skip }, async () => {
  const { writer } = chooseFormat('votable/b')
  const source = rowSource([{ name: 'u', datatype: 'unsignedByte' }], [[0], [255], [null]])
  assert.deepEqual(readAstropy(await collect(writer.write(source, { infos: [] }))), [['0'], ['255'], [null]])
})

test('characters that a type cannot hold are spelled, and an INFO says so', { skip }, async () => {
  const fields: Field[] = [{ name: 'name', datatype: 'char', arraysize: '*' }]
  const binary = await collect(
    chooseFormat('votable').writer.write(rowSource(fields, [['Zürich 😀'], ['plain']]), { infos: [] }),
  )
  assert.deepEqual(readAstropy(binary), [['Z\\u00fcrich \\ud83d\\ude00'], ['plain']])
  assert.match(binary.toString(), /<INFO name="warning" value="Column name is declared char/)

  const source = rowSource(fields, [['bell\x07 \ufffe\uffff\uffe0 ü\r\n']], { wire: 'text' })
  const tableData = await collect(chooseFormat('votable/td').writer.write(source, { infos: [] }))
  assert.match(tableData.toString(), /<TD>bell\ufffd \ufffd\ufffd\uffe0 ü&#13;\n<\/TD>/)
  assert.match(tableData.toString(), /<INFO name="warning" value="3 control characters/)
})

test('arrays of strings are read by stilts (astropy has no such type)', {
  skip: withoutStilts(),
}, async () => {
  const fields: Field[] = [
    { name: 'fixed', datatype: 'char', arraysize: '3x2' },
    { name: 'any', datatype: 'unicodeChar', arraysize: '4x*' },
  ]
  const rows: Value[][] = [
    [
      ['ab', 'cde'],
      ['Züri', 'b, c', '"\\{', null],
    ],
  ]
  for (const name of ['votable/b2', 'votable/b', 'votable/td']) {
    const { writer } = chooseFormat(name)
    const bytes = await collect(writer.write(rowSource(fields, rows, { wire: writer.wire }), { infos: [] }))
    const csv = stilts(bytes, 'tpipe', 'in=@', 'ofmt=csv').toString().split('\n')[1]
    assert.equal(csv?.replace(', null)', ', )'), '"(ab, cde)","(Züri, b, c, ""\\{, )"', name)
  }
})

test('a value that does not fit its declared type ends the rows with an error', async () => {
  const cases: [Field, Value, RegExp][] = [
    [
      { name: 'a', datatype: 'int', arraysize: '3' },
      [1, 2],
      /an array of 2 values does not fit arraysize &quot;3/,
    ],
    [{ name: 'a', datatype: 'int', arraysize: '*' }, [1, null], /an array holds a NULL/],
    [{ name: 'a', datatype: 'double', arraysize: '2x*' }, [1, 2, 3], /an array of 3 values/],
    [{ name: 'a', datatype: 'unsignedByte', arraysize: '3' }, Buffer.from([1]), /an array of 1 values/],
    [{ name: 'a', datatype: 'char', arraysize: '2x*' }, ['abc'], /a string does not fit/],
  ]
  for (const [field, value, message] of cases) {
    for (const name of ['votable', 'votable/td']) {
      const { writer } = chooseFormat(name)
      const source = rowSource([field], [[value]], { wire: writer.wire })
      const text = (await collect(writer.write(source, { infos: [] }))).toString()
      assert.match(text.replaceAll('"', '&quot;'), message, `${name} ${field.arraysize}`)
      assert.match(text, /QUERY_STATUS" value="ERROR"[\s\S]*<\/VOTABLE>\n$/)
    }
  }
})

test('a failure after some rows leaves a readable document that says so', { skip }, async () => {
  for (const name of ['votable', 'votable/b', 'votable/td']) {
    const { writer } = chooseFormat(name)
    const failure = new ServiceError('timeout', 'The query took longer than 60 s.')
    const source = rowSource([{ name: 'a', datatype: 'short' }], [[1], [2]], { wire: writer.wire, failure })
    const bytes = await collect(writer.write(source, { infos: [] }))
    assert.deepEqual(readAstropy(bytes), [['1'], ['2']])
    assert.match(
      bytes.toString(),
      /<INFO name="QUERY_STATUS" value="ERROR">The query took longer than 60 s.<\/INFO>/,
    )
    assert.equal(source.outcome.cause, failure)
  }
})

test('rows larger than a buffer, and many batches, come through whole', { skip }, async () => {
  const fields: Field[] = [
    { name: 'n', datatype: 'int' },
    { name: 's', datatype: 'char', arraysize: '*' },
  ]
  const rows = Array.from({ length: 300 }, (_, i): Value[] => [i, 'x&'.repeat(i % 100 === 7 ? 200_000 : i)])
  for (const name of ['votable', 'votable/td']) {
    const { writer } = chooseFormat(name)
    const source = rowSource(fields, rows, { wire: writer.wire, batch: 7 })
    const found = readAstropy(await collect(writer.write(source, { infos: [] })))
    assert.deepEqual(
      found,
      rows.map(([n, s]) => [String(n), s === '' && name === 'votable' ? '' : s]),
    )
  }
})

test('arrays full of NULL are larger than they came', { skip }, async () => {
  const fields: Field[] = [
    { name: 'd', datatype: 'double', arraysize: '*' },
    { name: 'c', datatype: 'doubleComplex', arraysize: '*' },
    { name: 'after', datatype: 'int' },
  ]
  const nulls = Array<null>(40_000).fill(null)
  for (const name of ['votable', 'votable/td']) {
    const { writer } = chooseFormat(name)
    const source = rowSource(fields, [[nulls, nulls, 7]], { wire: writer.wire })
    const [row] = readAstropy(await collect(writer.write(source, { infos: [] })))
    assert.equal(source.outcome.error, undefined)
    assert.equal(row![2], '7')
  }
})

test('the first batch leaves without waiting for the second', async () => {
  for (const name of ['votable', 'votable/td', 'csv']) {
    const { writer } = chooseFormat(name)
    const field: Field = { name: 'n', datatype: 'int' }
    let asked = 0
    async function* batches() {
      for (; asked < 2; asked++) yield rowBatch([field], [[asked]], writer.wire)
    }
    const outcome = { rows: 0, overflow: false, error: undefined }
    const chunks = writer
      .write({ fields: [field], batches: batches(), outcome }, { infos: [] })
      [Symbol.asyncIterator]()
    await chunks.next()
    const rows = await chunks.next()
    assert.ok(rows.value && asked === 0, name)
  }
})
