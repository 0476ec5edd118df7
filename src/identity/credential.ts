import { CustomhouseError } from '../core/errors.ts'

/**
 * Where SDKs put a credential. All of them are taken off a call before anything else sees its headers, whether they proved anything
 * or not. (`proxy-authorization` and `cookie` prove nothing here, but are credentials of someone.)
 */
export const CREDENTIAL_HEADERS: readonly string[] = [
  'authorization', // OpenAI, Anthropic, Mistral, Cohere, Bedrock bearer tokens
  'x-api-key', // Anthropic
  'api-key', // Azure
  'x-goog-api-key', // Gemini
  'proxy-authorization',
  'cookie',
]

type Headers = Readonly<Record<string, string | undefined>>

/** The one credential of a call. Must throw ERR_IDENTITY_MISSING for none, ERR_IDENTITY_INVALID for two that differ. */
export function credentialOf(headers: Headers): string {
  const bearer = bearerOf(headers.authorization)
  let found = bearer
  for (const text of [headers['x-api-key'], headers['api-key'], headers['x-goog-api-key']]) {
    const key = text?.trim()
    if (key === undefined || key === '') continue
    if (found !== null && found !== key) {
      throw new CustomhouseError(
        'ERR_IDENTITY_INVALID',
        'This call carries two different credentials: send the gateway key alone.',
      )
    }
    found = key
  }
  if (found !== null) return found
  throw new CustomhouseError(
    'ERR_IDENTITY_MISSING',
    'This call carries no gateway key: send one as `Authorization: Bearer chk_...`, or where your SDK puts its API key.',
  )
}

function bearerOf(header: string | undefined): string | null {
  const text = header?.trim()
  if (text === undefined || text === '') return null
  const space = text.indexOf(' ')
  const scheme = space === -1 ? text : text.slice(0, space)
  if (scheme.length === 6 && scheme.toLowerCase() === 'bearer') {
    const key = space === -1 ? '' : text.slice(space + 1).trim()
    return key === '' ? null : key
  }
  throw new CustomhouseError(
    'ERR_IDENTITY_INVALID',
    'The Authorization header has another scheme than Bearer: send `Bearer chk_...`.',
  )
}
