/** A browser as far as cookies, redirects and forms go. */

export interface Page {
  readonly status: number
  readonly url: string
  readonly text: string
  readonly headers: Headers
}

export interface TestBrowser {
  /** Cookies by origin and name. */
  readonly cookies: Map<string, Map<string, string>>
  get(url: string, headers?: Record<string, string>): Promise<Page>
  post(url: string, form: Record<string, string>, headers?: Record<string, string>): Promise<Page>
  /** Without following redirects. */
  once(url: string, init?: RequestInit): Promise<Response>
}

const NAVIGATION = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', 'sec-fetch-mode': 'navigate' }

export function testBrowser(): TestBrowser {
  const cookies = new Map<string, Map<string, string>>()

  async function once(url: string, init: RequestInit = {}): Promise<Response> {
    const { origin } = new URL(url)
    const jar = cookies.get(origin) ?? new Map<string, string>()
    cookies.set(origin, jar)
    const headers = new Headers(init.headers)
    if (jar.size > 0) headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';')
      const name = pair.slice(0, pair.indexOf('='))
      const value = pair.slice(pair.indexOf('=') + 1)
      const isOver = attributes.some(one => {
        const [key, date] = one.trim().split('=')
        return key?.toLowerCase() === 'expires' && new Date(date!).getTime() <= Date.now()
      })
      if (value === '' || isOver) jar.delete(name)
      else jar.set(name, value)
    }
    return response
  }

  async function follow(url: string, init: RequestInit): Promise<Page> {
    let response = await once(url, init)
    let at = url
    for (let i = 0; i < 12 && response.status >= 300 && response.status < 400; i++) {
      at = new URL(response.headers.get('location')!, at).href
      response = await once(at, { headers: NAVIGATION })
    }
    return { status: response.status, url: at, text: await response.text(), headers: response.headers }
  }

  return {
    cookies,
    once,
    get: (url, headers = {}) => follow(url, { headers: { ...NAVIGATION, ...headers } }),
    post: (url, form, headers = {}) =>
      follow(url, {
        method: 'POST',
        body: new URLSearchParams(form),
        headers: { ...NAVIGATION, ...headers },
      }),
  }
}

/** Fills in the forms of the test provider until one is back, as somebody with that name. */
export async function logIn(browser: TestBrowser, url: string, name: string): Promise<Page> {
  let page = await browser.get(url)
  for (let i = 0; i < 3 && page.text.includes('name="prompt"'); i++) {
    const action = new URL(/action="([^"]+)"/.exec(page.text)![1]!, page.url).href
    const prompt = /name="prompt" value="([^"]+)"/.exec(page.text)![1]!
    page = await browser.post(
      action,
      prompt === 'login' ? { prompt, login: name, password: 'any' } : { prompt },
    )
  }
  return page
}
