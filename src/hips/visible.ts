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

/**
 * Without rules it is `trees` itself. A tree that is made of a table or a collection is for those who may have that,
 * unless a rule of its own says otherwise.
 */
export function visibleTrees(trees: PublishedTrees, rules: Rules, identity: Identity): VisibleTrees {
  if (rules.closed.length === 0) return trees
  const sourceRule = ({ name, properties }: PublishedTree) => {
    if (rules.opened('hips', name) || rules.rule('hips', name)) return undefined
    const table = properties.get('almagest_table')
    if (table !== undefined) return rules.rule('table', table)
    const collection = properties.get('obs_collection')
    return collection === undefined ? undefined : rules.rule('collection', collection)
  }
  return {
    async tree(name) {
      const rule = rules.rule('hips', name)
      if (!requireAdmission(rule, `The HiPS ${name}`, identity)) return undefined
      const found = await trees.tree(name)
      const own = found && sourceRule(found)
      if (!requireAdmission(own, `The HiPS ${name}`, identity)) return undefined
      return found && (rule || own) ? { ...found, restricted: true } : found
    },
    async all() {
      const isVisible = (tree: PublishedTree) =>
        isAdmitted(rules.rule('hips', tree.name), identity) && isAdmitted(sourceRule(tree), identity)
      return (await trees.all()).filter(isVisible)
    },
  }
}

/** The coverage of a tree that somebody may see, in the frame of the tree. */
export const hipsCoverage =
  (trees: PublishedTrees, rules: () => Rules) => async (name: string, identity: Identity) => {
    const tree = await visibleTrees(trees, rules(), identity).tree(name)
    return tree && { moc: tree.moc, isGalactic: tree.properties.get('hips_frame') === 'galactic' }
  }
