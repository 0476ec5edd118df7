import type { IncomingMessage } from 'node:http'
import { CustomhouseError } from '../core/errors.ts'

/** Headers that may stand only once: two of them are two readings of one call. */
const ONCE: ReadonlySet<string> = new Set([
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'host',
])

/**
 * A request's headers by lower-case name, from what came over the wire: node:http drops the second of some headers in silence, and
 * an inspector must not read another one than a proxy before us did.
 *
 * @throws CustomhouseError ERR_CALL_MALFORMED where one of {@link ONCE} stands twice
 */
export function readHead(request: IncomingMessage): Readonly<Record<string, string>> {
  const raw = request.rawHeaders
  const headers: Record<string, string> = Object.create(null)
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    const value = raw[i + 1] ?? ''
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else if (ONCE.has(name))
      throw new CustomhouseError('ERR_CALL_MALFORMED', `The header ${name} stands more than once.`)
    else headers[name] = `${before}, ${value}`
  }
  return headers
}
