/** `limits set`, `limits list`, `limits remove`: other limits for a user, for a time. */
import { userInfo } from 'node:os'
import { parseArgs } from 'node:util'
import { AMOUNTS, type Amount, checkedAmounts } from './auth/limits.ts'
import { listOverrides, type Override, removeOverride, setOverride } from './auth/override.ts'
import { checkedUserName } from './auth/users.ts'
import { type Command, UsageError } from './command.ts'

const NAMES = Object.keys(AMOUNTS) as Amount[]

export const limitsSetCommand: Command = {
  name: 'limits set',
  summary: 'give a user other limits for a time',
  help: `Usage: npx almagest limits set USER AMOUNT=N… --days N [--json]

In place of what limits.roles gives the user by their groups, and of what was set for them before. Running services
follow at once.

  AMOUNT=N   ${NAMES.map(name => `${name.padEnd(18)} ${AMOUNTS[name]}`).join('\n             ')}
             N is a whole number, or 'unlimited'
  --days N   for so long`,
  async run(argv, setting) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { days: { type: 'string' }, json: { type: 'boolean', default: false } },
    })
    const [name, ...words] = positionals
    if (!name || words.length === 0)
      throw new UsageError('say whose limits, and which: limits set USER rowsPerDay=1000000 --days 7')
    const days = Number(values.days)
    if (!(days > 0 && days <= 3660)) throw new UsageError('--days is a number greater than 0')
    const limits = checkedAmounts(
      'limits',
      Object.fromEntries(words.map(amountOf)),
      text => new UsageError(text),
    )
    const { db } = await setting.database()
    const user = checkedUserName(name)
    await setOverride(db, user, limits, new Date(Date.now() + days * 86_400_000), operator())
    const set = (await listOverrides(db)).find(one => one.user === user)!
    setting.stdout.write(values.json ? `${JSON.stringify(viewOf(set))}\n` : `${lineOf(set)}\n`)
    return 0
  },
}

export const limitsListCommand: Command = {
  name: 'limits list',
  summary: 'who has other limits than their groups give them',
  help: 'Usage: npx almagest limits list [--json]',
  async run(argv, setting) {
    const { values } = parseArgs({
      args: [...argv],
      options: { json: { type: 'boolean', default: false } },
    })
    const { db } = await setting.database()
    const all = await listOverrides(db)
    if (values.json) setting.stdout.write(`${JSON.stringify(all.map(viewOf))}\n`)
    else for (const one of all) setting.stdout.write(`${lineOf(one)}\n`)
    return 0
  },
}

export const limitsRemoveCommand: Command = {
  name: 'limits remove',
  summary: "end a user's other limits",
  help: 'Usage: npx almagest limits remove USER',
  async run(argv, setting) {
    const { positionals } = parseArgs({ args: [...argv], allowPositionals: true })
    const [user, more] = positionals
    if (!user || more !== undefined) throw new UsageError('say whose limits: limits remove USER')
    const { db } = await setting.database()
    await removeOverride(db, user, operator())
    return 0
  },
}

function amountOf(word: string): [string, number] {
  const [name = '', value = ''] = word.split('=')
  if (value === 'unlimited') return [name, Number.POSITIVE_INFINITY]
  if (!/^\d+$/.test(value)) throw new UsageError(`'${word}' is no amount: say ${NAMES[0]}=1000`)
  return [name, Number(value)]
}

const shown = (value: number) => (Number.isFinite(value) ? value : 'unlimited')

const viewOf = ({ user, limits, until, setAt, setBy }: Override) => ({
  user,
  limits: Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, shown(value)])),
  until,
  setAt,
  setBy,
})

function lineOf({ user, limits, until }: Override): string {
  const amounts = Object.entries(limits).map(([name, value]) => `${name}=${shown(value)}`)
  return [user, ...amounts, `until ${until.toISOString().slice(0, 16)}Z`].join('  ')
}

/** Who sits at the machine. */
const operator = () => ({ name: `operator ${userInfo().username}` })
