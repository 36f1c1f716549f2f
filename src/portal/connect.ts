/** `/auth/connect`: what to paste into which client, and a test of what the service sees. */
import type { Visitor } from '../auth/pages.ts'
import { type Html, html } from './html.ts'

export function connectBody({ caller, origin }: Visitor): Html {
  const { name } = caller.identity
  return html`<section aria-labelledby="test">
<h2 id="test">Does it work?</h2>
<p>${
    name === undefined
      ? html`You are not logged in: what is public is open to you. For the rest, <a
href="${origin}/auth/login?return=${encodeURIComponent(`${new URL(origin).pathname.replace(/\/$/, '')}/auth/tokens`)}">log in and make an access token</a>.`
      : html`You are ${name}. Clients need <a href="${origin}/auth/tokens">an access token</a>.`
  }</p>
<form id="try" class="row" data-whoami="${origin}/auth/whoami">
<label class="long">Access token <input id="token" type="password" autocomplete="off" spellcheck="false" placeholder="alm-…"></label>
<button>Test</button>
</form>
<pre id="answer" aria-live="polite">The answer of ${origin}/auth/whoami appears here.</pre>
<noscript><p>The test needs JavaScript; <code>curl -u x-oauth-basic:TOKEN ${origin}/auth/whoami</code> says the same.</p></noscript>
<p class="about">When a client uses a token, <a href="${origin}/auth/tokens">its last use</a> says when and from where.</p>
</section>
<section aria-labelledby="clients">
<h2 id="clients">Your client</h2>
<dl class="clients">
${lines(origin).map(
  ([client, about, text]) => html`<dt>${client}</dt><dd><p class="about">${about}</p><pre>${text}</pre></dd>
`,
)}</dl>
</section>
<script type="module" src="${origin}/assets/connect.js"></script>
`
}

function lines(origin: string): readonly (readonly [string, string, string])[] {
  const query = 'SELECT TOP 5 table_name, description FROM tap_schema.tables'
  return [
    [
      'TOPCAT',
      'VO → Table Access Protocol (TAP) Query; then TAP → Authentication, or wait for the prompt.',
      `TAP URL   ${origin}/tap\nUser      x-oauth-basic\nPassword  TOKEN`,
    ],
    [
      'pyvo',
      'One session for queries, jobs, tables, images and links.',
      `import pyvo, requests
session = requests.Session()
session.headers['Authorization'] = 'Bearer TOKEN'
service = pyvo.dal.TAPService('${origin}/tap', session=session)
print(service.search('${query}').to_table())
images = pyvo.dal.SIA2Service('${origin}/sia2', session=session)`,
    ],
    [
      'Aladin',
      'Desktop: File → Open; it asks for user and password where it meets a challenge. Aladin Lite on this site uses your login.',
      `${origin}/hips/list\nUser      x-oauth-basic\nPassword  TOKEN`,
    ],
    [
      'stilts',
      'It sends the token where the service asks for one. Before version 3.4-8 (Debian 12) the names are star.basicauth.user and star.basicauth.password.',
      `stilts -Dauth.username=x-oauth-basic -Dauth.password=TOKEN \\
       tapquery tapurl=${origin}/tap adql='${query}'`,
    ],
    [
      'curl',
      'Three spellings of the same. In a file ~/.netrc (machine, login x-oauth-basic, password TOKEN) with --netrc nobody sees it in a list of processes.',
      `curl -H "Authorization: Bearer TOKEN" ${origin}/auth/whoami
curl -u x-oauth-basic:TOKEN ${origin}/auth/whoami
curl -u TOKEN: ${origin}/tap/sync -d LANG=ADQL -d FORMAT=csv \\
     --data-urlencode "QUERY=${query}"`,
    ],
    [
      'A cookie',
      'For clients that keep cookies (ivoa_cookie): it may do what the token may.',
      `curl -c jar ${origin}/auth/cookie -d username=x-oauth-basic -d password=TOKEN
curl -b jar ${origin}/auth/whoami`,
    ],
    [
      'A link',
      'For a viewer that is handed a URL, or a colleague: what you may read at one URL, for a time, without any header.',
      `curl -H "Authorization: Bearer TOKEN" -H "Content-Type: application/json" \\
     -d '{"url": "/tap/tables", "seconds": 86400}' ${origin}/auth/link`,
    ],
  ]
}
