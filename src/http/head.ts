import { CustomhouseError } from '../core/errors.ts'
import type { Inbound } from './exchange.ts'

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
 * Reads the head from what came over the wire: node:http and node:http2 drop the second of some headers in silence, and an inspector must
 * not read another one than a proxy before us did. Over HTTP/2 `host` is what `:authority` names.
 *
 * @param credentials names of the headers that carry a gateway credential
 * @throws CustomhouseError ERR_CALL_MALFORMED where one of {@link ONCE} stands twice, or a pseudo-header is not as RFC 9113 8.3.1 has it
 */
export function readHead(
  request: Pick<Inbound, 'rawHeaders' | 'httpVersionMajor'>,
  credentials: ReadonlySet<string>,
): Head {
  const raw = request.rawHeaders
  const headers: Record<string, string> = {}
  const proof: Record<string, string> = {}
  const authority = request.httpVersionMajor === 2 ? authorityOf(raw) : null
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    const value = raw[i + 1] ?? ''
    if (authority !== null && name.startsWith(':')) continue
    const to = credentials.has(name) ? proof : headers
    if (!Object.hasOwn(to, name)) to[name] = value
    else if (ONCE.has(name))
      throw new CustomhouseError('ERR_CALL_MALFORMED', `The header ${name} stands more than once.`)
    else to[name] = `${to[name]}, ${value}`
  }
  if (authority !== null) {
    if (Object.hasOwn(headers, 'host') && headers.host !== authority) {
      throw new CustomhouseError('ERR_CALL_MALFORMED', 'The header host names another host than :authority does.')
    }
    headers.host = authority
  }
  return { proof, headers }
}

/** What names the host over HTTP/2. nghttp2 has refused pseudo-headers that are unknown, stand twice or late, and a `:path` without a slash. */
function authorityOf(raw: readonly string[]): string {
  let authority = ''
  for (let i = 0; i < raw.length && raw[i]?.startsWith(':'); i += 2) {
    const value = raw[i + 1] ?? ''
    if (raw[i] === ':authority') authority = value
    // A proxy that ended TLS before us says `https` on a connection in clear text.
    else if (raw[i] === ':scheme' && value !== 'http' && value !== 'https') {
      throw new CustomhouseError('ERR_CALL_MALFORMED', 'The pseudo-header :scheme must be http or https.')
    }
  }
  if (!/^[^\s@/?#\\]+$/.test(authority)) {
    throw new CustomhouseError('ERR_CALL_MALFORMED', 'The pseudo-header :authority must name a host, and no more.')
  }
  return authority
}
