/** What the pages of /auth have in common: head, who is logged in, ways between them. */
import type { Visitor } from '../auth/pages.ts'
import { type Html, html } from './html.ts'

export function framed(
  siteTitle: string,
  { caller, formToken, origin }: Visitor,
  title: string,
  body: Html,
): string {
  const { name, groups } = caller.identity
  const who =
    name === undefined
      ? html`<a href="${origin}/auth/login">Log in</a>`
      : html`<span class="who" title="${groups.length > 0 ? `in ${groups.join(', ')}` : 'in no group'}">${name}</span>
${logoutForm(origin, formToken)}`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – ${siteTitle}</title>
<link rel="stylesheet" href="${origin}/assets/almagest.css">
<link rel="stylesheet" href="${origin}/assets/auth.css">
<link rel="icon" href="${origin}/assets/almagest.svg" type="image/svg+xml">
</head>
<body>
<header>
<a href="${origin}/"><img src="${origin}/assets/almagest.svg" alt="${siteTitle}" width="56" height="56"></a>
<div>
<h1>${title}</h1>
<nav class="account"><a href="${origin}/">${siteTitle}</a>
<a href="${origin}/auth/connect">Connect a client</a>
<a href="${origin}/auth/tokens">Access tokens</a>
${who}</nav>
</div>
</header>
<main>
${body}</main>
</body>
</html>
`.text
}

export function logoutForm(origin: string, formToken: string | undefined): Html {
  return html`<form class="inline" method="post" action="${origin}/auth/logout">
<input type="hidden" name="csrf" value="${formToken ?? ''}">
<button class="quiet">Log out</button>
</form>`
}
