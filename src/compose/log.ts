import pino, { type Logger } from 'pino'
import type { Config } from '../config.ts'
import { isCustomhouseError } from '../core/errors.ts'

/** What the process says, on standard error. It is never given text of a call, and errors are reduced to what cannot hold any. */
export function openLog({ level, format }: Config['log']): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  return format === 'json' ? pino(options, pino.destination({ dest: 2, sync: true })) : pino(options, plainLines())
}

/** One line for people: time, level, message, and the facts as they are. */
function plainLines(): pino.DestinationStream {
  return {
    write(line: string) {
      const { time, level, msg, ...facts } = JSON.parse(line) as { time: string; level: number; msg?: string }
      const name = pino.levels.labels[level] ?? String(level)
      const rest = Object.keys(facts).length === 0 ? '' : ` ${JSON.stringify(facts)}`
      process.stderr.write(`${time.slice(11, 19)} ${name.padEnd(5)} ${msg ?? ''}${rest}\n`)
    },
  }
}

/** An error as a log may hold it: our own messages hold no text of calls; of others only name, code and where they were thrown. */
export function errorFacts(error: unknown): Record<string, unknown> {
  if (isCustomhouseError(error)) {
    const cause = error.cause === undefined ? {} : { cause: errorFacts(error.cause) }
    return { code: error.code, message: error.message, ...cause }
  }
  if (!(error instanceof Error)) return { name: typeof error }
  const { name } = error
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  const frames = (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 6)
  return { name, ...code, at: frames.map((line) => line.trim()) }
}
