import { parseJson } from './json.ts'
import { type Builtin, BuiltinError, text, textOfBytes } from './operand.ts'
import { get, isObject, type RegoObject, type Value } from './value.ts'

/** Go's base64.URLEncoding after OPA has put back what padding lacks: nothing but the alphabet and right padding. */
function decode(part: string): Buffer {
  // Go's decoder passes over line ends.
  const bare = part.replace(/[\r\n]/g, '')
  const padded =
    bare.endsWith('=') || bare.length % 4 === 0 ? bare : bare.padEnd(bare.length + 4 - (bare.length % 4), '=')
  if (bare.length % 4 === 1 || !/^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?$/.test(padded)) {
    throw new BuiltinError('no base64url')
  }
  return Buffer.from(padded, 'base64url')
}

function decodeObject(part: string): RegoObject {
  const value = parseJson(part)
  if (!isObject(value)) throw new BuiltinError('a part of the token is no object')
  return value
}

/** How deep a token may hold another (`cty: JWT`). */
const DEEPEST = 8

function decodeToken(token: string, depth: number): Value {
  if (depth > DEEPEST) throw new BuiltinError('tokens are nested too deeply')
  const [header, payload, signature, more] = token.split('.')
  if (header === undefined || payload === undefined || signature === undefined || more !== undefined) {
    throw new BuiltinError('a token has three parts')
  }
  const head = decodeObject(textOfBytes(decode(header)))
  if (get(head, 'enc') !== undefined) throw new BuiltinError('an encrypted token')
  const body = textOfBytes(decode(payload))
  const content = get(head, 'cty')
  if (content !== undefined && typeof content !== 'string') throw new BuiltinError('cty is no string')
  if (content === 'JWT') return decodeToken(body.replace(/^["']+|["']+$/g, ''), depth + 1)
  return [head, decodeObject(body), decode(signature).toString('hex')]
}

export const JWT: Readonly<Record<string, Builtin>> = {
  /** Reads a token and verifies nothing. */
  'io.jwt.decode': (args) => decodeToken(text(args, 0), 0),
}
