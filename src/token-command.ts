/** `token create`, `token list`, `token revoke`: access tokens by the operator, without a browser. */
import { userInfo } from 'node:os'
import { parseArgs } from 'node:util'
import { SCOPES, type Scope } from './auth/identity.ts'
import { parseToken } from './auth/token.ts'
import {
  checkedExpiry,
  checkedName,
  checkedScopes,
  createToken,
  listTokens,
  revokeToken,
  type TokenDescription,
} from './auth/tokens.ts'
import { checkedUserName, findUser, setAccount } from './auth/users.ts'
import { type Command, UsageError } from './command.ts'
import { ServiceError } from './error.ts'

const READING = 'read:tap read:image read:hips write:jobs'

export const tokenCreateCommand: Command = {
  name: 'token create',
  summary: 'make an access token',
  help: `Usage: npx almagest token create --user NAME [--groups A,B] [--name TEXT] [--scope …] [--days N] [--json]

Prints the token, once: the database has its hash only. Clients send it as 'Authorization: Bearer TOKEN', or by HTTP
Basic as password (or user name); TOPCAT: user x-oauth-basic, password TOKEN.

  --user NAME    whose it is: somebody who has logged in, or an account for a program
  --groups A,B   makes or changes such an account: its groups ('' for none)
  --name TEXT    to tell tokens apart; 'command line' and the date without it
  --scope …      one or more, with blanks or commas between: ${SCOPES.join(', ')};
                 '${READING}' without it
  --days N       how long it is good; without end otherwise`,
  async run(argv, setting) {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        user: { type: 'string' },
        groups: { type: 'string' },
        name: { type: 'string' },
        scope: { type: 'string', multiple: true },
        days: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    })
    if (!values.user) throw new UsageError('say whose token it is: --user NAME')
    const user = checkedUserName(values.user)
    const wish = {
      name: checkedName(values.name ?? `command line ${new Date().toISOString().slice(0, 19)}`),
      scopes: checkedScopes((values.scope ?? [READING]).flatMap(words)),
      expires: values.days === undefined ? null : checkedExpiry(inDays(values.days)),
    }
    const { db } = await setting.database()
    if (values.groups !== undefined) await setAccount(db, user, words(values.groups))
    else if (!(await findUser(db, user))) {
      throw new UsageError(
        `nobody named ${user} has logged in; --groups makes an account for a program (--groups '' for none)`,
      )
    }
    const { token, description } = await createToken(db, user, wish, operator())
    if (setting.config.auth === undefined) {
      const what = 'the token is good; but nothing asks clients for one until the site file has the key auth'
      setting.stderr.write(`almagest: ${what} (docs/auth.md)\n`)
    }
    setting.stdout.write(
      values.json ? `${JSON.stringify({ token, ...tokenView(description) })}\n` : `${token}\n`,
    )
    return 0
  },
}

export const tokenListCommand: Command = {
  name: 'token list',
  summary: 'access tokens: whose, for what, until when, last used',
  help: `Usage: npx almagest token list [--user NAME] [--json]

Keys are the public parts of tokens, as the log has them. Revoked and expired tokens are listed, too.`,
  async run(argv, setting) {
    const { values } = parseArgs({
      args: [...argv],
      options: { user: { type: 'string' }, json: { type: 'boolean', default: false } },
    })
    const { db } = await setting.database()
    const tokens = await listTokens(db, values.user)
    if (values.json) setting.stdout.write(`${JSON.stringify(tokens.map(tokenView))}\n`)
    else for (const token of tokens) setting.stdout.write(`${tokenLine(token)}\n`)
    return 0
  },
}

export const tokenRevokeCommand: Command = {
  name: 'token revoke',
  summary: 'end access tokens, at once and for good',
  help: `Usage: npx almagest token revoke KEY…|TOKEN… | --user NAME [--json]

By the key that lists and logs show, by the whole token (where it was found in the open), or all of a user.`,
  async run(argv, setting) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { user: { type: 'string' }, json: { type: 'boolean', default: false } },
    })
    if ((positionals.length === 0) === (values.user === undefined)) {
      throw new UsageError('name keys of tokens, or --user for all of a user')
    }
    const { db } = await setting.database()
    const keys = positionals.map(word => parseToken(word)?.key ?? word)
    const all = await listTokens(db, values.user)
    const unknown = keys.find(key => !all.some(token => token.key === key))
    if (unknown !== undefined) throw new ServiceError('notFound', `There is no token ${unknown}.`)
    const chosen = all.filter(({ key, revoked }) => (values.user ? !revoked : keys.includes(key)))
    const revoked: TokenDescription[] = []
    for (const { user, key } of chosen) revoked.push(await revokeToken(db, user, key, operator()))
    if (values.json) setting.stdout.write(`${JSON.stringify(revoked.map(tokenView))}\n`)
    else for (const token of revoked) setting.stdout.write(`${tokenLine(token)}\n`)
    return 0
  },
}

function tokenView(token: TokenDescription) {
  const { key, user, name, scopes, created, expires, revoked, used, usedFrom } = token
  return { key, user, name, scopes, created, expires, revoked, used, usedFrom }
}

function tokenLine({ key, user, name, scopes, expires, revoked, used }: TokenDescription): string {
  const isOver = expires !== null && expires.getTime() <= Date.now()
  const life = revoked
    ? `revoked ${day(revoked)}`
    : expires
      ? `${isOver ? 'expired' : 'until'} ${day(expires)}`
      : 'no end'
  const use = used ? `used ${day(used)}` : 'never used'
  return [key, user, name, (scopes as readonly Scope[]).join(' '), life, use].join('  ')
}

const day = (time: Date) => time.toISOString().slice(0, 10)

const words = (text: string) => text.split(/[\s,]+/).filter(word => word !== '')

function inDays(text: string): string {
  const days = Number(text)
  if (!(days > 0 && days < 3_000_000))
    throw new UsageError(`--days is a number greater than 0, not '${text}'`)
  return new Date(Date.now() + days * 86_400_000).toISOString()
}

/** Who sits at the machine. */
function operator() {
  return { name: `operator ${userInfo().username}` }
}
