import type { Span } from './ast.ts'

/** Something in a query that is not ADQL 2.1 and was accepted, or is and will surprise: a sentence for an INFO element. */
export interface Note extends Span {
  /**
   * `extension`: a construct that the standard does not have. `repair`: wrong, but with one possible meaning.
   * `advice`: legal, but hardly what is meant.
   */
  readonly kind: 'extension' | 'repair' | 'advice'
  /** The construct, such as `CASE` or `reserved word`. */
  readonly name: string
  readonly message: string
}

/** Notes by what they say: an extension is named once, and so is each repair. */
export type Notes = Map<string, Note>

export function addNote(notes: Notes, note: Note): void {
  const key = note.kind === 'extension' ? note.name : note.message
  if (!notes.has(key)) notes.set(key, note)
}
