/** A real OpenID provider (npm `oidc-provider`) on a port of its own, with two people, alice and bob. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'

export interface TestProvider {
  readonly issuer: string
  /** What the site file says of it. */
  readonly settings: Record<string, unknown>
  /** Claims by login name; may be changed. */
  readonly people: Map<string, Record<string, unknown>>
  /** Begins to answer, to the service at that URL. */
  register(url: string): void
  close(): Promise<void>
}

const SECRET = 'a secret that only the test knows'

export async function startProvider({ name = 'test' } = {}): Promise<TestProvider> {
  const server: Server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const people = new Map<string, Record<string, unknown>>([
    ['alice', { name: 'Alice', groups: ['observers', 'curators'] }],
    ['bob', { name: 'Bob', groups: [] }],
  ])
  const provider = (url: string) =>
    new Provider(issuer, {
      clients: [
        {
          client_id: 'almagest',
          client_secret: SECRET,
          redirect_uris: [`${url}/auth/callback`],
          post_logout_redirect_uris: [`${url}/`],
          grant_types: ['authorization_code'],
          response_types: ['code'],
        },
      ],
      claims: { openid: ['sub'], profile: ['name', 'groups', 'preferred_username'], email: ['email'] },
      conformIdTokenClaims: true,
      findAccount: (_request, id) => {
        const person = people.get(id)
        return (
          person && {
            accountId: id,
            claims: async () => ({ sub: id, preferred_username: id, ...person }),
          }
        )
      },
      cookies: { keys: ['of the test'] },
      pkce: { required: () => true },
      features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
      ttl: {
        Session: 3600,
        Grant: 3600,
        Interaction: 600,
        AccessToken: 600,
        IdToken: 600,
        AuthorizationCode: 60,
      },
    })
  return {
    issuer,
    people,
    settings: { name, title: 'The test provider', issuer, clientId: 'almagest', clientSecret: SECRET },
    register(url) {
      server.on('request', provider(url).callback())
    },
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
