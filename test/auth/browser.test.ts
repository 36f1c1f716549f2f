/** Login, a token, the live test and logout in Chromium, with a real OpenID provider. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { type Chromium, type ChromiumPage, startChromium, withoutChromium } from '../support/chromium.ts'
import { testDatabase } from '../support/database.ts'
import { startProvider, type TestProvider } from '../support/provider.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
const skip = withoutChromium()
let provider: TestProvider
let service: TestService
let chromium: Chromium
let page: ChromiumPage

before(async () => {
  provider = await startProvider()
  const auth = {
    providers: [provider.settings, { ...provider.settings, name: 'second', title: 'Another one' }],
  }
  service = await startTestService({ database, runner: false, config: { auth } })
  provider.register(service.url)
  if (skip) return
  chromium = await startChromium()
  page = await chromium.page()
})
after(async () => {
  await chromium?.close()
  await service.close()
  await provider.close()
})

const shot = async (name: string) => {
  const folder = process.env.ALMAGEST_SCREENSHOTS
  if (folder) await page.screenshot(`${folder}/${name}.png`)
}

it('logs in, makes a token, tests it, revokes it, logs out', { skip }, async () => {
  await page.open(`${service.url}/auth/tokens`)
  assert.equal(await page.evaluate('location.pathname'), '/auth/login')
  await shot('login')
  await page.leave(`document.querySelector('.ways a').click()`)
  assert.equal(await page.evaluate('location.origin'), provider.issuer)
  await page.leave(
    `document.querySelector('[name=login]').value = 'alice'; document.querySelector('[name=password]').value = 'x'; document.querySelector('form').submit()`,
  )
  await page.leave(`document.querySelector('form').submit()`)
  assert.equal(await page.evaluate('location.pathname'), '/auth/tokens')
  assert.equal(await page.evaluate(`document.querySelector('.who').textContent`), 'alice')
  const cookie = (await page.cookies()).find(({ name }) => name === 'almagest_login')!
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, 'Lax'])
  assert.equal(await page.evaluate('document.cookie'), '')

  await shot('tokens-empty')
  await page.leave(
    `document.querySelector('[name=name]').value = 'TOPCAT'; document.querySelector('form[action$=tokens] button').click()`,
  )
  const token = await page.evaluate<string>(`document.getElementById('token').textContent`)
  assert.match(token, /^alm-[\w-]{22}\.[\w-]{22}$/)
  await shot('tokens-made')

  await page.open(`${service.url}/auth/connect`)
  const answer = async (text: string) => {
    await page.evaluate(
      `document.getElementById('token').value = '${text}'; document.querySelector('#try button').click()`,
    )
    await page.until(
      `/[{.]/.test(document.getElementById('answer').textContent) && !/appears here/.test(document.getElementById('answer').textContent)`,
    )
    return page.evaluate<string>(`document.getElementById('answer').textContent`)
  }
  const seen = JSON.parse(await answer(token))
  assert.deepEqual([seen.user, seen.door, seen.scopes[0]], ['alice', 'bearer', 'read:tap'])
  await shot('connect')
  await page.open(`${service.url}/auth/connect`)
  assert.match(await answer(`${token.slice(0, -4)}AAAA`), /not known here, has expired or is revoked/)
  await page.open(`${service.url}/auth/connect`)
  assert.equal(JSON.parse(await answer('')).door, 'session')

  await page.open(`${service.url}/auth/tokens`)
  assert.match(await page.evaluate(`document.querySelector('tbody').textContent`), /from 127\.0\.0\.1/)
  await page.leave(`document.querySelector('tbody td a').click()`)
  await shot('token')
  await page.leave(`document.querySelector('button[value=revoke]').click()`)
  assert.match(
    await page.evaluate(`document.querySelector('main').textContent`),
    /There is none yet.*1 expired or revoked/s,
  )
  await new Promise(resolve => setTimeout(resolve, 300))
  assert.equal(
    (await fetch(`${service.url}/auth/whoami`, { headers: { authorization: `Bearer ${token}` } })).status,
    401,
  )

  await page.leave(`document.querySelector('form[action$=logout] button').click()`)
  assert.equal(await page.evaluate('location.origin'), provider.issuer)
  await page.leave(`document.querySelector('[name=logout]').click()`)
  assert.equal(await page.evaluate('location.href'), `${service.url}/`)
  await page.open(`${service.url}/auth/connect`)
  assert.equal(JSON.parse(await answer('')).user, null)
  const policy = page.complaints.filter(text => /Content Security Policy|TypeError|ReferenceError/.test(text))
  assert.deepEqual(policy, [])
})

it('shows what went wrong with a login as a page', { skip }, async () => {
  await page.open(`${service.url}/auth/callback?state=x&code=y`)
  assert.match(
    await page.evaluate(`document.querySelector('.problem').textContent`),
    /not begun in this browser/,
  )
  await shot('problem')
})
