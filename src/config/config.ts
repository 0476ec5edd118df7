import type { Dialect, ProviderKind, Residency } from '../core/call.ts'
import type { Parsed } from './schema.ts'
import type { Secret } from './secret.ts'
import type { ListenAddress } from './unit.ts'

/** The configuration as the gateway uses it: times in milliseconds, sizes in bytes, paths absolute. */
export type Config = Readonly<{
  version: 1
  environment: string
  listen: Readonly<{ data: ListenAddress; admin: ListenAddress; tls: TlsConfig | null }>
  state: string
  keys: string
  policy: Readonly<{ kind: 'source'; path: string } | { kind: 'bundle'; path: string }>
  canaries: Readonly<{ allow: readonly CanaryConfig[]; deny: readonly CanaryConfig[] }>
  reload: Readonly<{ everyMs: number; staleAfterMs: number | null }>
  controls: readonly string[]
  tenants: ReadonlySet<string>
  identity: IdentityConfig
  residency: Readonly<{ catalogue: readonly string[]; maxAgeMs: number }>
  /** `apartAbove` in UTF-16 units. */
  redaction: Readonly<{ workers: number; cacheBytes: number; apartAbove: number }>
  providers: ReadonlyMap<string, ProviderConfig>
  /** By the name that clients ask for. */
  models: ReadonlyMap<string, ModelConfig>
  audit: Readonly<{
    checkpointEveryMs: number
    log: string
    progressEveryMs: number
    progressBytes: number
    minFreeBytes: number
  }>
  limits: LimitsConfig
  drain: Readonly<{ preStopDelayMs: number; timeoutMs: number }>
  traces: Readonly<{ acceptParent: boolean }>
  log: Readonly<{ level: Parsed['log']['level']; format: Parsed['log']['format'] }>
}>

/** A call whose verdict is known before a version is activated. `dialect` null: each one that a target of the model speaks. */
export type CanaryConfig = Readonly<{
  tenant: string
  model: string
  dialect: Dialect | null
  groups: readonly string[]
  task: string | null
  purpose: string | null
  classes: readonly string[]
  findings: readonly string[]
}>

export type ProviderConfig = Readonly<{
  kind: ProviderKind
  /** Without a slash at its end. */
  baseUrl: string
  /** Of AWS; null for every other kind. */
  region: string | null
  /** Id of an entry of the catalogue (`openai/eu`), or what the operator declares. */
  residency: string | DeclaredResidency
  /** Null: the adapter adds no credential of this configuration. */
  credential: Secret | null
  /** `credential: aws`: signed with what AWS's own chain finds. */
  awsChain: boolean
  /** In place of `credential`, by tenant. Null: tenants have none of their own. */
  tenantCredentials: ReadonlyMap<string, Secret> | null
  tls: Readonly<{ ca: string | null; cert: string | null; key: Secret | null }>
  proxy: 'none' | 'env'
  /** The residency of OpenAI's project; null where it is not said. */
  project: string | null
  contract: readonly string[]
  allowCleartext: boolean
  timeouts: ProviderTimeouts
}>

/** What the data port shows: a file with certificates, and their private key. */
export type TlsConfig = Readonly<{ cert: string; key: Secret; clientCa: string | null }>

export type IdentityConfig = Readonly<{
  gatewayKeys: boolean
  sigv4: boolean
  jwt: readonly IssuerConfig[]
  /** By URI or DNS name of the certificate. Null: none are taken. */
  mtls: ReadonlyMap<string, Readonly<{ tenant: string; groups: readonly string[]; purpose: string | null }>> | null
  revocation: RevocationConfig | null
}>

export type IssuerConfig = Readonly<{
  issuer: string
  audience: string
  /** Null: what the issuer's discovery document names. */
  jwks: string | null
  ca: string | null
  algorithms: readonly string[]
  clockSkewMs: number
  maxAgeMs: number
  keysEveryMs: number
  keysStaleAfterMs: number
  /** One tenant for all tokens, or a claim and what its words stand for. */
  tenant: Readonly<{ all: string } | { claim: string; by: ReadonlyMap<string, string> }>
  subjectClaim: string
  groupsClaim: string | null
  purposeClaim: string | null
  otherClaims: readonly string[]
}>

export type RevocationConfig = Readonly<{
  store: Readonly<{ redis: string; user: string | null; password: Secret | null } | { file: string }>
  everyMs: number
  staleAfterMs: number
}>

/** No facet is null: what an operator does not know cannot be declared. */
export type DeclaredResidency = Residency & Readonly<{ [facet in keyof Residency]: readonly string[] }>

export type ProviderTimeouts = Readonly<{ connectMs: number; firstByteMs: number; idleMs: number; totalMs: number }>
export type ModelConfig = Readonly<{ routes: readonly Readonly<{ provider: string; model: string }>[] }>

export type LimitsConfig = Readonly<{
  bodyBytes: number
  headerBytes: number
  /** Connections to the data port at one time; null: as many as the system has. */
  connections: number | null
  /** Calls at one time on one HTTP/2 connection. */
  streams: number
  inFlightBytes: number
  answerBytes: number
  /** UTF-16 units. */
  heldCharacters: number
  /** `input` in bytes of JSON; `share` in percent of the main thread's time, for one tenant. */
  policy: Readonly<{ inputBytes: number; timeMs: number; share: number }>
  breaker: Readonly<{ failures: number; windowMs: number; restMs: number; retryAfterMs: number }>
  timeouts: Readonly<{
    connectionMs: number
    headersMs: number
    requestMs: number
    keepAliveMs: number
    inspectMs: number
    connectMs: number
    firstByteMs: number
    idleMs: number
    totalMs: number
  }>
}>

/** AWS's own host of the Bedrock runtime. The domain is that of the region's partition. */
function bedrockAt(region: string): string {
  const domain = region.startsWith('cn-')
    ? 'amazonaws.com.cn'
    : region.startsWith('eusc-')
      ? 'amazonaws.eu'
      : 'amazonaws.com'
  return `https://bedrock-runtime.${region}.${domain}`
}

/** Names and units of the gateway, from those of the file. `absolute` makes paths absolute, `secret` resolves references. */
export function toConfig(
  parsed: Parsed,
  log: string,
  absolute: (path: readonly string[], text: string) => string,
  secret: (path: readonly string[], reference: string) => Secret,
): Config {
  const { listen, policy, limits } = parsed
  const { timeouts } = limits
  const file = (at: readonly string[], text: string | undefined): string | null =>
    text === undefined ? null : absolute(at, text)
  const providers = Object.entries(parsed.providers).map(([name, one]): [string, ProviderConfig] => [
    name,
    {
      kind: one.kind,
      baseUrl: one.base_url ?? bedrockAt(one.region ?? ''),
      region: one.region ?? null,
      residency: one.residency,
      credential:
        one.credential === undefined || one.credential === 'aws'
          ? null
          : secret(['providers', name, 'credential'], one.credential),
      awsChain: one.credential === 'aws',
      tenantCredentials:
        one.tenant_credentials === undefined
          ? null
          : new Map(
              Object.entries(one.tenant_credentials).map(([tenant, text]) => [
                tenant,
                secret(['providers', name, 'tenant_credentials', tenant], text),
              ]),
            ),
      tls: {
        ca: file(['providers', name, 'tls', 'ca'], one.tls?.ca),
        cert: file(['providers', name, 'tls', 'cert'], one.tls?.cert),
        key: one.tls?.key === undefined ? null : secret(['providers', name, 'tls', 'key'], one.tls.key),
      },
      proxy: one.proxy,
      project: one.project ?? null,
      contract: one.contract,
      allowCleartext: one.allow_cleartext,
      timeouts: {
        connectMs: one.timeouts.connect ?? timeouts.connect,
        firstByteMs: one.timeouts.first_byte ?? timeouts.first_byte,
        idleMs: one.timeouts.idle ?? timeouts.idle,
        totalMs: one.timeouts.total ?? timeouts.total,
      },
    },
  ])
  return {
    version: parsed.version,
    environment: parsed.environment,
    listen: {
      data: listen.data,
      admin: listen.admin,
      tls:
        listen.tls === undefined
          ? null
          : {
              cert: absolute(['listen', 'tls', 'cert'], listen.tls.cert),
              key: secret(['listen', 'tls', 'key'], listen.tls.key),
              clientCa: file(['listen', 'tls', 'client_ca'], listen.tls.client_ca),
            },
    },
    state: absolute(['state'], parsed.state),
    keys: absolute(['keys'], parsed.keys),
    policy:
      policy.bundle === undefined
        ? { kind: 'source', path: absolute(['policy', 'source'], policy.source ?? './policies') }
        : { kind: 'bundle', path: absolute(['policy', 'bundle'], policy.bundle) },
    canaries: { allow: policy.canaries.allow.map(canaryOf), deny: policy.canaries.deny.map(canaryOf) },
    reload: { everyMs: parsed.reload.every, staleAfterMs: parsed.reload.stale_after ?? null },
    controls: [...new Set(parsed.controls)],
    tenants: new Set(Object.keys(parsed.tenants)),
    identity: identityOf(parsed.identity, absolute, secret),
    residency: {
      catalogue: parsed.residency.catalogue.map((text, index) =>
        absolute(['residency', 'catalogue', String(index)], text),
      ),
      maxAgeMs: parsed.residency.max_age,
    },
    redaction: {
      workers: parsed.redaction.workers,
      cacheBytes: parsed.redaction.cache,
      apartAbove: parsed.redaction.apart_above,
    },
    providers: new Map(providers),
    models: new Map(Object.entries(parsed.models)),
    audit: {
      checkpointEveryMs: parsed.audit.checkpoint_every,
      log,
      progressEveryMs: parsed.audit.progress_every,
      progressBytes: parsed.audit.progress_bytes,
      minFreeBytes: parsed.audit.min_free,
    },
    limits: {
      bodyBytes: limits.body,
      headerBytes: limits.headers,
      connections: limits.connections ?? null,
      streams: limits.streams,
      inFlightBytes: limits.in_flight_bytes,
      answerBytes: limits.answer,
      heldCharacters: limits.held_characters,
      policy: { inputBytes: limits.policy.input, timeMs: limits.policy.time, share: limits.policy.share },
      breaker: {
        failures: limits.breaker.failures,
        windowMs: limits.breaker.window,
        restMs: limits.breaker.rest,
        retryAfterMs: limits.breaker.retry_after,
      },
      timeouts: {
        connectionMs: timeouts.connection,
        headersMs: timeouts.headers,
        requestMs: timeouts.request,
        keepAliveMs: timeouts.keep_alive,
        inspectMs: timeouts.inspect,
        connectMs: timeouts.connect,
        firstByteMs: timeouts.first_byte,
        idleMs: timeouts.idle,
        totalMs: timeouts.total,
      },
    },
    drain: { preStopDelayMs: parsed.drain.pre_stop_delay, timeoutMs: parsed.drain.timeout },
    traces: { acceptParent: parsed.traces.accept_parent },
    log: parsed.log,
  }
}

function canaryOf({
  dialect,
  task,
  purpose,
  data_classes: classes,
  ...rest
}: Parsed['policy']['canaries']['allow'][number]): CanaryConfig {
  return {
    ...rest,
    dialect: dialect ?? null,
    task: task ?? null,
    purpose: purpose ?? null,
    classes: [...classes].sort(),
  }
}

function identityOf(
  { gateway_keys: gatewayKeys, sigv4, jwt, mtls, revocation }: Parsed['identity'],
  absolute: (path: readonly string[], text: string) => string,
  secret: (path: readonly string[], reference: string) => Secret,
): IdentityConfig {
  const issuers = jwt.map(
    (one, index): IssuerConfig => ({
      issuer: one.issuer,
      audience: one.audience,
      jwks: one.jwks ?? null,
      ca: one.ca === undefined ? null : absolute(['identity', 'jwt', String(index), 'ca'], one.ca),
      algorithms: one.algorithms,
      clockSkewMs: one.clock_skew,
      maxAgeMs: one.max_age,
      keysEveryMs: one.keys_every,
      keysStaleAfterMs: one.keys_stale_after,
      tenant:
        one.tenant !== undefined
          ? { all: one.tenant }
          : { claim: one.tenant_claim ?? '', by: new Map(Object.entries(one.tenants ?? {})) },
      subjectClaim: one.subject_claim,
      groupsClaim: one.groups_claim ?? null,
      purposeClaim: one.purpose_claim ?? null,
      otherClaims: one.other_claims,
    }),
  )
  const subjects = Object.entries(mtls?.subjects ?? {}).map(
    ([name, { tenant, groups, purpose }]) => [name, { tenant, groups, purpose: purpose ?? null }] as const,
  )
  return {
    gatewayKeys,
    sigv4,
    jwt: issuers,
    mtls: mtls === undefined ? null : new Map(subjects),
    revocation: revocation === undefined ? null : revocationOf(revocation, absolute, secret),
  }
}

function revocationOf(
  { store, user, password, every, stale_after: staleAfter }: NonNullable<Parsed['identity']['revocation']>,
  absolute: (path: readonly string[], text: string) => string,
  secret: (path: readonly string[], reference: string) => Secret,
): RevocationConfig {
  const at = ['identity', 'revocation']
  return {
    store: /^rediss?:\/\//.test(store)
      ? {
          redis: store,
          user: user ?? null,
          password: password === undefined ? null : secret([...at, 'password'], password),
        }
      : { file: absolute([...at, 'store'], store) },
    everyMs: every,
    staleAfterMs: staleAfter,
  }
}
