/** The trees that somebody may see, as the access rules have it. */
import { isAdmitted, type Rules, requireAdmission } from '../auth/access.ts'
import type { Identity } from '../auth/identity.ts'
import type { PublishedTree, PublishedTrees } from './published.ts'

export interface VisibleTree extends PublishedTree {
  /** Not for everybody: no cache that several share may keep it. */
  readonly restricted?: boolean
}

export interface VisibleTrees extends PublishedTrees {
  /** Throws where somebody who may not see it is told so. */
  tree(name: string): Promise<VisibleTree | undefined>
}

/** Without rules it is `trees` itself. */
export function visibleTrees(trees: PublishedTrees, rules: Rules, identity: Identity): VisibleTrees {
  if (!rules.closed.some(rule => rule.kind === 'hips')) return trees
  return {
    async tree(name) {
      const rule = rules.rule('hips', name)
      if (!requireAdmission(rule, `The HiPS ${name}`, identity)) return undefined
      const found = await trees.tree(name)
      return found && rule ? { ...found, restricted: true } : found
    },
    async all() {
      return (await trees.all()).filter(({ name }) => isAdmitted(rules.rule('hips', name), identity))
    },
  }
}
