/** What the resolver carries along: the tables, what it has complained about and noted, the names in use. */

import type { Span } from './ast.ts'
import { type Complaint, MAX_PROBLEMS } from './error.ts'
import type { UsedNames } from './names.ts'
import type { Note } from './notes.ts'
import type { Scope } from './scope.ts'
import type { Tables } from './tables.ts'
import type { Column, Item, ResolvedStage } from './tree.ts'

export interface State {
  readonly tables: Tables
  readonly complaints: Complaint[]
  readonly notes: Note[]
  /** Range variables of the SQL. */
  readonly aliases: UsedNames
  /** WITH queries that are visible, by name in lower case. */
  readonly with: Map<string, WithRelation>
}

export interface WithRelation {
  readonly name: string
  readonly sqlName: string
  readonly columns: readonly Column[]
}

export type Clause = 'SELECT' | 'WHERE' | 'ON' | 'GROUP BY' | 'HAVING' | 'ORDER BY'

/** Where an expression stands. */
export interface Place {
  readonly state: State
  readonly scope: Scope
  readonly clause: Clause
  /** Output columns, whose aliases GROUP BY, HAVING and ORDER BY may use. */
  readonly items: readonly Item<ResolvedStage>[]
  /** Aliases of the select list where they cannot be used, for a hint. */
  readonly hidden: readonly Item<ResolvedStage>[]
  /** The aggregate that the expression is an argument of. */
  readonly inside: string | undefined
}

/** Whether there are more complaints than are shown: their hints, which are looked for among all names, are not. */
export const isEnough = (state: State): boolean => state.complaints.length >= MAX_PROBLEMS

export function complain(state: State, span: Span, message: string, hint?: string): void {
  const { start, end } = span
  state.complaints.push(hint === undefined ? { start, end, message } : { start, end, message, hint })
}
