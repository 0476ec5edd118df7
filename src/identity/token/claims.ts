import { hash } from 'node:crypto'
import type { Principal } from '../../core/call.ts'
import { type JsonTree, NumberLexeme, type TreeObject } from '../../core/json.ts'
import type { Issuer } from './issuer.ts'
import { invalid, shown, type TokenText } from './text.ts'

/** What the claims of a proved token say. */
export type Said = Readonly<{
  principal: Principal
  /** From when on it is expired, the issuer's clock skew included: milliseconds since 1970. */
  ends: number
  /** What may be revoked of it. */
  names: readonly string[]
}>

/** RFC 7519 4.1. */
const REGISTERED: readonly string[] = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']

const GROUPS_MAX = 256

/**
 * Who a token proves, once its signature is known to be its issuer's.
 *
 * @param now milliseconds since 1970
 * @throws CustomhouseError ERR_IDENTITY_INVALID
 */
export function principalOf(issuer: Issuer, { claims, kid, text }: TokenText, now: number): Said {
  refuseUnknown(issuer, claims)
  requireAudience(issuer.audience, claims.get('aud'))
  const ends = requireTime(issuer, claims, now)
  const sub = wordOf(claims, 'sub')
  const subject = wordOf(claims, issuer.subjectClaim)
  const keyId = claims.has('jti') ? idOf(claims) : digestOf(text)
  const names = [
    `token:${issuer.issuer} ${keyId}`,
    `issuer-key:${issuer.issuer} ${kid}`,
    ...[...new Set([sub, subject])].map((one) => `subject:${issuer.issuer} ${one}`),
  ]
  const principal: Principal = Object.freeze({
    subject,
    tenant: tenantOf(issuer.tenant, claims),
    groups: Object.freeze(issuer.groupsClaim === null ? [] : groupsOf(claims, issuer.groupsClaim)),
    purpose:
      issuer.purposeClaim === null || !claims.has(issuer.purposeClaim) ? null : purposeOf(claims, issuer.purposeClaim),
    proof: 'token',
    keyId,
  })
  return { principal, ends, names }
}

/** What a claim that nobody here knows would restrict (`cnf`, `scope`), only its issuer could say. */
function refuseUnknown(issuer: Issuer, claims: TreeObject): void {
  const { tenant, subjectClaim, groupsClaim, purposeClaim, otherClaims } = issuer
  for (const name of claims.keys()) {
    if (REGISTERED.includes(name) || otherClaims.includes(name)) continue
    if (name === subjectClaim || name === groupsClaim || name === purposeClaim) continue
    if ('claim' in tenant && name === tenant.claim) continue
    throw invalid(`This token carries the claim ${shown(name)}, which is not known here (identity.jwt, other_claims).`)
  }
}

function requireAudience(audience: string, said: JsonTree | undefined): void {
  const all = typeof said === 'string' ? [said] : said
  if (!Array.isArray(all) || !all.every((one) => typeof one === 'string')) {
    throw invalid('This token does not say for whom it is (aud): a text, or a list of them.')
  }
  if (!all.includes(audience)) throw invalid('This token is for another audience than this gateway (aud).')
}

function requireTime({ clockSkewMs, maxAgeMs }: Issuer, claims: TreeObject, now: number): number {
  const [exp, iat] = [timeOf(claims, 'exp'), timeOf(claims, 'iat')]
  if (exp === null) throw invalid('This token does not say until when it is good (exp).')
  if (iat === null) throw invalid('This token does not say when it was issued (iat).')
  const nbf = timeOf(claims, 'nbf')
  if (now >= exp + clockSkewMs) throw invalid('This token has expired.')
  if (iat > now + clockSkewMs) throw invalid('This token was issued in the future (iat): is a clock wrong?')
  if (nbf !== null && nbf > now + clockSkewMs) throw invalid('This token is not good yet (nbf).')
  if (exp <= iat || exp - iat > maxAgeMs) {
    throw invalid(`This token is good for longer than ${maxAgeMs / 1_000} s (identity.jwt, max_age), or for no time.`)
  }
  return exp + clockSkewMs
}

/** A NumericDate (RFC 7519 2) in milliseconds. Beyond the year 5138 somebody has written milliseconds. */
function timeOf(claims: TreeObject, name: string): number | null {
  const value = claims.get(name)
  if (value === undefined) return null
  const seconds = value instanceof NumberLexeme ? Number(value.lexeme) : value
  if (typeof seconds !== 'number' || !(seconds >= 0 && seconds <= 1e11)) {
    throw invalid(`The time ${name} of this token is not in seconds since 1970.`)
  }
  return seconds * 1_000
}

/** Text of one line that looks as what it is: no control, no invisible and no unpaired character. */
function isWord(value: JsonTree | undefined): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 256 && !/[\p{C}\p{Zl}\p{Zp}]/u.test(value)
}

function wordOf(claims: TreeObject, name: string): string {
  const value = claims.get(name)
  if (isWord(value)) return value
  throw invalid(`The claim ${shown(name)} of this token must be a text of 1 to 256 visible characters.`)
}

function idOf(claims: TreeObject): string {
  const value = claims.get('jti')
  if (typeof value === 'string' && /^[\x21-\x7e]{1,128}$/.test(value)) return value
  throw invalid('The id of this token (jti) must be 1 to 128 printable characters without spaces.')
}

/** Of what is signed: the same claims with another valid signature are the same token. */
function digestOf(text: string): string {
  return `sha256:${hash('sha256', text.slice(0, text.lastIndexOf('.')), 'hex').slice(0, 32)}`
}

function tenantOf(tenant: Issuer['tenant'], claims: TreeObject): string {
  if ('all' in tenant) return tenant.all
  const word = claims.get(tenant.claim)
  const found = typeof word === 'string' ? tenant.by.get(word) : undefined
  if (found !== undefined) return found
  throw invalid(`The claim ${shown(tenant.claim)} of this token stands for no tenant of its issuer.`)
}

function groupsOf(claims: TreeObject, name: string): string[] {
  const value = claims.get(name)
  if (value === undefined) return []
  if (Array.isArray(value) && value.length <= GROUPS_MAX) {
    const groups = value.filter(isWord)
    if (groups.length === value.length) return groups
  }
  throw invalid(`The claim ${shown(name)} of this token must be a list of at most ${GROUPS_MAX} words.`)
}

function purposeOf(claims: TreeObject, name: string): string {
  const value = claims.get(name)
  if (typeof value === 'string' && /^[A-Za-z0-9_.:@/-]{1,128}$/.test(value)) return value
  throw invalid(`The claim ${shown(name)} of this token must be one word: A-Z a-z 0-9 _ . : @ / -`)
}
