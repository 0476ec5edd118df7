import type { Issue, Path } from './issue.ts'
import { nearest } from './nearest.ts'
import { isRawMap, valueAt } from './shape.ts'
import type { Raw, RawMap } from './source.ts'
import { isLoopback, parseDuration } from './unit.ts'

/** What is wrong among the settings of `identity`, which one of them alone does not show. */
export function callers(raw: RawMap): Issue[] {
  const list = valueAt(raw, ['identity', 'jwt'])
  const issuers = Array.isArray(list) ? list : []
  const seen = new Set<string>()
  return [
    ...issuers.flatMap((one, index) => {
      if (!isRawMap(one)) return []
      const path = ['identity', 'jwt', index]
      const issues = [
        ...addresses(one, path),
        ...tenantOf(raw, one, path),
        ...keysOf(one, path),
        ...claimsOf(one, path),
      ]
      if (typeof one.issuer === 'string') {
        if (seen.has(one.issuer)) {
          issues.push({ path: [...path, 'issuer'], message: 'stands twice: who issued a token must be one of them' })
        }
        seen.add(one.issuer)
      }
      return issues
    }),
    ...certificates(raw),
    ...revocation(raw),
  ]
}

/** Whoever is on the way to the keys could put others there. */
function addresses(issuer: RawMap, path: Path): Issue[] {
  return ['issuer', 'jwks'].flatMap((name) => {
    const text = issuer[name]
    if (typeof text !== 'string' || !/^https?:\/\//.test(text)) return []
    // The address of an issuer is where its keys are found, unless `jwks` says.
    if (name === 'issuer' && issuer.jwks !== undefined) return []
    if (!URL.canParse(text)) return [{ path: [...path, name], message: 'is no address' }]
    const { protocol, hostname } = new URL(text)
    if (protocol === 'https:' || isLoopback(hostname)) return []
    return [{ path: [...path, name], message: 'is http:// to another machine: keys are fetched with https:// alone' }]
  })
}

function tenantOf(raw: RawMap, issuer: RawMap, path: Path): Issue[] {
  const { tenant, tenant_claim: claim, tenants } = issuer
  const issues: Issue[] = []
  if (tenant !== undefined && (claim !== undefined || tenants !== undefined)) {
    issues.push({
      path: [...path, 'tenant'],
      message: 'stands beside `tenant_claim` or `tenants`: keep one of the two',
    })
  } else if (tenant === undefined && (claim === undefined || tenants === undefined)) {
    issues.push({
      path,
      message: 'needs `tenant`, or `tenant_claim` and `tenants`: an issuer proves no tenant by itself',
    })
  }
  if (isRawMap(tenants) && Object.keys(tenants).length === 0) {
    issues.push({ path: [...path, 'tenants'], message: 'is empty: every token of this issuer would be refused' })
  }
  issues.push(...unknownTenant(raw, tenant, [...path, 'tenant']))
  for (const [word, name] of isRawMap(tenants) ? Object.entries(tenants) : []) {
    issues.push(...unknownTenant(raw, name, [...path, 'tenants', word]))
  }
  return issues
}

function unknownTenant(raw: RawMap, name: Raw | undefined, path: Path): Issue[] {
  if (typeof name !== 'string' || !isRawMap(raw.tenants) || Object.hasOwn(raw.tenants, name)) return []
  const message = `names the tenant ${JSON.stringify(name)}, which does not exist`
  return [{ path, message, hint: nearest(name, Object.keys(raw.tenants)) }]
}

/** Keys must not be stale between two fetches that succeed, nor after one that failed. */
function keysOf(issuer: RawMap, path: Path): Issue[] {
  return tooShort(issuer, { every: 'keys_every', default: '5m' }, { after: 'keys_stale_after', default: '1h' }, path)
}

function tooShort(
  map: RawMap,
  { every, default: often }: Readonly<{ every: string; default: string }>,
  { after, default: long }: Readonly<{ after: string; default: string }>,
  path: Path,
): Issue[] {
  const [step, end] = [map[every] ?? often, map[after] ?? long].map((text) => parseDuration(String(text)) ?? null)
  if (typeof step !== 'number' || typeof end !== 'number' || end >= 2 * step) return []
  const message = `is too short: with \`${every}\` of ${step / 1_000}s it must be at least ${(2 * step) / 1_000}s`
  return [{ path: [...path, map[after] === undefined ? every : after], message }]
}

/** Claims that take away from what a token proves (RFC 7800, RFC 8693): to pass over them would give it back. */
const RESTRICTING = ['cnf', 'act', 'may_act', 'crit']

function claimsOf(issuer: RawMap, path: Path): Issue[] {
  const { other_claims: others } = issuer
  return (Array.isArray(others) ? others : []).flatMap((name, index) =>
    typeof name === 'string' && RESTRICTING.includes(name)
      ? [
          {
            path: [...path, 'other_claims', index],
            message: 'restricts what a token is good for: it cannot be passed over',
          },
        ]
      : [],
  )
}

function certificates(raw: RawMap): Issue[] {
  const subjects = valueAt(raw, ['identity', 'mtls', 'subjects'])
  const known = valueAt(raw, ['identity', 'mtls']) !== undefined
  const signed = valueAt(raw, ['listen', 'tls', 'client_ca']) !== undefined
  const issues = Object.entries(isRawMap(subjects) ? subjects : {}).flatMap(([name, one]) =>
    unknownTenant(raw, isRawMap(one) ? one.tenant : undefined, ['identity', 'mtls', 'subjects', name, 'tenant']),
  )
  if (isRawMap(subjects)) issues.push(...subjectNames(subjects))
  if (known && !signed) {
    issues.push({ path: ['identity', 'mtls'], message: 'needs `listen.tls.client_ca`: who issues these certificates' })
  }
  if (signed && !known) {
    issues.push({ path: ['listen', 'tls', 'client_ca'], message: 'needs `identity.mtls`: for whom certificates stand' })
  }
  return issues
}

function revocation(raw: RawMap): Issue[] {
  const map = valueAt(raw, ['identity', 'revocation'])
  if (!isRawMap(map)) return []
  const path = ['identity', 'revocation']
  const issues = tooShort(map, { every: 'every', default: '1s' }, { after: 'stale_after', default: '10s' }, path)
  const { store } = map
  issues.push(...(typeof store === 'string' ? storeIssues(store, [...path, 'store']) : []))
  if (typeof store === 'string' && !/^rediss?:\/\//.test(store)) {
    for (const name of ['user', 'password'].filter((one) => map[one] !== undefined)) {
      issues.push({ path: [...path, name], message: 'is for a store in Redis only', at: 'key' })
    }
  }
  if (typeof store === 'string' && /^rediss?:\/\/[^/]*@/.test(store)) {
    issues.push({
      path: [...path, 'store'],
      message: 'must hold no user and no password: they have settings of their own',
    })
  }
  return issues
}

/** What reads as an address must be one of Redis: as the name of a file it would be made, and shared with nobody. */
function storeIssues(store: string, path: Path): Issue[] {
  const written = /^([a-z][a-z0-9+.-]*):/i.exec(store)?.[1]
  if (written === undefined) return []
  if (!/^rediss?:\/\//.test(store)) {
    const message = 'must be `redis://`, `rediss://` or the path of a file (`./` before a name with a colon)'
    const meant = nearest(written, ['redis', 'rediss'])
    return [{ path, message, hint: meant === null ? null : `${meant}://` }]
  }
  const url = URL.canParse(store) ? new URL(store) : null
  if (url === null || url.hostname === '' || url.search !== '' || url.hash !== '') {
    return [{ path, message: 'is no address such as redis://host:6379/0' }]
  }
  if (/^\/?\d*$/.test(url.pathname)) return []
  return [{ path, message: 'must end with the number of a database, such as /0, or without any' }]
}

/** A list that whoever is on the way could change, and whose password they could read. */
export function clearRevocations(raw: RawMap): Issue[] {
  const path = ['identity', 'revocation', 'store']
  const store = valueAt(raw, path)
  if (typeof store !== 'string' || !store.startsWith('redis://') || !URL.canParse(store)) return []
  if (isLoopback(new URL(store).hostname)) return []
  return [{ path, message: 'is on another machine and without TLS: whoever is on the way can change it (`rediss://`)' }]
}

const URI = /^[a-z][a-z0-9+.-]*:(?!\d+$)[^\s]+$/i
const DNS_NAME = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/i

/** Names that no certificate can be known by. */
function subjectNames(subjects: RawMap): Issue[] {
  const path = ['identity', 'mtls', 'subjects']
  const names = Object.keys(subjects)
  if (names.length === 0) return [{ path, message: 'is empty: nobody would be known by a certificate', at: 'key' }]
  return names.flatMap((name): Issue[] =>
    URI.test(name) || DNS_NAME.test(name)
      ? []
      : [
          {
            path: [...path, name],
            message: name.includes('=')
              ? 'is a distinguished name, which counts for nothing: write the URI or DNS name of the subject alternative name'
              : 'must be a URI such as spiffe://bank.example/claims, or a DNS name',
            at: 'key',
          },
        ],
  )
}

/** Whether anything at all proves who calls. */
export function provesNobody(raw: RawMap): boolean {
  const at = (name: string): Raw | undefined => valueAt(raw, ['identity', name])
  const jwt = at('jwt')
  return (
    at('gateway_keys') === false &&
    at('sigv4') !== true &&
    !(Array.isArray(jwt) && jwt.length > 0) &&
    at('mtls') === undefined
  )
}
