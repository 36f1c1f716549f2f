/** `/auth/limits` as a page. */
import type { ShownLimit, ShownLimits } from '../auth/limits-router.ts'
import type { Visitor } from '../auth/pages.ts'
import { framed } from './auth-frame.ts'
import { type Html, html } from './html.ts'

export function limitsPage(siteTitle: string) {
  return (visitor: Visitor, shown: ShownLimits): string =>
    framed(siteTitle, visitor, 'What you may use', limitsBody(shown))
}

function limitsBody({ user, groups, limits, overrideUntil, dayEnds }: ShownLimits): Html {
  const who =
    user === null
      ? html`Nobody is logged in; these are the limits of your network address.`
      : html`${user}, ${groups.length > 0 ? `in ${groups.join(', ')}` : 'in no group'}.`
  const extra = overrideUntil
    ? html`<p>An administrator has set limits of your own until ${when(overrideUntil)}.</p>`
    : html``
  return html`<section>
<p>${who}</p>
${extra}<table>
<thead><tr><th>What</th><th>You may</th><th>You have used</th></tr></thead>
<tbody>
${limits.map(row)}</tbody>
</table>
<p>Rows and bytes of the day begin anew at ${when(dayEnds)}. Programs read the same as JSON here, and in the headers
<code>X-RateLimit-…</code>.</p>
</section>
`
}

function row({ about, limit, used }: ShownLimit): Html {
  return html`<tr><td>${about}</td><td class="number">${limit === null ? 'no limit' : limit.toLocaleString('en')}</td>
<td class="number">${used === null ? '' : used.toLocaleString('en')}</td></tr>
`
}

const when = (time: Date) => `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`
