/** What lint says of a tree. */
export interface Finding {
  readonly level: 'error' | 'warning' | 'info'
  readonly text: string
}

export const error = (text: string): Finding => ({ level: 'error', text })
export const warning = (text: string): Finding => ({ level: 'warning', text })
/** What a stage looks at. */
export const info = (text: string): Finding => ({ level: 'info', text })
