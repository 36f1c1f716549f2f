/** What is wrong with a request for cutouts or images is told in the form of its standard, and the service goes on. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { withoutPython } from '../support/python.ts'
import { SMALL_IMAGES } from '../support/small-images.ts'
import { startSurvey } from './survey.ts'

const skip = withoutPython('astropy')

type Pairs = readonly (readonly [name: string, value: string])[]

describe('bad input', { skip }, async () => {
  if (skip) return
  const survey = await startSurvey([], SMALL_IMAGES)
  const plain = survey.dids.get('plain.fits')!
  const ID = ['ID', plain] as const

  const post = async (to: string, pairs: Pairs) => {
    const body = new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value]))
    const response = await fetch(`${survey.url}${to}`, { method: 'POST', body })
    const { status, headers } = response
    const type = headers.get('content-type') ?? ''
    return { status, type, text: type.includes('fits') ? '' : await response.text() }
  }
  const vertices = (n: number) =>
    Array.from({ length: n }, (_, i) => {
      const angle = (i / n) * 2 * Math.PI
      return `${(150 + 0.01 * Math.cos(angle)).toFixed(6)} ${(2 + 0.01 * Math.sin(angle)).toFixed(6)}`
    }).join(' ')

  it('is refused by cutouts with the words of SODA', async () => {
    const refused: readonly (readonly [Pairs, number, RegExp])[] = [
      [[], 400, /^UsageError: ID is missing/],
      [[['ID', '']], 400, /^UsageError: ID is missing/],
      [[['ID', `${plain}/../../../etc/passwd`]], 404, /^UsageError: ID/],
      [[['ID', 'file:///etc/passwd']], 404, /^UsageError: ID/],
      [[['ID', "ivo://x/y?' OR 1=1 --"]], 404, /^UsageError: ID/],
      [[['ID', `ivo://${'x'.repeat(50_000)}`]], 404, /^UsageError: ID.{1,400}$/s],
      [[ID, ID], 400, /^MultiValuedParamNotSupported: ID/],
      [[ID, ['CIRCLE', '150 2 nan']], 400, /^UsageError: CIRCLE: NaN is not a finite number/],
      [[ID, ['CIRCLE', '150 2 -Inf']], 400, /^UsageError: CIRCLE: -Infinity/],
      [[ID, ['CIRCLE', '150 2 1e999']], 400, /^UsageError: CIRCLE/],
      [[ID, ['CIRCLE', '150,2,0.1']], 400, /^UsageError: CIRCLE/],
      [[ID, ['CIRCLE', '0x10 2 0.1']], 400, /^UsageError: CIRCLE: '0x10' is not a number/],
      [[ID, ['POLYGON', '150 2 150 2 150 2']], 400, /^UsageError: POLYGON/],
      [[ID, ['POLYGON', 'NaN NaN NaN NaN NaN NaN']], 400, /^UsageError: POLYGON/],
      [[ID, ['POLYGON', vertices(20_000)]], 400, /^UsageError: POLYGON: more than/],
      [[ID, ['POLYGON', vertices(100_000)]], 413, /^UsageError/],
      [[ID, ['POS', 'CIRCLE 150 2']], 400, /^UsageError: POS=CIRCLE/],
      [[ID, ['POS', 'RANGE 1 2 3 4 5']], 400, /^UsageError: POS=RANGE/],
      [[ID, ['POS', 'RANGE NaN NaN 3 4']], 400, /^UsageError: POS=RANGE/],
      [[ID, ['POS', 'POLYGON 1 2 3 4 5']], 400, /^UsageError: POS=POLYGON/],
      [[ID, ['BAND', '600nm 700nm']], 400, /^UsageError: BAND/],
      [[ID, ['BAND', '7e-7 6e-7']], 400, /^UsageError: BAND.*first number is above the second/],
      [[ID, ['TIME', '60000 59000']], 400, /^UsageError: TIME.*first number is above the second/],
      [[ID, ['TIME', '2020-01-01 2021-01-01']], 400, /^UsageError: TIME/],
      [
        [ID, ['RESPONSEFORMAT', 'fits'], ['responseformat', 'png']],
        400,
        /^UsageError: RESPONSEFORMAT is given 2/,
      ],
      [[ID, ['RESPONSEFORMAT', 'application/pdf']], 400, /^UsageError: RESPONSEFORMAT/],
      [[ID, ['MASK', 'maybe']], 400, /^UsageError: MASK/],
    ]
    for (const [pairs, status, text] of refused) {
      const answer = await post('/cutout/sync', pairs)
      const label = JSON.stringify(pairs).slice(0, 150)
      assert.equal(answer.status, status, `${label}: ${answer.text.slice(0, 300)}`)
      assert.match(answer.type, /^text\/plain/, label)
      assert.match(answer.text, text, label)
    }
  })

  it('that means nothing is passed over, and what is elsewhere is no content', async () => {
    for (const more of [
      [['CIRCLE', '']],
      [['NOSUCH', 'x']],
      [['MAXREC', '-1']],
      [['POS', ' ']],
      [['BAND', '-Inf Inf']],
    ] satisfies Pairs[]) {
      assert.equal((await post('/cutout/sync', [ID, ...more])).status, 200, JSON.stringify(more))
    }
    // Nanometres in place of metres: no pixel of a cube is there.
    const cube = ['ID', survey.dids.get('cube.fits')!] as const
    assert.equal((await post('/cutout/sync', [cube, ['BAND', '500 502']])).status, 204)
    assert.equal((await post('/cutout/sync', [ID, ['POLYGON', vertices(1000)]])).status, 200)
  })

  it('is refused by SIA 2.0 and 1.0 as VOTables that say so', async () => {
    const refused: readonly (readonly [string, Pairs, RegExp])[] = [
      ['/sia2/query', [['POS', `POLYGON ${vertices(20_000)}`]], /more than/],
      ['/sia2/query', [['POS', 'RANGE NaN NaN NaN NaN']], /NaN/],
      ['/sia2/query', [['POS', 'POLYGON 1 1 1 1 1 1']], /POS=POLYGON/],
      ['/sia2/query', [['BAND', '500nm']], /not a number/],
      ['/sia2/query', [['BAND', '1e400 NaN']], /BAND/],
      ['/sia2/query', [['TIME', '60000 59000']], /more than the second/],
      ['/sia2/query', [['MAXREC', '-1']], /MAXREC=-1/],
      ['/sia2/query', [['MAXREC', 'NaN']], /MAXREC=NaN/],
      ['/sia2/query', [['MAXREC', '1e400']], /MAXREC/],
      ['/sia2/query', [['CALIB', '1; DROP TABLE x']], /CALIB/],
      [
        '/sia1/query',
        [
          ['POS', 'NaN,NaN'],
          ['SIZE', '1'],
        ],
        /POS/,
      ],
      [
        '/sia1/query',
        [
          ['POS', '150'],
          ['SIZE', '1'],
        ],
        /POS/,
      ],
      [
        '/sia1/query',
        [
          ['POS', '150,2'],
          ['SIZE', '-1'],
        ],
        /SIZE/,
      ],
      [
        '/sia1/query',
        [
          ['POS', '150,2'],
          ['SIZE', 'Infinity'],
        ],
        /SIZE/,
      ],
      ['/sia1/query', [['SIZE', '1']], /POS/],
    ]
    for (const [to, pairs, text] of refused) {
      const answer = await post(to, pairs)
      const label = `${to} ${JSON.stringify(pairs).slice(0, 100)}`
      assert.ok(answer.status === 400 || (to.startsWith('/sia1') && answer.status === 200), label)
      assert.match(answer.text, /name="QUERY_STATUS" value="ERROR"/, label)
      assert.match(answer.text, text, label)
    }
  })

  it('makes rows of faults in links, however many IDs are wrong', async () => {
    const ids = [
      '../../etc/passwd',
      'ivo://',
      'ivo://x?\0',
      "'; --",
      'NaN',
      'ivo://test.example/images?%2e%2e/x',
    ]
    const pairs = ids.map(id => ['ID', id] as const)
    const answer = await post('/datalink/links', [...pairs, ID, ['RESPONSEFORMAT', 'csv']])
    assert.equal(answer.status, 200, answer.text)
    assert.equal(answer.text.match(/(NotFound|Usage)Fault/g)?.length, ids.length, answer.text)
    assert.match(answer.text, /#cutout/)
  })
})
