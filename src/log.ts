import { destination, type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

export type Log = Logger

/** On standard error, since standard output belongs to what a command prints: JSON lines, or readable on a terminal. */
export function openLog(level: string): Log {
  const options = { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime }
  if (!process.stderr.isTTY) return pino(options, destination(2))
  return pino(
    options,
    pretty({ destination: 2, translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname,id,agent' }),
  )
}
