import { constants } from 'node:os'
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

/**
 * An error as a log may hold it: our own messages hold no text of calls; of others only class, code and where they were thrown, each of
 * which may be made up of anything by whoever throws, so it must look like one.
 */
export function errorFacts(error: unknown): Record<string, unknown> {
  if (isCustomhouseError(error)) {
    const cause = error.cause === undefined ? {} : { cause: errorFacts(error.cause) }
    return { code: error.code, message: error.message, ...cause }
  }
  if (!(error instanceof Error)) return { name: typeof error }
  const code = 'code' in error && typeof error.code === 'string' && isCode(error.code)
  return { name: nameOf(error), ...(code ? { code: error.code } : {}), at: frames(error) }
}

/** What its class is called in the code: `name` is data, and may be anything that whoever threw had at hand. */
function nameOf(error: Error): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return error.name
  const { name } = error.constructor
  return /^[A-Z][A-Za-z]{0,40}$/.test(name) ? name : 'Error'
}

const FAMILIES = /^(?:ERR|UND_ERR|HPE|CERT|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED)_[A-Z0-9_]{1,60}$/

/** Codes of the system, of Node, of its parsers and of TLS. */
function isCode(code: string): boolean {
  return Object.hasOwn(constants.errno, code) || FAMILIES.test(code)
}

const FRAME =
  /^ {4}at (?:(?:async |new )?[\w.<>#$ [\]]{1,100} \()?(?:file:\/\/|node:|\/|[A-Z]:\\)[^\s()]{1,300}:\d+:\d+\)?$/

/** The message stands in the stack before the frames, and may itself look like some. */
function frames(error: Error): string[] {
  const { message, stack = '' } = error
  const begin = stack.indexOf(message)
  const lines = begin === -1 ? [] : stack.slice(begin + message.length).split('\n')
  return lines
    .filter((line) => FRAME.test(line))
    .slice(0, 6)
    .map((line) => line.trim())
}
