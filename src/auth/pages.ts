/** What the pages of /auth show; `portal` makes them. */
import type { Caller } from './identity.ts'
import type { TokenChange, TokenDescription } from './tokens.ts'

export interface Visitor {
  readonly caller: Caller
  /** For forms; undefined without a session. */
  readonly formToken: string | undefined
  readonly origin: string
}

export interface AuthPages {
  /** Ways to log in; none: tokens only. */
  login(visitor: Visitor, providers: readonly { name: string; title: string }[], returnTo: string): string
  /** One thing to say: what went wrong, or that one is logged out. */
  message(visitor: Visitor, title: string, text: string): string
  tokens(visitor: Visitor, shown: ShownTokens): string
  token(visitor: Visitor, token: TokenDescription, shown: ShownToken): string
  connect(visitor: Visitor): string
}

export interface ShownToken {
  readonly history: readonly TokenChange[]
  readonly mayAdminister: boolean
}

export interface ShownTokens {
  readonly tokens: readonly TokenDescription[]
  /** Just made; shown this once. */
  readonly made: { readonly name: string; readonly token: string } | undefined
  /** What is wrong with what was sent. */
  readonly problem: string | undefined
  readonly mayAdminister: boolean
  readonly tokenDays: number
}
