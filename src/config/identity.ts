import { z } from 'zod'
import { duration, name, path, reference } from './value.ts'

/** Signature algorithms of RFC 7518 and RFC 8037 that prove who signed. None with a shared secret: whoever can check those can make them. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const

const claim = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, { error: 'must be the name of a claim: 1 to 128 printable characters without spaces' })

const address = z.string().regex(/^https?:\/\/[^\s@?#]+$/, {
  error: 'must be an address such as https://idp.bank.example, without user, query or fragment',
})

const value = z.string().min(1, { error: 'must not be empty' }).max(256)
const word = z.string().regex(/^[A-Za-z0-9_.:@/-]{1,128}$/, { error: 'must be 1 to 128 of A-Z a-z 0-9 _ . : @ / -' })

const issuer = z.strictObject({
  issuer: address.describe('What `iss` must say, to the letter.'),
  audience: value.describe('What `aud` must hold.'),
  jwks: address
    .optional()
    .describe("Where the issuer's keys are (RFC 7517). Default: what its `/.well-known/openid-configuration` names."),
  ca: path.optional().describe('File with further CA certificates, PEM, for an issuer of your own.'),
  algorithms: z
    .array(z.enum(ALGORITHMS))
    .min(1, { error: 'must name at least one algorithm' })
    .readonly()
    .prefault(['RS256', 'PS256', 'ES256', 'EdDSA'])
    .describe('The only ones that a signature may have, whatever a token says.'),
  clock_skew: duration('0ms', '5m').prefault('30s').describe("How far the issuer's clock may be off."),
  max_age: duration('1m')
    .prefault('24h')
    .describe('The longest that a token may be good for, from `iat` to `exp`; both must be there.'),
  keys_every: duration('1s', '24h').prefault('5m').describe("How often the issuer's keys are fetched anew."),
  keys_stale_after: duration('10s', '24d')
    .prefault('1h')
    .describe('How long keys serve that cannot be fetched anew; then tokens are refused with 503.'),
  tenant: name
    .optional()
    .describe('Of all tokens of this issuer; a name of `tenants`. This, or `tenant_claim` and `tenants`.'),
  tenant_claim: claim.optional().describe('Which claim names the tenant.'),
  tenants: z
    .record(value, name)
    .optional()
    .describe('What the claim may say, and which tenant each word stands for. The issuer can prove no other tenant.'),
  subject_claim: claim.prefault('sub').describe('Which claim names the caller.'),
  groups_claim: claim.optional().describe('Which claim holds the groups: a list of words.'),
  purpose_claim: claim.optional().describe('Which claim says what the caller is there for: one word.'),
  other_claims: z
    .array(claim)
    .readonly()
    .prefault([])
    .describe(
      'Claims that a token may carry beside these and those of RFC 7519, and of which nothing is made. Any other is refused: it may be a restriction.',
    ),
})

/** How callers are known. */
export const identity = z
  .strictObject({
    gateway_keys: z.boolean().prefault(true).describe('Accepts the keys that `customhouse keys create` makes.'),
    sigv4: z
      .boolean()
      .prefault(false)
      .describe(
        "Accepts calls that AWS SDKs sign (Signature Version 4) with a gateway key's own pair: `customhouse keys aws <id>`.",
      ),
    jwt: z
      .array(issuer)
      .readonly()
      .prefault([])
      .describe('Identity providers whose tokens (RFC 7519, signed) are accepted where SDKs put their API key.'),
    mtls: z
      .strictObject({
        subjects: z
          .record(
            value,
            z.strictObject({
              tenant: name.describe('A name of `tenants`.'),
              groups: z.array(word).readonly().prefault([]),
              purpose: word.optional(),
            }),
          )
          .describe(
            'Who is known by a certificate: a URI (`spiffe://bank.example/claims`) or DNS name of its subject alternative name.',
          ),
      })
      .optional()
      .describe(
        'Accepts client certificates that `listen.tls.client_ca` has issued. A call with another credential too is refused unless both name one tenant.',
      ),
    revocation: z
      .strictObject({
        store: z
          .string()
          .min(1, { error: 'must not be empty' })
          .max(4096)
          .describe('What several gateways share: `redis://host:6379/0`, `rediss://...`, or the path of a file.'),
        password: reference.optional().describe("Reference to Redis' password."),
        user: z.string().min(1).max(128).optional().describe("Redis' user, where it has users (ACL)."),
        every: duration('100ms', '1m').prefault('1s').describe('How often it is looked at.'),
        stale_after: duration('1s', '24h')
          .prefault('10s')
          .describe('Where it could not be looked at for so long, callers are refused with 503.'),
      })
      .optional()
      .describe('The list of credentials that are revoked at once, at every gateway: `customhouse revoke`.'),
  })
  .prefault({})
