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

/** A request's headers by lower-case name: what proves the caller apart from all else, which is the only part that goes any further. */
export type Head = Readonly<{ proof: Readonly<Record<string, string>>; headers: Readonly<Record<string, string>> }>

/**
 * Reads the head from what came over the wire: node:http drops the second of some headers in silence, and an inspector must not read
 * another one than a proxy before us did.
 *
 * @param credentials names of the headers that carry a gateway credential
 * @throws CustomhouseError ERR_CALL_MALFORMED where one of {@link ONCE} stands twice
 */
export function readHead(request: IncomingMessage, credentials: ReadonlySet<string>): Head {
  const raw = request.rawHeaders
  const headers: Record<string, string> = {}
  const proof: Record<string, string> = {}
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    const value = raw[i + 1] ?? ''
    const to = credentials.has(name) ? proof : headers
    if (!Object.hasOwn(to, name)) to[name] = value
    else if (ONCE.has(name))
      throw new CustomhouseError('ERR_CALL_MALFORMED', `The header ${name} stands more than once.`)
    else to[name] = `${to[name]}, ${value}`
  }
  return { proof, headers }
}
