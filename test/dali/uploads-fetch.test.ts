/** Uploads by URL: what is fetched, and everything that is not (SSRF). No connection leaves the machine. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { loadConfig } from '../../src/config.ts'
import { isPublicAddress } from '../../src/dali/uploads-address.ts'
import { type FetchOptions, fetchTable, type Network } from '../../src/dali/uploads-fetch.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'almagest-test-'))
after(() => rmSync(folder, { recursive: true }))

/** What a site file with these keys means. */
function uploadsIn(uploads: unknown) {
  const file = path.join(folder, 'site.yaml')
  writeFileSync(file, JSON.stringify({ uploads }))
  return loadConfig({ ALMAGEST_CONFIG: file }).uploads
}
const allowed = (...allow: string[]) => uploadsIn({ allow }).allow

/** Addresses that a name of the test stands for. */
const NAMES: Record<string, readonly string[]> = {
  'public.example': ['93.184.215.14'],
  'six.example': ['2606:4700::6810:1'],
  'inside.example': ['10.1.2.3'],
  'half.example': ['93.184.215.14', '127.0.0.1'],
  'mapped.example': ['::ffff:127.0.0.1'],
  'metadata.example': ['169.254.169.254'],
  'none.example': [],
}

/** Spellings of hosts that are not on the public internet. */
const INSIDE = [
  '127.0.0.1',
  '127.1',
  '127.255.255.254',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0177.0.0.1',
  '017700000001',
  '0',
  '0.0.0.0',
  '10.0.0.1',
  '10.255.255.255',
  '0xa000001',
  '100.64.0.1',
  '169.254.169.254',
  '2852039166',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '192.168.1',
  '192.0.0.8',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.7',
  '203.0.113.9',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '１２７.０.０.１',
  '127。0。0。1',
  '[::]',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:10.0.0.1]',
  '[::ffff:93.184.215.14]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b:1::1]',
  '[100::1]',
  '[fe80::1]',
  '[febf::1]',
  '[fec0::1]',
  '[fc00::1]',
  '[fd12:3456::1]',
  '[ff02::1]',
  '[ff0e::1]',
  '[2001:db8::1]',
  '[2001::1]',
  '[2001:10::1]',
  '[2002:7f00:1::]',
  '[2002:a00:1::1]',
  '[3fff::1]',
  '[4000::1]',
  '[5f00::1]',
]

describe('uploads by URL', () => {
  let server: Server
  let port = 0
  let requests: IncomingMessage[] = []
  let connections: string[] = []
  const answers: Record<
    string,
    (request: IncomingMessage, response: import('node:http').ServerResponse) => void
  > = {
    '/t.csv': (_request, response) => response.end('ra,dec\n1,2\n'),
    '/away': (_request, response) =>
      response.writeHead(302, { Location: 'http://inside.example/t.csv' }).end(),
    '/literal': (_request, response) => response.writeHead(307, { Location: 'http://127.0.0.1/t.csv' }).end(),
    '/file': (_request, response) => response.writeHead(301, { Location: 'file:///etc/passwd' }).end(),
    '/elsewhere': (_request, response) => response.writeHead(303, { Location: '//six.example/t.csv' }).end(),
    '/near': (_request, response) => response.writeHead(308, { Location: 't.csv' }).end(),
    '/round': (_request, response) => response.writeHead(302, { Location: '/round' }).end(),
    '/gone': (_request, response) => response.writeHead(404).end('no'),
    '/slow': (_request, response) => response.write('ra'),
    '/endless': (_request, response) => {
      const more = () => {
        while (response.write('x'.repeat(10_000)) && !response.destroyed) {}
      }
      response.on('drain', more)
      more()
    },
  }

  before(async () => {
    server = createServer((request, response) => {
      requests.push(request)
      answers[request.url!]!(request, response)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  beforeEach(() => {
    requests = []
    connections = []
  })

  /** Names as above; every address is this test's server. */
  const network: Network = {
    async resolve(host) {
      const addresses = NAMES[host]
      if (!addresses) throw new Error(`getaddrinfo ENOTFOUND ${host}`)
      return addresses
    },
    connect(address, to) {
      connections.push(`${address} ${to}`)
      return net.connect({ host: '127.0.0.1', port })
    },
  }
  const everywhere = allowed(
    'public.example',
    '*.example',
    'http://public.example:8000/',
    'https://public.example/deep/',
  )

  async function fetched(url: string, options: Partial<FetchOptions> = {}): Promise<string> {
    let text = ''
    const signal = new AbortController().signal
    for await (const chunk of fetchTable(url, {
      allow: everywhere,
      timeoutMs: 5000,
      signal,
      network,
      ...options,
    })) {
      text += chunk
    }
    return text
  }

  it('comes from a public address by the name that was asked for, without credentials', async () => {
    assert.equal(await fetched('http://public.example/t.csv'), 'ra,dec\n1,2\n')
    assert.equal(await fetched('HTTP://Public.Example.:8000/t.csv'), 'ra,dec\n1,2\n')
    assert.deepEqual(connections, ['93.184.215.14 80', '93.184.215.14 8000'])
    assert.deepEqual(Object.keys(requests[0]!.headers).sort(), [
      'accept',
      'accept-encoding',
      'connection',
      'host',
      'user-agent',
    ])
    assert.equal(requests[0]!.headers.host, 'public.example')
    assert.equal(await fetched('http://public.example/near'), 'ra,dec\n1,2\n')
    assert.equal(await fetched('http://public.example/elsewhere'), 'ra,dec\n1,2\n')
    assert.equal(connections.at(-1), '2606:4700::6810:1 80')
  })

  it('is resolved once for each hop', async () => {
    let asked = 0
    const rebinding: Network = {
      ...network,
      resolve: async () => (asked++ === 0 ? ['93.184.215.14'] : ['127.0.0.1']),
    }
    assert.equal(await fetched('http://public.example/t.csv', { network: rebinding }), 'ra,dec\n1,2\n')
    assert.equal(asked, 1)
    assert.deepEqual(connections, ['93.184.215.14 80'])
    // The second hop asks again, and gets the address inside.
    asked = 0
    await assert.rejects(
      fetched('http://public.example/near', { network: rebinding }),
      /not on the public internet/,
    )
    assert.equal(connections.length, 2)
  })

  it('is refused for every spelling of an inside address, though the list allows it', async () => {
    for (const host of INSIDE) {
      for (const scheme of ['http', 'https']) {
        const url = `${scheme}://${host}/t.csv`
        await assert.rejects(fetched(url, { allow: allowed(url) }), /not on the public internet/, url)
        await assert.rejects(fetched(url), /none of them/, url)
      }
    }
    assert.deepEqual([connections, requests], [[], []])
  })

  it('is refused for names that resolve inside, wholly or in part, and for those that do not resolve', async () => {
    for (const name of ['inside', 'half', 'mapped', 'metadata'])
      await assert.rejects(fetched(`http://${name}.example/t.csv`), /not on the public internet/, name)
    await assert.rejects(fetched('http://none.example/t.csv'), /has no address/)
    await assert.rejects(fetched('http://unknown.example/t.csv'), /ENOTFOUND/)
    // By the machine's own resolver.
    const own = { allow: allowed('localhost', 'http://localhost:22/') }
    for (const url of ['http://localhost/t.csv', 'http://LOCALHOST./t.csv', 'http://localhost:22/']) {
      const signal = new AbortController().signal
      const fetching = fetchTable(url, { ...own, timeoutMs: 5000, signal }).next()
      await assert.rejects(fetching, /not on the public internet|ENOTFOUND/, url)
    }
    assert.deepEqual([connections, requests], [[], []])
  })

  it('does not follow redirects to the inside, to other places or schemes, or in circles', async () => {
    await assert.rejects(fetched('http://public.example/away'), /inside\.example.*not on the public internet/)
    await assert.rejects(fetched('http://public.example/literal'), /127\.0\.0\.1.*none of them/)
    const both = { allow: allowed('public.example', '127.0.0.1') }
    await assert.rejects(fetched('http://public.example/literal', both), /not on the public internet/)
    await assert.rejects(fetched('http://public.example/file'), /file:.*none of them/)
    await assert.rejects(fetched('http://public.example/round'), /more than 5 redirects/)
    await assert.rejects(
      fetched('http://public.example/elsewhere', { allow: allowed('public.example') }),
      /six\.example.*none of them/,
    )
    assert.ok(connections.every(one => one.startsWith('93.184.215.14 ')))
  })

  it('is refused for all that the list does not say', async () => {
    const deep = allowed('https://public.example/deep/', 'http://public.example:8000/exact.csv')
    for (const url of [
      'http://public.example/deep/t.csv', // the scheme
      'https://public.example:444/deep/t.csv', // the port
      'https://public.example/deeper/t.csv',
      'https://public.example/deep/../t.csv',
      'https://public.example/deep/%2e%2e/t.csv',
      'https://public.example/deep/..%2ft.csv',
      'https://public.example/deep/..%5ct.csv',
      'http://public.example:8000/exact.csv2',
      'https://user:secret@public.example/deep/t.csv',
      'https://public.example@inside.example/deep/t.csv',
      'https://notpublic.example/deep/t.csv',
      'https://public.example.evil.test/deep/t.csv',
      'https://example/deep/t.csv',
      'file:///etc/passwd',
      'ftp://public.example/deep/t.csv',
      'gopher://public.example/deep/t.csv',
      'data:text/csv,ra',
    ]) {
      await assert.rejects(fetched(url, { allow: deep }), /none of them/, url)
    }
    await assert.rejects(fetched('http://public.example/t.csv', { allow: [] }), /none of them/)
    await assert.rejects(fetched('http://'), /no URL/)
    await assert.rejects(fetched('http://[::1%25eth0]/'), /no URL/)
    assert.deepEqual(connections, [])
  })

  it('ends at its limit of time, with its caller, and when the server fails', async () => {
    await assert.rejects(fetched('http://public.example/slow', { timeoutMs: 200 }), /more than 0\.2 s/)
    const never: Network = { ...network, resolve: () => new Promise(() => {}) }
    await assert.rejects(
      fetched('http://public.example/t.csv', { network: never, timeoutMs: 200 }),
      /more than 0\.2 s/,
    )
    const controller = new AbortController()
    const reason = new Error('the client has gone')
    const fetching = fetched('http://public.example/slow', { signal: controller.signal })
    setTimeout(() => controller.abort(reason), 100)
    await assert.rejects(fetching, reason)
    await assert.rejects(fetched('http://public.example/gone'), /it answers 404/)
    const dead: Network = { ...network, connect: () => net.connect({ host: '127.0.0.1', port: 1 }) }
    await assert.rejects(fetched('http://public.example/t.csv', { network: dead }), /ECONNREFUSED/)
    // TLS to a server that speaks none of it.
    await assert.rejects(fetched('https://public.example/t.csv'), /cannot be fetched/)
  })

  it('is left when its reader has enough', async () => {
    const signal = new AbortController().signal
    let read = 0
    for await (const chunk of fetchTable('http://public.example/endless', {
      allow: everywhere,
      timeoutMs: 5000,
      signal,
      network,
    })) {
      read += chunk.length
      if (read > 100_000) break
    }
    await new Promise<void>(resolve => {
      if (requests[0]!.socket.destroyed) resolve()
      else requests[0]!.socket.once('close', () => resolve())
    })
  })

  it('knows public addresses', () => {
    for (const address of [
      '1.1.1.1',
      '9.255.255.255',
      '11.0.0.0',
      '100.63.255.255',
      '100.128.0.0',
      '172.15.0.1',
      '172.32.0.1',
      '192.167.0.1',
      '192.169.0.1',
      '223.255.255.255',
      '2001:200::1',
      '2a00:1450::1',
      '2600::',
    ])
      assert.equal(isPublicAddress(address), true, address)
    for (const address of ['', 'localhost', '1.1.1', '::ffff:1.1.1.1', 'fe80::1%eth0', '2001:1ff::1'])
      assert.equal(isPublicAddress(address), false, address)
  })

  it('has a list that is checked at the start', () => {
    for (const wrong of [
      '*',
      'ftp://x/',
      'http://u@x/',
      'http://x/?q',
      'x/y',
      'x:80',
      'a*.b',
      '',
      'http://*.*.x/',
    ]) {
      assert.throws(() => allowed(wrong), /uploads\.allow: '.*' is neither/, wrong)
    }
    assert.throws(() => uploadsIn({ deny: [] }), /uploads\.deny: unknown/)
    assert.throws(() => uploadsIn({ allow: 'x' }), /uploads\.allow: must be a list/)
    assert.deepEqual(
      allowed('*.Example.org').map(({ protocol, host, port }) => [protocol, host, port]),
      [
        ['http:', '*.example.org', 80],
        ['https:', '*.example.org', 443],
      ],
    )
  })
})
