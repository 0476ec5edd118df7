import { z } from 'zod'
import { parseReference } from './secret.ts'
import { DURATION, LISTEN, parseDuration, parseListen, parseSize, SIZE } from './unit.ts'

/** Values of the configuration as people write them: durations, sizes, addresses, names, references to secrets. */

/** The longest time that a timer of Node can be set to is 2^31 - 1 ms, a little more than 24 days. */
const LONGEST = '24d'
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/
const NAME_TEXT =
  'is no name: letters, digits, ".", "-" and "_", beginning with a letter or digit, at most 63 characters'
export const MODEL = /^[\x21-\x7e]{1,128}$/
export const MODEL_TEXT = 'is no name of a model: 1 to 128 printable characters without spaces'

const DURATION_TEXT = 'must be a duration with its unit, such as 500ms, 30s, 5m or 24h'
const SIZE_TEXT = 'must be a size with its unit, such as 64KiB or 4MiB'
const LISTEN_TEXT = 'must be host:port, such as 127.0.0.1:8450, 0.0.0.0:8450 or [::1]:8450'
export const REFERENCE_TEXT = `must be a reference to a secret, such as \${env:OPENAI_API_KEY} or \${file:/run/secrets/openai}`

export function duration(least: string, most: string = LONGEST) {
  const [low, high] = [parseDuration(least) ?? 0, parseDuration(most) ?? 0]
  return z
    .string({ error: missing(DURATION_TEXT) })
    .regex(DURATION, { error: DURATION_TEXT })
    .transform((text, context) => {
      const ms = parseDuration(text) ?? -1
      if (ms < low || ms > high) context.addIssue({ code: 'custom', message: `must be between ${least} and ${most}` })
      return ms
    })
}

export function size(least: string, most: string) {
  const [low, high] = [parseSize(least) ?? 0, parseSize(most) ?? 0]
  return z
    .string({ error: missing(SIZE_TEXT) })
    .regex(SIZE, { error: SIZE_TEXT })
    .transform((text, context) => {
      const bytes = parseSize(text) ?? -1
      if (bytes < low || bytes > high)
        context.addIssue({ code: 'custom', message: `must be between ${least} and ${most}` })
      return bytes
    })
}

/** Leaves what is absent to the general text ("is required"). */
export function missing(text: string) {
  return (issue: { input?: unknown }) => (issue.input === undefined ? undefined : text)
}

export const listenAddress = z
  .string({ error: missing(LISTEN_TEXT) })
  .regex(LISTEN, { error: LISTEN_TEXT })
  .transform((text, context) => {
    const address = parseListen(text)
    if (address === null) context.addIssue({ code: 'custom', message: 'has a port beyond 65535' })
    return address ?? { host: '', port: 0 }
  })

export const path = z.string().min(1, { error: 'must not be empty' }).max(4096)
export const name = z.string().regex(NAME, { error: NAME_TEXT })
export const reference = z
  .string({ error: missing(REFERENCE_TEXT) })
  .refine((text) => parseReference(text) !== null, { error: REFERENCE_TEXT })
