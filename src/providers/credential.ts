import { CustomhouseError } from '../core/errors.ts'

/** The secret for a tenant, asked at each call so that a rotated one takes effect. Undefined: there is none for it. */
export type CredentialOf = (tenant: string) => string | undefined

/** A call that lacks nothing but its credential. */
export type Unproved = Readonly<{
  tenant: string
  /** As it goes on the wire, prefix included. */
  path: string
  /** Name and value by turns. */
  fields: readonly string[]
  body: Uint8Array
  signal: AbortSignal
}>

/** The fields that prove who calls, name and value by turns. The only ones that an adapter adds to a dispatch. */
export type Prove = (call: Unproved) => readonly string[] | Promise<readonly string[]>

const WORD = /^[\x21-\x7e]+$/
/** RFC 7515 7.1: three base64url parts, the first a JSON object. */
const JWT = /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/

/**
 * Proves with a tenant's secret as `write` has it, or with nothing where the server wants no proof (`credential` null). A tenant without a secret is
 * refused, ERR_GATEWAY_INTERNAL: sent without one, the call might still be answered, as somebody else's.
 */
export function secretProof(
  provider: string,
  credential: CredentialOf | null,
  write: (secret: string) => readonly string[],
): Prove {
  if (credential === null) return () => []
  return ({ tenant }) => {
    const secret = credential(tenant)
    if (secret === undefined) throw noCredential(provider, tenant)
    return write(word(provider, secret))
  }
}

export function bearer(secret: string): readonly string[] {
  return ['authorization', `Bearer ${secret}`]
}

/** A token in the form of a JWT goes as a bearer token, anything else is a key and goes into the field of that name. */
export function keyIn(name: string): (secret: string) => readonly string[] {
  return (secret) => (JWT.test(secret) ? bearer(secret) : [name, secret])
}

/** The secret, if it is one printable word. Throws ERR_GATEWAY_INTERNAL; the secret itself stands in no error. */
export function word(provider: string, secret: string): string {
  if (WORD.test(secret)) return secret
  throw new CustomhouseError(
    'ERR_GATEWAY_INTERNAL',
    `The credential of provider ${provider} is not one printable word.`,
  )
}

export function noCredential(provider: string, tenant: string): CustomhouseError {
  return new CustomhouseError(
    'ERR_GATEWAY_INTERNAL',
    `Provider ${provider} has no credential for the tenant ${tenant}, and nothing is sent without one.`,
  )
}
