/** A real browser, driven through its DevTools pipe (Chrome DevTools Protocol): no package, and nothing to install but Chromium. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

const CHROMIUM = '/usr/bin/chromium'

/** Why a test with Chromium cannot run here, or false. */
export function withoutChromium(): string | false {
  return existsSync(CHROMIUM) ? false : `there is no ${CHROMIUM}`
}

export interface ChromiumPage {
  open(url: string): Promise<void>
  /** Runs what leads to another page, and waits until that is there. */
  leave(script: string): Promise<void>
  /** Value of an expression, awaited. */
  evaluate<T>(expression: string): Promise<T>
  /** Until the expression is true. */
  until(expression: string): Promise<void>
  cookies(): Promise<readonly { name: string; httpOnly: boolean; sameSite?: string; value: string }[]>
  screenshot(file: string): Promise<void>
  /** What scripts and policies complained of. */
  readonly complaints: readonly string[]
}

export interface Chromium {
  page(): Promise<ChromiumPage>
  close(): Promise<void>
}

interface Fault {
  readonly text: string
  readonly exception?: { readonly description?: string }
}

/** What is used of answers and events of the protocol. */
interface Said {
  readonly targetId: string
  readonly sessionId: string
  readonly data: string
  readonly cookies: Awaited<ReturnType<ChromiumPage['cookies']>>
  readonly result: { readonly value: unknown }
  readonly exceptionDetails?: Fault
  readonly entry: { readonly text: string }
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly sessionId?: string
  readonly params?: Said
  readonly result?: Said
  readonly error?: { readonly message: string }
}

export async function startChromium(): Promise<Chromium> {
  const profile = mkdtempSync(join(tmpdir(), 'almagest-chromium-'))
  const flags = [
    '--headless=new',
    '--no-sandbox',
    '--use-gl=angle',
    '--use-angle=swiftshader',
    '--enable-unsafe-swiftshader',
    '--ignore-gpu-blocklist',
    '--disable-background-networking',
    '--hide-scrollbars',
    '--window-size=1100,1000',
  ]
  const child = spawn(
    CHROMIUM,
    [...flags, '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank'],
    {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    },
  )
  const input = child.stdio[3] as Writable
  const output = child.stdio[4] as Readable
  const waiting = new Map<number, { resolve(result: Said): void; reject(error: Error): void }>()
  const listeners = new Set<(message: Message) => void>()
  let text = ''
  output.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    for (let end = text.indexOf('\0'); end >= 0; end = text.indexOf('\0')) {
      const message = JSON.parse(text.slice(0, end)) as Message
      text = text.slice(end + 1)
      const asked = message.id === undefined ? undefined : waiting.get(message.id)
      if (!asked) for (const heard of listeners) heard(message)
      else if (message.error) asked.reject(new Error(message.error.message))
      else asked.resolve(message.result!)
    }
  })
  let last = 0
  const send = (method: string, params: object = {}, sessionId?: string): Promise<Said> =>
    new Promise((resolve, reject) => {
      const id = ++last
      waiting.set(id, { resolve, reject })
      input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
  return {
    async page() {
      const { targetId } = await send('Target.createTarget', { url: 'about:blank' })
      const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true })
      const call = (method: string, params: object = {}) => send(method, params, sessionId)
      const complaints: string[] = []
      let loaded = 0
      listeners.add(({ method, params, sessionId: of }) => {
        if (of !== sessionId) return
        if (method === 'Page.loadEventFired') loaded++
        if (method === 'Runtime.exceptionThrown') complaints.push(told(params!.exceptionDetails!))
        if (method === 'Log.entryAdded') complaints.push(params!.entry.text)
      })
      for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await call(`${domain}.enable`)
      const load = async (act: () => Promise<unknown>) => {
        const before = loaded
        await act()
        for (let i = 0; loaded === before; i++) {
          if (i > 600) throw new Error('no page came')
          await new Promise(resolve => setTimeout(resolve, 50))
        }
      }
      const evaluate = async <T>(expression: string): Promise<T> => {
        const { result, exceptionDetails } = await call('Runtime.evaluate', {
          expression,
          awaitPromise: true,
          returnByValue: true,
        })
        if (exceptionDetails) throw new Error(told(exceptionDetails))
        return result.value as never
      }
      return {
        open: url => load(() => call('Page.navigate', { url })),
        leave: script => load(() => evaluate(script)),
        evaluate,
        async until(expression) {
          for (let i = 0; !(await evaluate(expression)); i++) {
            if (i > 600) throw new Error(`never true: ${expression}`)
            await new Promise(resolve => setTimeout(resolve, 50))
          }
        },
        cookies: async () => (await call('Network.getCookies')).cookies,
        async screenshot(file) {
          const { data } = await call('Page.captureScreenshot', { captureBeyondViewport: true })
          writeFileSync(file, Buffer.from(data, 'base64'))
        },
        complaints,
      }
    },
    async close() {
      const ended = new Promise(resolve => child.once('exit', resolve))
      await send('Browser.close').catch(() => child.kill())
      await ended
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

const told = ({ exception, text }: Fault) => exception?.description ?? text
