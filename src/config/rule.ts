import { isAbsolute, relative, resolve, sep } from 'node:path'
import { lost, strange } from './address.ts'
import { callers, clearRevocations, provesNobody } from './callers.ts'
import { BEDROCK_ONLY } from './explain.ts'
import type { Issue, Path } from './issue.ts'
import { nearest } from './nearest.ts'
import { hasSecretPrefix, looksSecret, parseReference } from './secret.ts'
import { isRawMap, leaves, names, valueAt } from './shape.ts'
import type { Raw, RawMap } from './source.ts'
import { isLoopback, parseDuration, parseListen } from './unit.ts'

/**
 * What a schema cannot say: references between sections, folders that must be apart. Works on the raw values,
 * so that these faults are reported together with those of the schema. `absolute` turns a path of the configuration into an absolute one.
 */
export function broken(raw: RawMap, absolute: (path: Path, text: string) => string): Issue[] {
  return [
    ...references(raw),
    ...routes(raw),
    ...policy(raw),
    ...canaries(raw),
    ...reload(raw),
    ...arrival(raw),
    ...callers(raw),
    ...kinds(raw),
    ...cleartext(raw),
    ...lost(raw),
    ...listeners(raw),
    ...folders(raw, absolute),
  ]
}

const WRITTEN_OUT = `looks like a secret itself: take it out of this file, replace it at its issuer, and write a reference such as \${env:NAME} or \${file:/run/secrets/name}`

/** Secrets that stand in the file itself. Neither the value nor a name that is one is ever shown. */
export function secretsWrittenOut(raw: RawMap): Issue[] {
  const issues: Issue[] = []
  for (const path of names(raw)) {
    const name = path.at(-1)
    if (typeof name === 'string' && looksSecret(name)) issues.push({ path, message: WRITTEN_OUT, at: 'key' })
  }
  for (const [path, value] of leaves(raw)) {
    if (typeof value !== 'string') continue
    if (shows(value)) issues.push({ path, message: WRITTEN_OUT })
  }
  return issues
}

/** Only a credential is a reference: anything else would take its braces literally. */
function references(raw: RawMap): Issue[] {
  return [...leaves(raw)]
    .filter(([path, value]) => typeof value === 'string' && value.includes('${') && !holdsSecret(path))
    .map(([path]) => ({
      path,
      message: `references (\${...}) are read in \`credential\`, \`tenant_credentials\`, \`tls.key\` and \`identity.revocation.password\` only`,
    }))
}

/** Whether a reference to a secret may stand at a path. */
export function holdsSecret(path: Path): boolean {
  const [section, , member, below] = path
  if (section === 'listen') return path.length === 3 && path[1] === 'tls' && member === 'key'
  if (section === 'identity') return path.length === 3 && path[1] === 'revocation' && member === 'password'
  if (section !== 'providers') return false
  if (path.length === 3) return member === 'credential'
  return path.length === 4 && (member === 'tenant_credentials' || (member === 'tls' && below === 'key'))
}

/** Whether the file of a certificate is named at a path. */
export function holdsCertificate(path: Path): boolean {
  const last = path.at(-1)
  if (path[0] === 'identity') return path[1] === 'jwt' && last === 'ca'
  return path.at(-2) === 'tls' && (last === 'cert' || last === 'ca' || last === 'client_ca')
}

/** A reference may have a long name; only a key's own prefix makes it suspicious. */
function shows(text: string): boolean {
  return parseReference(text) === null ? looksSecret(text) : hasSecretPrefix(text)
}

/** Whether an issue at `path` would only repeat, or show, what is wrong with a secret that was written out. */
export function hides(path: Path, raw: RawMap): boolean {
  const value = valueAt(raw, path)
  const step = path.find((one) => typeof one === 'string' && looksSecret(one))
  return step !== undefined || (typeof value === 'string' && shows(value))
}

function routes(raw: RawMap): Issue[] {
  const issues: Issue[] = []
  // Without the section itself, what is wrong is that it is missing.
  const known = isRawMap(raw.providers) ? Object.keys(raw.providers) : null
  for (const [model, entry] of entries(raw.models)) {
    const list = isRawMap(entry) ? entry.routes : undefined
    const seen = new Set<string>()
    for (const [index, route] of Array.isArray(list) ? list.entries() : []) {
      if (!isRawMap(route)) continue
      const path = ['models', model, 'routes', index]
      if (typeof route.provider === 'string' && known !== null && !known.includes(route.provider)) {
        const message = `names the provider ${JSON.stringify(route.provider)}, which does not exist`
        issues.push({ path: [...path, 'provider'], message, hint: nearest(route.provider, known) })
      }
      const target = `${String(route.provider)}/${String(route.model)}`
      if (seen.has(target)) issues.push({ path, message: 'repeats an earlier route of this model' })
      seen.add(target)
    }
  }
  return issues
}

/** Each look confirms once; what is due sooner than two looks would be stale between them. */
function reload(raw: RawMap): Issue[] {
  if (!isRawMap(raw.reload) || typeof raw.reload.stale_after !== 'string') return []
  const every = typeof raw.reload.every === 'string' ? parseDuration(raw.reload.every) : DEFAULT_EVERY_MS
  const after = parseDuration(raw.reload.stale_after)
  if (every === null || after === null || after >= 2 * every) return []
  const message = `is too short: what is on disk is looked at each ${every / 1_000}s (\`reload.every\`), so it must be at least ${(2 * every) / 1_000}s`
  return [{ path: ['reload', 'stale_after'], message }]
}

/** A call's headers are a part of the call: node:http takes no longer time for them than for all of it. */
function arrival(raw: RawMap): Issue[] {
  const timeouts = isRawMap(raw.limits) ? raw.limits.timeouts : undefined
  if (!isRawMap(timeouts)) return []
  const { headers = '15s', request = '60s' } = timeouts
  const [head, whole] = [parseDuration(String(headers)), parseDuration(String(request))]
  if (head === null || whole === null || head <= whole) return []
  const named = timeouts.headers === undefined ? 'request' : 'headers'
  const message = `gives the headers ${head / 1_000}s and the whole call ${whole / 1_000}s: \`headers\` must not be longer than \`request\``
  return [{ path: ['limits', 'timeouts', named], message }]
}

/** What `reload.every` is where it is not set. */
const DEFAULT_EVERY_MS = 2_000

/** A canary of nobody, or for nothing, would come out as its author wants, or never: neither tells anything. */
function canaries(raw: RawMap): Issue[] {
  const both = isRawMap(raw.policy) ? raw.policy.canaries : undefined
  const issues: Issue[] = []
  for (const [effect, list] of entries(both)) {
    for (const [index, one] of Array.isArray(list) ? list.entries() : []) {
      if (!isRawMap(one)) continue
      for (const [member, section] of [
        ['tenant', 'tenants'],
        ['model', 'models'],
      ] as const) {
        const value = one[member]
        const known = raw[section]
        if (typeof value !== 'string' || !isRawMap(known) || Object.hasOwn(known, value)) continue
        const message = `names the ${member} ${JSON.stringify(value)}, which does not exist`
        issues.push({
          path: ['policy', 'canaries', effect, index, member],
          message,
          hint: nearest(value, Object.keys(known)),
        })
      }
    }
  }
  return issues
}

function policy(raw: RawMap): Issue[] {
  if (!isRawMap(raw.policy)) return []
  const [source, bundle] = [raw.policy.source !== undefined, raw.policy.bundle !== undefined]
  if (source && bundle)
    return [{ path: ['policy', 'bundle'], message: 'stands beside `source`: keep one of the two', at: 'key' }]
  return source || bundle
    ? []
    : [{ path: ['policy'], message: 'needs `source` (a folder of Rego) or `bundle` (a bundle file)' }]
}

/** What each kind of provider needs, and does not take. */
function kinds(raw: RawMap): Issue[] {
  const issues: Issue[] = []
  const tenants = isRawMap(raw.tenants) ? Object.keys(raw.tenants) : null
  for (const [name, provider] of entries(raw.providers)) {
    if (!isRawMap(provider)) continue
    const path = ['providers', name]
    const bedrock = provider.kind === 'bedrock'
    if (bedrock && provider.region === undefined) {
      issues.push({ path: [...path, 'region'], message: 'is required: calls are signed for it' })
    }
    if (!bedrock && provider.base_url === undefined)
      issues.push({ path: [...path, 'base_url'], message: 'is required' })
    if (!bedrock && provider.region !== undefined) {
      issues.push({ path: [...path, 'region'], message: BEDROCK_ONLY, at: 'key' })
    }
    if (!bedrock && provider.credential === 'aws') {
      issues.push({ path: [...path, 'credential'], message: '`aws` is for `kind: bedrock` only' })
    }
    for (const [tenant] of entries(provider.tenant_credentials)) {
      if (tenants === null || tenants.includes(tenant)) continue
      const message = `names the tenant ${JSON.stringify(tenant)}, which does not exist`
      issues.push({ path: [...path, 'tenant_credentials', tenant], message, hint: nearest(tenant, tenants), at: 'key' })
    }
    const { tls } = provider
    if (isRawMap(tls) && (tls.cert === undefined) !== (tls.key === undefined)) {
      issues.push({ path: [...path, 'tls'], message: 'needs `cert` and `key` together' })
    }
  }
  return issues
}

function cleartext(raw: RawMap): Issue[] {
  const issues: Issue[] = []
  for (const [name, provider] of entries(raw.providers)) {
    if (!isRawMap(provider) || provider.allow_cleartext === true || typeof provider.base_url !== 'string') continue
    if (!URL.canParse(provider.base_url)) continue
    const url = new URL(provider.base_url)
    if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
      const message = 'is http:// to another machine: use https://, or declare `allow_cleartext: true`'
      issues.push({ path: ['providers', name, 'base_url'], message })
    }
  }
  return issues
}

function listeners(raw: RawMap): Issue[] {
  const read = (name: string) => {
    const text = valueAt(raw, ['listen', name])
    return typeof text === 'string' ? parseListen(text) : null
  }
  const [data, admin] = [read('data'), read('admin')]
  if (data === null || admin === null || data.port === 0 || data.port !== admin.port) return []
  const everywhere = (host: string) => host === '0.0.0.0' || host === '::'
  if (data.host !== admin.host && !everywhere(data.host) && !everywhere(admin.host)) return []
  return [
    {
      path: ['listen', 'admin'],
      message: 'takes the same port as `listen.data`: no admin path may stand on the data port',
    },
  ]
}

/** Erasing a person's content destroys keys; a backup of `state` that held them would bring the content back. */
function folders(raw: RawMap, absolute: (path: Path, text: string) => string): Issue[] {
  if (typeof raw.state !== 'string' || typeof raw.keys !== 'string' || raw.state === '' || raw.keys === '') return []
  const [state, keys] = [absolute(['state'], raw.state), absolute(['keys'], raw.keys)]
  if (!within(keys, state) && !within(state, keys)) return []
  return [{ path: ['keys'], message: 'must lie apart from `state`: neither folder may be, or lie in, the other' }]
}

function within(inner: string, outer: string): boolean {
  const way = relative(resolve(outer), resolve(inner))
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way))
}

function entries(value: Raw | undefined): [string, Raw][] {
  return isRawMap(value) ? Object.entries(value) : []
}

/** What is allowed but worth a word. */
export function doubtful(raw: RawMap): Issue[] {
  const warnings: Issue[] = []
  for (const section of ['tenants', 'providers', 'models']) {
    if (entries(raw[section]).length === 0)
      warnings.push({ path: [section], message: 'is empty: every call will be refused', at: 'key' })
  }
  if (provesNobody(raw)) {
    warnings.push({
      path: ['identity', 'gateway_keys'],
      message: 'is false and nothing else proves who calls: every call will be refused',
    })
  }
  const admin = valueAt(raw, ['listen', 'admin'])
  const address = typeof admin === 'string' ? parseListen(admin) : null
  if (address !== null && !isLoopback(address.host)) {
    warnings.push({
      path: ['listen', 'admin'],
      message: 'can be reached from other machines: keep it off public networks',
    })
  }
  const used = new Set(entries(raw.models).flatMap(([, model]) => routedProviders(model)))
  for (const [name, provider] of entries(raw.providers)) {
    if (!used.has(name)) warnings.push({ path: ['providers', name], message: 'is on no route of `models`', at: 'key' })
    if (isRawMap(provider) && provider.allow_cleartext === true && String(provider.base_url).startsWith('http:')) {
      warnings.push({
        path: ['providers', name, 'base_url'],
        message: 'sends text and credential in the clear (`allow_cleartext`)',
      })
    }
  }
  return [...warnings, ...clearRevocations(raw), ...strange(raw)]
}

function routedProviders(model: Raw): string[] {
  const list = isRawMap(model) ? model.routes : undefined
  return Array.isArray(list)
    ? list.flatMap((route) => (isRawMap(route) && typeof route.provider === 'string' ? [route.provider] : []))
    : []
}
