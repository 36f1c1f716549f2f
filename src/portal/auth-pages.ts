/** The pages of /auth: ways to log in, a person's tokens, one thing to say. */
import { SCOPES, type Scope } from '../auth/identity.ts'
import type { AuthPages, ShownToken, ShownTokens, Visitor } from '../auth/pages.ts'
import type { TokenDescription } from '../auth/tokens.ts'
import { framed, logoutForm } from './auth-frame.ts'
import { connectBody } from './connect.ts'
import { type Html, html } from './html.ts'

export function authPages(siteTitle: string): AuthPages {
  return {
    login(visitor, providers, returnTo) {
      const ways = providers.map(({ name, title }) => {
        const target = new URLSearchParams({ provider: name, return: returnTo })
        return html`<li><a class="button" href="${visitor.origin}/auth/login?${target.toString()}">${title}</a></li>
`
      })
      const none = html`<p>Nobody logs in with a browser here. The operators make access tokens; <a
href="${visitor.origin}/auth/connect">your client takes one</a>.</p>`
      const body = html`<section>
${ways.length > 0 ? html`<h2>With your account at</h2><ul class="ways">${ways}</ul>` : none}
</section>
`
      return framed(siteTitle, visitor, 'Log in', body)
    },
    message(visitor, title, text) {
      const { origin, formToken, caller } = visitor
      const isLoggedIn = caller.identity.name !== undefined
      const logout = isLoggedIn ? logoutForm(origin, formToken) : html`<p>You are not logged in.</p>`
      const again = html`<p><a href="${origin}/auth/login">Log in</a> · <a href="${origin}/">${siteTitle}</a></p>`
      const body = html`<section>
${text === '' ? logout : html`<p class="problem">${text}</p>${again}`}
</section>
`
      return framed(siteTitle, visitor, title, body)
    },
    tokens: (visitor, shown) => framed(siteTitle, visitor, 'Access tokens', tokensBody(visitor, shown)),
    token: (visitor, token, shown) =>
      framed(siteTitle, visitor, token.name, tokenBody(visitor, token, shown)),
    connect: visitor => framed(siteTitle, visitor, 'Connect a client', connectBody(visitor)),
  }
}

const ABOUT: Readonly<Record<Scope, string>> = {
  'read:tap': 'queries, cone searches, light curves, their jobs',
  'read:image': 'image searches, cutouts, files',
  'read:hips': 'HiPS',
  'write:jobs': 'the list of jobs: rename, share, delete',
  'write:tables': 'tables of your own',
  admin: 'administration',
}

const USUAL: readonly Scope[] = ['read:tap', 'read:image', 'read:hips', 'write:jobs']

function tokensBody(visitor: Visitor, shown: ShownTokens): Html {
  const { origin, formToken } = visitor
  const { tokens, made, problem, mayAdminister, tokenDays } = shown
  const live = tokens.filter(isLive)
  const over = tokens.filter(token => !isLive(token))
  return html`${problem === undefined ? '' : html`<section class="problem" role="alert"><p>${problem}</p></section>`}
${
  made === undefined
    ? ''
    : html`<section class="made" role="status">
<h2>${made.name}</h2>
<p>This is the token. It is shown this once; whoever has it can act as you.</p>
<pre id="token">${made.token}</pre>
<p>TOPCAT: user <code>x-oauth-basic</code>, password the token. <a href="${origin}/auth/connect">Other clients</a></p>
</section>
`
}<section aria-labelledby="new">
<h2 id="new">New token</h2>
<form method="post" action="${origin}/auth/tokens">
<input type="hidden" name="csrf" value="${formToken ?? ''}">
<div class="row">
<label>Name <input name="name" required maxlength="80" placeholder="TOPCAT on my laptop"></label>
<label>Last day <input name="expires" type="date" min="${day(new Date())}" max="${day(inDays(tokenDays - 1))}" value="${day(inDays(tokenDays - 1))}" required></label>
</div>
${scopeFields(mayAdminister, USUAL)}
<div class="row"><button>Make token</button></div>
</form>
</section>
<section aria-labelledby="tokens">
<h2 id="tokens">Your tokens</h2>
${live.length === 0 ? html`<p>There is none yet.</p>` : tokenTable(live, visitor)}
${over.length === 0 ? '' : html`<details><summary>${over.length} expired or revoked</summary>${tokenTable(over, visitor)}</details>`}
</section>
`
}

function scopeFields(mayAdminister: boolean, chosen: readonly Scope[]): Html {
  const scopes = SCOPES.filter(scope => scope !== 'admin' || mayAdminister)
  return html`<fieldset>
<legend>May be used for</legend>
${scopes.map(
  scope =>
    html`<label class="scope"><input type="checkbox" name="scopes" value="${scope}"${chosen.includes(scope) ? html` checked` : ''}>
<span><code>${scope}</code> ${ABOUT[scope]}</span></label>
`,
)}</fieldset>`
}

function tokenTable(tokens: readonly TokenDescription[], { origin, formToken }: Visitor): Html {
  return html`<div class="wide"><table>
<thead><tr><th>Name</th><th>Scopes</th><th>Until</th><th>Last used</th><th></th></tr></thead>
<tbody>
${tokens.map(
  token => html`<tr>
<td><a href="${origin}/auth/tokens/${token.key}">${token.name}</a></td>
<td>${token.scopes.map(scope => html`<code>${scope}</code> `)}</td>
<td>${untilText(token)}</td>
<td>${usedText(token)}</td>
<td>${isLive(token) ? revokeForm(origin, formToken, token.key) : ''}</td>
</tr>
`,
)}</tbody>
</table></div>
`
}

function tokenBody(
  { origin, formToken }: Visitor,
  token: TokenDescription,
  { history, mayAdminister }: ShownToken,
): Html {
  const edit = html`<section aria-labelledby="change">
<h2 id="change">Change</h2>
<form method="post" action="${origin}/auth/tokens/${token.key}">
<input type="hidden" name="csrf" value="${formToken ?? ''}">
<input type="hidden" name="action" value="edit">
<div class="row">
<label>Name <input name="name" required maxlength="80" value="${token.name}"></label>
<label>Last day <input name="expires" type="date"${token.expires ? html` value="${day(token.expires)}"` : ''}></label>
</div>
${scopeFields(mayAdminister, token.scopes)}
<div class="row"><button>Save</button></div>
</form>
${revokeForm(origin, formToken, token.key)}
</section>
`
  return html`<section>
<dl class="facts">
<dt>Key</dt><dd><code>${token.key}</code> (public: it stands in logs)</dd>
<dt>Scopes</dt><dd>${token.scopes.join(' ')}</dd>
<dt>Until</dt><dd>${untilText(token)}</dd>
<dt>Last used</dt><dd>${usedText(token)}</dd>
</dl>
</section>
${isLive(token) ? edit : ''}<section aria-labelledby="history">
<h2 id="history">History</h2>
<div class="wide"><table>
<thead><tr><th>When</th><th>What</th><th>By</th><th>From</th><th>Name</th><th>Scopes</th><th>Until</th></tr></thead>
<tbody>
${history.map(
  change => html`<tr><td>${minute(change.at)}</td><td>${WHAT[change.action]}</td><td>${change.actor}</td>
<td>${change.address ?? 'command line'}</td><td>${change.name}</td><td>${change.scopes.join(' ')}</td>
<td>${change.expires ? minute(change.expires) : 'no end'}</td></tr>
`,
)}</tbody>
</table></div>
</section>
`
}

const WHAT = { create: 'made', edit: 'changed', revoke: 'revoked' } as const

function revokeForm(origin: string, formToken: string | undefined, key: string): Html {
  return html`<form class="inline" method="post" action="${origin}/auth/tokens/${key}">
<input type="hidden" name="csrf" value="${formToken ?? ''}">
<button class="quiet" name="action" value="revoke">Revoke</button>
</form>`
}

const isLive = ({ revoked, expires }: TokenDescription) =>
  !revoked && !(expires && expires.getTime() <= Date.now())

function untilText({ revoked, expires }: TokenDescription): string {
  if (revoked) return `revoked ${minute(revoked)}`
  return expires ? minute(expires) : 'no end'
}

function usedText({ used, usedFrom }: TokenDescription): string {
  return used ? `${minute(used)} from ${usedFrom ?? 'an unknown address'}` : 'never'
}

const minute = (time: Date) => `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`

const day = (time: Date) => time.toISOString().slice(0, 10)

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000)
