import { CustomhouseError } from '../../core/errors.ts'
import type { TreeObject } from '../../core/json.ts'
import { parseTree } from '../../core/parse.ts'

/** Longer ones are refused before anything of them is read. */
export const TOKEN_MAX = 8_192

/** A token (RFC 7519, signed, in the compact form of RFC 7515) as it was read, strictly. Nothing of it is proved. */
export type TokenText = Readonly<{ text: string; alg: string; kid: string; iss: string; claims: TreeObject }>

/**
 * The only members that a header may have. All others are refused: `crit` and `b64` change what is signed, `jku`, `jwk`, `x5u` and `x5c` name the key
 * that the sender would like, `cty` and `enc` say that something else is inside. The thumbprints x5t are passed over: keys are known by `kid` alone.
 */
const HEADER: ReadonlySet<string> = new Set(['alg', 'typ', 'kid', 'x5t', 'x5t#S256'])

/** RFC 8725 3.11: a token of another kind (logout+jwt, dpop+jwt, secevent+jwt) never proves a caller. */
const TYPES: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt'])

/** Whether a credential can only be a token: no gateway key has a dot. */
export function looksToken(credential: string): boolean {
  return credential.includes('.')
}

/** Reads header and claims. Must throw ERR_IDENTITY_INVALID for what has another form than an issuer writes. */
export function readToken(text: string): TokenText {
  if (text.length > TOKEN_MAX) throw invalid(`This token is longer than ${TOKEN_MAX} characters.`)
  const parts = text.split('.')
  if (parts.length === 5) throw invalid('This token is encrypted (JWE): only signed ones are taken.')
  const [head = '', body = '', signature = ''] = parts
  if (parts.length !== 3) throw invalid('This is no token: those have three parts.')
  const header = membersOf(head, 'the header of the token')
  for (const name of header.keys()) {
    if (!HEADER.has(name)) throw invalid(`The header of this token has ${shown(name)}, which is not taken.`)
  }
  const [alg, kid, typ] = [header.get('alg'), header.get('kid'), header.get('typ')]
  if (typ !== undefined && (typeof typ !== 'string' || !TYPES.has(typ.toLowerCase()))) {
    throw invalid('The type of this token (typ) is neither JWT nor at+jwt.')
  }
  if (typeof alg !== 'string') throw invalid('This token does not say how it is signed (alg).')
  if (typeof kid !== 'string' || kid === '' || kid.length > 256) {
    throw invalid('This token does not say with which key it is signed (kid).')
  }
  bytesOf(signature, 'the signature of the token')
  const claims = membersOf(body, 'the claims of the token')
  const iss = claims.get('iss')
  if (typeof iss !== 'string') throw invalid('This token does not say who issued it (iss).')
  return { text, alg, kid, iss, claims }
}

function membersOf(part: string, what: string): TreeObject {
  const tree = parseTree(bytesOf(part, what), { code: 'ERR_IDENTITY_INVALID', what, depth: 8, values: 1_000 })
  if (!(tree instanceof Map)) throw invalid(`${what} is no JSON object.`)
  return tree
}

/** One spelling for each: with padding, other alphabets or stray bits, one token would have many. */
function bytesOf(part: string, what: string): Buffer {
  const bytes = Buffer.from(part, 'base64url')
  if (part === '' || bytes.toString('base64url') !== part) throw invalid(`${what} is not in base64url (RFC 7515 2).`)
  return bytes
}

/** A name of the sender's, where it can be shown. */
export function shown(name: string): string {
  return /^[\w.:/#-]{1,64}$/.test(name) ? `\`${name}\`` : 'a member of another name'
}

export function invalid(message: string): CustomhouseError {
  return new CustomhouseError('ERR_IDENTITY_INVALID', message)
}
