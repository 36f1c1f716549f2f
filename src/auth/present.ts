/** Somebody as they are now. What a job may read is asked when it runs, not when it was made. */
import type { Client } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import type { Access } from './access.ts'
import { ANONYMOUS, type Identity } from './identity.ts'
import { findUser } from './users.ts'

/** With the groups and the role of this moment; `forbidden` for an account that has been blocked since. */
export async function presentIdentity(
  client: Client,
  access: Pick<Access, 'roleFor'>,
  { name }: Identity,
): Promise<Identity> {
  if (name === undefined) return ANONYMOUS
  const user = await findUser(client, name)
  if (user?.blocked) throw new ServiceError('forbidden', `The account ${name} is blocked here.`)
  const groups = user?.groups ?? []
  return { name, groups, role: await access.roleFor(groups) }
}
