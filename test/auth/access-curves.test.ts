/** Light curves whose objects, detections or visits are closed. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { removeRule, setRule } from '../../src/auth/access-rules.ts'
import { createToken } from '../../src/auth/tokens.ts'
import { setAccount } from '../../src/auth/users.ts'
import { publishSchema, publishTable } from '../../src/tap/publish.ts'
import type { Field } from '../../src/votable/field.ts'
import { testDatabase } from '../support/database.ts'
import { startTestService, type TestService } from '../support/service.ts'

const OPERATOR = { name: 'operator of the test' }
const database = await testDatabase()
let service: TestService
let token = ''

const column = (name: string, datatype: Field['datatype'], ucd?: string) => ({
  field: {
    name,
    datatype,
    ...(datatype === 'char' && { arraysize: '*' }),
    ...(ucd && { ucd }),
    ...(name === 'mjd' && { unit: 'd' }),
    ...(name.startsWith('flux') && { unit: 'nJy' }),
  },
  sqlName: name,
  principal: true,
})

before(async () => {
  service = await startTestService({
    database,
    config: {
      auth: {},
      lightCurves: ['zzd', 'det'].map(name => ({
        object: { table: 's.object', id: 'id', ra: 'ra', dec: 'dec' },
        detections: [
          {
            table: `s.${name}`,
            title: `Curves of ${name}`,
            object: 'id',
            time: { column: 'mjd', scale: 'TAI', refposition: 'TOPOCENTER', origin: 'MJD-origin' },
            band: 'band',
            flux: { column: 'flux', error: 'fluxerr' },
            bands: { g: { wavelength: 4.76e-7, zeroPoint: 3631, system: 'AB' } },
          },
        ],
      })),
    },
    fill: db =>
      db.transaction(async client => {
        await client.query(`CREATE SCHEMA s;
          CREATE TABLE s.object AS SELECT i::bigint AS id, i * 1.0::float8 AS ra, i * 1.0::float8 AS dec FROM generate_series(1, 3) AS g(i);
          CREATE TABLE s.det AS SELECT id, 60000.5::float8 AS mjd, 'g' AS band, 111::float8 AS flux, 1::float8 AS fluxerr FROM s.object;
          CREATE TABLE s.zzd AS SELECT id, mjd, band, 999::float8 AS flux, fluxerr FROM s.det`)
        await publishSchema(client, { name: 's' })
        const detection = [
          column('id', 'long'),
          column('mjd', 'double'),
          column('band', 'char'),
          column('flux', 'double'),
          column('fluxerr', 'double'),
        ]
        const object = [
          column('id', 'long', 'meta.id;meta.main'),
          column('ra', 'double', 'pos.eq.ra;meta.main'),
          column('dec', 'double', 'pos.eq.dec;meta.main'),
        ]
        for (const [name, columns] of [
          ['object', object],
          ['det', detection],
          ['zzd', detection],
        ] as const) {
          await publishTable(client, {
            schema: 's',
            name,
            sqlSchema: 's',
            sqlTable: name,
            columns,
            ...(name === 'object' && { position: { ra: 'ra', dec: 'dec' } }),
          })
        }
      }),
  })
  await setAccount(service.db, 'ann', ['desc'])
  const wish = { name: 't', scopes: ['read:tap', 'write:jobs'] as const, expires: null }
  token = (await createToken(service.db, 'ann', wish, OPERATOR)).token
})
after(() => service.close())

const get = async (who: 'ann' | undefined, to: string) => {
  const response = await fetch(`${service.url}${to}`, {
    redirect: 'manual',
    ...(who && { headers: { Authorization: `Bearer ${token}` } }),
  })
  return { status: response.status, text: await response.text() }
}
const curve = (table: string) => `/datalink/timeseries?TABLE=${table}&ID=2&RESPONSEFORMAT=csv`

async function rule(name: string, set: boolean) {
  if (set)
    await setRule(
      service.db,
      { kind: 'table', name, groups: ['desc'], announced: false, opensAt: undefined },
      OPERATOR,
    )
  else await removeRule(service.db, 'table', name, OPERATOR)
  await new Promise<void>(resolve => {
    void service.db
      .listen('access', () => setTimeout(resolve, 150))
      .then(() => service.db.query('NOTIFY access'))
  })
}

it('closed detections have no curves, links or descriptors for outsiders; others go on', async () => {
  assert.match((await get(undefined, curve('s.zzd'))).text, /999/)
  await rule('s.zzd', true)
  const outsider = await get(undefined, curve('s.zzd'))
  assert.ok(outsider.status >= 400, outsider.text)
  assert.doesNotMatch(outsider.text.replaceAll('TABLE=s.zzd', ''), /999|zzd/)
  assert.match((await get('ann', curve('s.zzd'))).text, /999/)
  assert.match((await get(undefined, curve('s.det'))).text, /111/)
  const query = new URLSearchParams({ LANG: 'ADQL', QUERY: 'SELECT id FROM s.object' })
  for (const to of [
    '/datalink/links?ID=2',
    `/tap/sync?${query}`,
    '/datalink/availability',
    '/scs/s.object?RA=1&DEC=1&SR=1',
  ]) {
    assert.doesNotMatch((await get(undefined, to)).text, /zzd/, to)
    assert.match((await get(undefined, to)).text, to.includes('availability') ? /./ : /det|timeseries/, to)
    if (!to.includes('availability')) assert.match((await get('ann', to)).text, /zzd/, to)
  }
  await rule('s.zzd', false)
})

it('links say which of them need a login', async () => {
  const told = async () => {
    const { text } = await get('ann', '/datalink/links?ID=2&RESPONSEFORMAT=json')
    const { data, metadata } = JSON.parse(text) as { data: unknown[][]; metadata: { name: string }[] }
    const at = (name: string) => metadata.findIndex(field => field.name === name)
    assert.ok(data.every(row => row[at('link_authorized')] === true))
    return data.map(row => `${row[at('access_url')] ?? row[at('description')]} ${row[at('link_auth')]}`)
  }
  assert.ok((await told()).every(link => link.endsWith(' false')))
  await rule('s.zzd', true)
  const links = await told()
  assert.ok(links.length > 6)
  for (const link of links) assert.match(link, /zzd/.test(link) ? / true$/ : / false$/)
  await rule('s.zzd', false)
})

it('of closed objects there are no curves at all', async () => {
  await rule('s.object', true)
  for (const to of [curve('s.det'), curve('s.zzd'), '/datalink/links?ID=2&RESPONSEFORMAT=csv']) {
    const { text } = await get(undefined, to)
    assert.doesNotMatch(text, /999|111|Curves of (det|zzd)/, to)
  }
  assert.match((await get('ann', curve('s.det'))).text, /111/)
  assert.match(
    (await get(undefined, '/tap/sync?LANG=ADQL&FORMAT=csv&QUERY=SELECT+flux+FROM+s.det')).text,
    /111/,
  )
  await rule('s.object', false)
})
