/** Jobs as a client drives them, by plain HTTP. */
import assert from 'node:assert/strict'
import type { TestService } from './service.ts'

export interface JobClient {
  /** POSTs to a path under /tap/async; redirects are not followed. */
  post(path: string, form: Record<string, string> | [string, string][]): Promise<Response>
  get(
    path: string,
    headers?: Record<string, string>,
  ): Promise<{ status: number; type: string | null; text: string }>
  /** Creates a job and gives its id. */
  create(form: Record<string, string> | [string, string][]): Promise<string>
  phase(id: string): Promise<string>
  /** Waits by WAIT until the job has ended; gives its document. */
  ended(id: string): Promise<string>
}

const ACTIVE = /<uws:phase>(PENDING|QUEUED|EXECUTING)</

export function jobClient(service: Pick<TestService, 'url'>, root = '/tap/async'): JobClient {
  const base = service.url + root
  const client: JobClient = {
    post: (path, form) =>
      fetch(base + path, { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' }),
    async get(path, headers) {
      const response = await fetch(base + path, headers ? { headers } : {})
      return {
        status: response.status,
        type: response.headers.get('content-type'),
        text: await response.text(),
      }
    },
    async create(form) {
      const response = await client.post('', form)
      assert.equal(response.status, 303, await response.clone().text())
      return response.headers.get('location')!.slice(base.length + 1)
    },
    phase: async id => (await client.get(`/${id}/phase`)).text,
    async ended(id) {
      for (;;) {
        const { status, text } = await client.get(`/${id}?WAIT=10`)
        assert.equal(status, 200, text)
        if (!ACTIVE.test(text)) return text
      }
    },
  }
  return client
}

/** A query that takes long and sends nothing, and can be cancelled at any time. */
export const ENDLESS = `SELECT COUNT(*) AS n FROM sample.stars AS a, sample.stars AS b, sample.stars AS c, sample.stars AS d
  WHERE a.ra + b.ra + c.ra + d.ra = -1`
