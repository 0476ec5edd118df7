import { CustomhouseError } from '../core/errors.ts'
import type { Presented } from '../core/port.ts'
import { looksToken } from './token/index.ts'

/**
 * Where SDKs put a credential. All of them are taken off a call before anything else sees its headers, whether they proved anything
 * or not. (`proxy-authorization` and `cookie` prove nothing here, but are credentials of someone.)
 */
export const CREDENTIAL_HEADERS: readonly string[] = [
  'authorization', // OpenAI, Anthropic, Mistral, Cohere, Bedrock bearer tokens, signatures of AWS SDKs
  'x-api-key', // Anthropic
  'api-key', // Azure
  'x-goog-api-key', // Gemini
  'x-amz-date', // with a signature
  'x-amz-content-sha256',
  'x-amz-security-token',
  'proxy-authorization',
  'cookie',
]

/** What is taken here. */
export type Accepted = Readonly<{ gatewayKeys: boolean; sigv4: boolean; tokens?: boolean; certificates?: boolean }>

export type Credential = Readonly<
  | { kind: 'key'; key: string }
  | { kind: 'signature'; authorization: string }
  | { kind: 'token'; token: string }
  /** None in the headers: the certificate of the connection alone. */
  | { kind: 'certificate' }
>

/** The one credential of a call. Must throw ERR_IDENTITY_MISSING for none, ERR_IDENTITY_INVALID for two that differ or one of a kind that is not taken. */
export function credentialOf({ proof, query, certificate }: Presented, accepted: Accepted): Credential {
  const { gatewayKeys, sigv4, tokens = false, certificates = false } = accepted
  if (!gatewayKeys && !sigv4 && !tokens && !certificates) throw invalid(NOTHING_TAKEN)
  refusePresigned(query)
  const authorization = proof.authorization?.trim() ?? ''
  const keys = [proof['x-api-key'], proof['api-key'], proof['x-goog-api-key']].flatMap((key) => key?.trim() || [])
  if (authorization.startsWith('AWS4-')) {
    if (keys.length > 0) throw invalid('This call carries a signature and a key: send one of them alone.')
    if (!sigv4) throw invalid(SIGNATURE_NOT_TAKEN)
    return { kind: 'signature', authorization }
  }
  const bearer = bearerOf(authorization, accepted)
  const [found, ...more] = bearer === null ? keys : [bearer, ...keys]
  if (found === undefined) {
    if (certificates && certificate !== null) return { kind: 'certificate' }
    throw new CustomhouseError('ERR_IDENTITY_MISSING', missing(accepted))
  }
  if (more.some((key) => key !== found)) {
    throw invalid('This call carries two different credentials: send the gateway key, or the token, alone.')
  }
  if (tokens && looksToken(found)) return { kind: 'token', token: found }
  if (!gatewayKeys) throw invalid(tokens ? KEY_NOT_TAKEN_BUT_TOKENS : KEY_NOT_TAKEN)
  return { kind: 'key', key: found }
}

function missing({ gatewayKeys, sigv4, tokens = false }: Accepted): string {
  if (gatewayKeys) return NO_KEY
  if (tokens) return NO_TOKEN
  return sigv4 ? NO_SIGNATURE : NO_CERTIFICATE
}

const NO_KEY =
  'This call carries no gateway key: send one as `Authorization: Bearer chk_...`, or where your SDK puts its API key.'
const NO_SIGNATURE =
  'This call carries no signature: sign it as AWS SDKs do (Signature Version 4), with the pair that `customhouse keys aws` made.'
const NO_TOKEN =
  'This call carries no token: send one of your identity provider as `Authorization: Bearer ...`, or where your SDK puts its API key.'
const NO_CERTIFICATE =
  'This call came over a connection without a client certificate, and no other proof is taken here.'
const KEY_NOT_TAKEN_BUT_TOKENS =
  'Gateway keys are switched off here (identity.gateway_keys): send a token of your identity provider.'
const SIGNATURE_NOT_TAKEN =
  'This call is signed as AWS SDKs do, which is not taken here: set AWS_BEARER_TOKEN_BEDROCK to a gateway key, or have the operator switch on identity.sigv4.'
const KEY_NOT_TAKEN =
  'Gateway keys are switched off here (identity.gateway_keys): sign the call as AWS SDKs do, with the pair that `customhouse keys aws` made.'
const NOTHING_TAKEN = 'Gateway keys are switched off here (identity.gateway_keys), and no other proof is taken.'

/** A signature in the address is a credential that whoever sees the address can use. */
function refusePresigned(query: string): void {
  if (query === '') return
  for (const name of new URLSearchParams(query).keys()) {
    if (name.toLowerCase().startsWith('x-amz-')) {
      throw invalid(
        'A presigned address is not taken, since it lands in access logs: sign the call in its Authorization header.',
      )
    }
  }
}

function bearerOf(text: string, accepted: Accepted): string | null {
  if (text === '') return null
  const space = text.indexOf(' ')
  const scheme = space === -1 ? text : text.slice(0, space)
  if (scheme.length === 6 && scheme.toLowerCase() === 'bearer') {
    const key = space === -1 ? '' : text.slice(space + 1).trim()
    return key === '' ? null : key
  }
  const signature = accepted.sigv4 ? ', or sign the call with AWS4-HMAC-SHA256' : ''
  throw invalid(`The Authorization header has another scheme than Bearer: send \`Bearer chk_...\`${signature}.`)
}

function invalid(message: string): CustomhouseError {
  return new CustomhouseError('ERR_IDENTITY_INVALID', message)
}
