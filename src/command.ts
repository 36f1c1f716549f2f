/** What a verb of the command line is. */
import type { Config } from './config.ts'
import type { Log } from './log.ts'
import type { Site } from './site.ts'

export interface Command {
  /** As typed: `ingest table`. */
  readonly name: string
  /** One line for the list of verbs. */
  readonly summary: string
  /** The whole of `--help`, without a trailing line end. */
  readonly help: string
  /** Resolves to the exit code. A ServiceError or UsageError that it throws is printed by its message. */
  run(argv: readonly string[], setting: CommandSetting): Promise<number>
}

export interface CommandSetting {
  readonly config: Config
  readonly log: Log
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
  /** Opens the database (the embedded cluster starts when no server runs); closed when the verb ends. */
  database(): Promise<Site>
}

/** The words of the command line are wrong: exit code 2. */
export class UsageError extends Error {}
