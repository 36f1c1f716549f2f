/** Logins with a real OpenID provider, by a browser as far as cookies, redirects and forms go. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { logIn, type TestBrowser, testBrowser } from '../support/browser.ts'
import { testDatabase } from '../support/database.ts'
import { startProvider, type TestProvider } from '../support/provider.ts'
import { startTestService, type TestService } from '../support/service.ts'

const database = await testDatabase()
let provider: TestProvider
let service: TestService

before(async () => {
  provider = await startProvider()
  const auth = { providers: [{ ...provider.settings, admit: ['observers'] }], admins: ['curators'] }
  service = await startTestService({ database, runner: false, config: { auth } })
  provider.register(service.url)
})
after(async () => {
  await service.close()
  await provider.close()
})

const whoami = async (browser: TestBrowser) =>
  (await (await browser.once(`${service.url}/auth/whoami`)).json()) as Record<string, unknown>

const formToken = (text: string) => /name="csrf" value="([^"]+)"/.exec(text)![1]!

describe('a login', () => {
  it('comes back to the page that it began at, with name and groups, and a new session', async () => {
    const browser = testBrowser()
    const first = await browser.once(`${service.url}/auth/login?return=/tap?x=1`)
    assert.equal(first.status, 302)
    const asked = new URL(first.headers.get('location')!)
    assert.equal(asked.origin, provider.issuer)
    for (const [name, value] of Object.entries({
      code_challenge_method: 'S256',
      response_type: 'code',
      scope: 'openid profile email',
    })) {
      assert.equal(asked.searchParams.get(name), value)
    }
    for (const name of ['state', 'nonce', 'code_challenge'])
      assert.ok(asked.searchParams.get(name)!.length > 15, name)
    const before = browser.cookies.get(service.url)!.get('almagest_login')
    const page = await logIn(browser, asked.href, 'alice')
    assert.equal(page.url, `${service.url}/tap?x=1`)
    assert.notEqual(browser.cookies.get(service.url)!.get('almagest_login'), before)
    const { user, groups, door, scopes } = await whoami(browser)
    assert.deepEqual([user, groups, door, scopes], ['alice', ['curators', 'observers'], 'session', null])
    const [row] = await service.db.query(`SELECT subject, full_name FROM auth.user WHERE name = 'alice'`)
    assert.deepEqual(row, { subject: 'alice', full_name: 'Alice' })
  })

  it('leaves a cookie that scripts and other sites cannot use', async () => {
    const browser = testBrowser()
    const answer = await browser.once(`${service.url}/auth/login`)
    assert.match(
      answer.headers.getSetCookie()[0]!,
      /^almagest_login=[^;]+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
    )
  })

  it('is refused to who is in no group that is let in, and says so', async () => {
    const browser = testBrowser()
    const page = await logIn(browser, `${service.url}/auth/login`, 'bob')
    assert.equal(page.status, 403)
    assert.match(page.text, /bob is in none of the groups that are let in \(observers\)/)
    assert.equal((await whoami(browser)).user, null)
    const [line] = await service.db.query(
      `SELECT action, detail FROM auth.audit ORDER BY audit_id DESC LIMIT 1`,
    )
    assert.equal((line as { action: string }).action, 'login.refused')
  })

  it('takes the groups of the provider anew, also for tokens', async () => {
    const browser = testBrowser()
    await logIn(browser, `${service.url}/auth/login`, 'alice')
    const tokens = await browser.get(`${service.url}/auth/tokens`)
    const made = await browser.once(`${service.url}/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-csrf-token': formToken(tokens.text) },
      body: JSON.stringify({ name: 'groups', scopes: ['read:tap'] }),
    })
    assert.equal(made.status, 201)
    const { token } = (await made.json()) as { token: string }
    const groups = async () => {
      const answer = await fetch(`${service.url}/auth/whoami`, {
        headers: { authorization: `Bearer ${token}` },
      })
      return ((await answer.json()) as { groups: string[] }).groups
    }
    assert.deepEqual(await groups(), ['curators', 'observers'])
    provider.people.set('alice', { name: 'Alice', groups: ['observers'] })
    try {
      await logIn(testBrowser(), `${service.url}/auth/login`, 'alice')
      await new Promise(resolve => setTimeout(resolve, 500))
      assert.deepEqual(await groups(), ['observers'])
    } finally {
      provider.people.set('alice', { name: 'Alice', groups: ['observers', 'curators'] })
      await logIn(testBrowser(), `${service.url}/auth/login`, 'alice')
    }
  })

  it('ends at its time, and when its user is blocked', async () => {
    const browser = testBrowser()
    await logIn(browser, `${service.url}/auth/login`, 'alice')
    const set = async (sql: string) => {
      await service.db.query(sql)
      await new Promise(resolve => setTimeout(resolve, 500))
    }
    await set(`UPDATE auth.user SET blocked = true WHERE name = 'alice'`)
    const blocked = await browser.once(`${service.url}/tap/tables`)
    assert.equal(blocked.status, 403)
    assert.match(await blocked.text(), /The account alice is blocked here/)
    assert.equal((await logIn(testBrowser(), `${service.url}/auth/login`, 'alice')).status, 403)
    await set(`UPDATE auth.user SET blocked = false WHERE name = 'alice'`)
    assert.equal((await whoami(browser)).user, 'alice')
    await set(`UPDATE auth.session SET expires_at = clock_timestamp() WHERE user_name = 'alice'`)
    assert.equal((await whoami(browser)).user, null)
  })

  it('may be under way twice in one browser', async () => {
    const browser = testBrowser()
    const [first, second] = [
      await browser.once(`${service.url}/auth/login?return=/a`),
      await browser.once(`${service.url}/auth/login?return=/b`),
    ]
    assert.notEqual(first.headers.get('location'), second.headers.get('location'))
    assert.equal((await logIn(browser, first.headers.get('location')!, 'alice')).url, `${service.url}/a`)
  })

  it('ends here and at the provider, and the cookie of before is good for nothing', async () => {
    const browser = testBrowser()
    await logIn(browser, `${service.url}/auth/login`, 'alice')
    const cookie = browser.cookies.get(service.url)!.get('almagest_login')!
    const page = await browser.get(`${service.url}/auth/logout`)
    const answer = await browser.once(`${service.url}/auth/logout`, {
      method: 'POST',
      body: new URLSearchParams({ csrf: formToken(page.text) }),
    })
    assert.equal(answer.status, 303)
    const target = new URL(answer.headers.get('location')!)
    assert.equal(target.origin, provider.issuer)
    assert.equal(target.searchParams.get('post_logout_redirect_uri'), `${service.url}/`)
    assert.match(target.searchParams.get('id_token_hint')!, /^[\w-]+\.[\w-]+\.[\w-]+$/)
    assert.equal((await browser.get(target.href)).status, 200)
    await new Promise(resolve => setTimeout(resolve, 500))
    const { user } = (await (
      await fetch(`${service.url}/auth/whoami`, { headers: { cookie: `almagest_login=${cookie}` } })
    ).json()) as { user: string | null }
    assert.equal(user, null)
  })
})

describe('refuses', () => {
  it('ways back to other sites', async () => {
    for (const target of [
      'https://evil.example/',
      '//evil.example/',
      '/\\evil.example',
      '/\t/evil.example',
      'javascript:alert(1)',
      'tap',
      '/%0d%0aLocation:%20x\n',
      `/${'a'.repeat(3000)}`,
    ]) {
      const answer = await testBrowser().once(
        `${service.url}/auth/login?return=${encodeURIComponent(target)}`,
      )
      assert.equal(answer.status, 400, target)
      assert.equal(answer.headers.get('location'), null)
    }
  })

  it('an answer that was not asked for, of another browser, or that comes twice', async () => {
    const stray = await testBrowser().get(`${service.url}/auth/callback?code=x&state=y`)
    assert.equal(stray.status, 403)
    assert.match(stray.text, /not begun in this browser/)

    const browser = testBrowser()
    const begun = await browser.once(`${service.url}/auth/login`)
    let url = begun.headers.get('location')!
    let answer = await browser.once(url)
    // Up to the provider's answer, which is kept.
    for (let i = 0; i < 20 && !url.includes('/auth/callback'); i++) {
      if (answer.status >= 300 && answer.status < 400) {
        url = new URL(answer.headers.get('location')!, url).href
        if (url.includes('/auth/callback')) break
        answer = await browser.once(url)
      } else {
        const text = await answer.text()
        const prompt = /name="prompt" value="([^"]+)"/.exec(text)![1]!
        url = new URL(/action="([^"]+)"/.exec(text)![1]!, url).href
        answer = await browser.once(url, {
          method: 'POST',
          body: new URLSearchParams(
            prompt === 'login' ? { prompt, login: 'alice', password: 'x' } : { prompt },
          ),
        })
      }
    }
    assert.equal((await testBrowser().get(url)).status, 403, 'in another browser')
    assert.equal((await browser.once(url)).status, 303)
    assert.equal((await browser.once(url)).status, 403, 'again')
  })

  it('an answer of another provider', async () => {
    const browser = testBrowser()
    const begun = await browser.once(`${service.url}/auth/login`)
    const state = new URL(begun.headers.get('location')!).searchParams.get('state')!
    for (const iss of ['&iss=https://evil.example', '']) {
      const page = await browser.get(`${service.url}/auth/callback?state=${state}&code=x${iss}`)
      assert.equal(page.status, 403)
      assert.match(page.text, iss ? /This answer is not of The test provider/ : /not begun in this browser/)
    }
  })

  it('what a provider says of a failed login', async () => {
    const browser = testBrowser()
    const begun = await browser.once(`${service.url}/auth/login`)
    const state = new URL(begun.headers.get('location')!).searchParams.get('state')!
    const back = `${service.url}/auth/callback?state=${state}&error=access_denied&error_description=%3Cb%3Eno%3C/b%3E&iss=${provider.issuer}`
    const page = await browser.get(back)
    assert.equal(page.status, 403)
    assert.match(page.text, /did not log you in: &#60;b&#62;no/)
  })

  it('a session that somebody else chose', async () => {
    const fixed = 'A'.repeat(43)
    const browser = testBrowser()
    browser.cookies.set(service.url, new Map([['almagest_login', `s%3A${fixed}.${'B'.repeat(43)}`]]))
    await logIn(browser, `${service.url}/auth/login`, 'alice')
    assert.ok(!browser.cookies.get(service.url)!.get('almagest_login')!.includes(fixed))
  })

  it('forms of other sites, and forms without their token', async () => {
    const browser = testBrowser()
    await logIn(browser, `${service.url}/auth/login`, 'alice')
    const page = await browser.get(`${service.url}/auth/tokens`)
    const csrf = formToken(page.text)
    const post = (form: Record<string, string>, headers: Record<string, string>) =>
      browser.once(`${service.url}/auth/tokens`, { method: 'POST', body: new URLSearchParams(form), headers })
    const wish = { name: 'forged', scopes: 'read:tap' }
    assert.equal((await post(wish, {})).status, 403)
    assert.equal((await post({ ...wish, csrf: 'x' }, {})).status, 403)
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
    ]
    for (const headers of foreign) {
      assert.equal((await post({ ...wish, csrf }, headers)).status, 403, JSON.stringify(headers))
      const query = await browser.once(`${service.url}/tap/async`, {
        method: 'POST',
        headers,
        body: new URLSearchParams({ LANG: 'ADQL', QUERY: 'SELECT 1 FROM tap_schema.tables' }),
      })
      assert.equal(query.status, 403)
    }
    const own = await post({ ...wish, csrf }, { origin: service.url, 'sec-fetch-site': 'same-origin' })
    assert.equal(own.status, 200)
    assert.match(await own.text(), /alm-[\w-]{22}\.[\w-]{22}/)
  })
})

it('goes on with sessions and tokens while the provider is down, and says why a login fails', async () => {
  const down = await startProvider({ name: 'down' })
  const other = await startTestService({
    database,
    runner: false,
    config: { auth: { providers: [down.settings] } },
  })
  try {
    const browser = testBrowser()
    down.register(other.url)
    await logIn(browser, `${other.url}/auth/login`, 'alice')
    await down.close()
    const { user } = (await (await browser.once(`${other.url}/auth/whoami`)).json()) as { user: string }
    assert.equal(user, 'alice@down')
    const third = await startTestService({
      database,
      runner: false,
      config: { auth: { providers: [down.settings] } },
    })
    try {
      const page = await testBrowser().get(`${third.url}/auth/login`)
      assert.equal(page.status, 503)
      assert.match(page.text, /The login service The test provider does not answer \(ECONNREFUSED\)/)
      assert.match(page.text, /access tokens go on working/)
    } finally {
      await third.close()
    }
  } finally {
    await other.close()
  }
})
