/** `user list`, `user block`, `user unblock`: who has been here, and an end to it. */
import { userInfo } from 'node:os'
import { parseArgs } from 'node:util'
import { listUsers, type SeenUser, setBlocked } from './auth/users.ts'
import { type Command, UsageError } from './command.ts'

export const userListCommand: Command = {
  name: 'user list',
  summary: 'who has logged in, and accounts for programs',
  help: 'Usage: npx almagest user list [--json]',
  async run(argv, setting) {
    const { values } = parseArgs({
      args: [...argv],
      options: { json: { type: 'boolean', default: false } },
    })
    const { db } = await setting.database()
    const users = await listUsers(db)
    if (values.json) setting.stdout.write(`${JSON.stringify(users)}\n`)
    else for (const user of users) setting.stdout.write(`${lineOf(user)}\n`)
    return 0
  },
}

export const userBlockCommand = blocking(
  'block',
  'let somebody in no more: sessions, tokens and logins',
  'Running services follow at once. Jobs at work go on; tokens and sessions count again after user unblock.',
)

export const userUnblockCommand = blocking(
  'unblock',
  'let somebody in again',
  'Running services follow at once.',
)

function blocking(verb: 'block' | 'unblock', summary: string, more: string): Command {
  return {
    name: `user ${verb}`,
    summary,
    help: `Usage: npx almagest user ${verb} NAME\n\n${more}`,
    async run(argv, setting) {
      const { positionals } = parseArgs({ args: [...argv], allowPositionals: true, options: {} })
      const [name] = positionals
      if (name === undefined || positionals.length > 1) throw new UsageError(`say whom: user ${verb} NAME`)
      const { db } = await setting.database()
      await setBlocked(db, name, verb === 'block', { name: `operator ${userInfo().username}` })
      setting.stdout.write(`${name}: ${verb === 'block' ? 'blocked' : 'let in again'}\n`)
      return 0
    },
  }
}

function lineOf({ name, groups, blocked, issuer, login, tokens }: SeenUser): string {
  const seen = login ? `logged in ${login.toISOString().slice(0, 10)}` : 'never logged in'
  const words = [
    name,
    blocked && 'BLOCKED',
    `groups ${groups.join(',') || 'none'}`,
    issuer ?? 'account for a program',
    issuer && seen,
    `${tokens} ${tokens === 1 ? 'token' : 'tokens'}`,
  ]
  return words.filter(word => word).join('  ')
}
