import type { ProviderConfig, Secret } from '../config.ts'
import type { Provider } from '../core/port.ts'
import { Breaker } from '../pipeline/breaker.ts'
import type { ProviderOptions } from '../providers/adapter.ts'
import { createAnthropic } from '../providers/anthropic.ts'
import { createAzure } from '../providers/azure.ts'
import { createBedrock } from '../providers/bedrock.ts'
import { createMistral } from '../providers/mistral.ts'
import { createOpenAI } from '../providers/openai.ts'
import { type Proxies, proxiesOf } from '../providers/proxy.ts'
import { readTls, type TlsOptions } from '../providers/tls.ts'

/** Connections to one provider at most. Calls beyond it wait, inside the time for the first byte. */
const MAX_SOCKETS = 512

type Made = {
  readonly name: string
  readonly provider: Provider
  readonly totalMs: number
  leaving: NodeJS.Timeout | null
}

/** What of a provider stands outside its configuration, as it was when its generation was made. */
type Outside = Readonly<{ tls: TlsOptions; tlsDigest: string; proxies: Proxies | null }>
type Secrets = Readonly<{ shared: Secret | null; tenants: ReadonlyMap<string, Secret> | null }>
type Environment = Readonly<Record<string, string | undefined>>

/**
 * The providers of all generations. One whose configuration did not change keeps its connections over a reload; its credentials are
 * looked up at each call, so that a rotated one takes effect. Certificates belong to the connections: other ones are another provider.
 */
export class Providers {
  /** Which of their targets are left alone. */
  readonly breaker = new Breaker()
  readonly #made = new Map<string, Made>()
  readonly #failed: (name: string, error: unknown) => void
  readonly #env: Environment
  /** Read once for each configuration: files may change between the making of a generation and its activation. */
  readonly #outside = new WeakMap<ProviderConfig, Outside>()
  #secrets = new Map<string, Secrets>()

  /** `failed` hears of a provider that could not be closed: no call is affected by that any more. `env` names proxies. */
  constructor(failed: (name: string, error: unknown) => void, env: Environment = process.env) {
    this.#failed = failed
    this.#env = env
  }

  /** The adapter for a provider of a configuration; made at the first asking. Throws ERR_CONFIG_INVALID for files of `tls` that cannot serve. */
  get(name: string, config: ProviderConfig): Provider {
    const outside = this.#outsideOf(name, config)
    const key = keyOf(name, config, outside.tlsDigest)
    const before = this.#made.get(key)
    if (before !== undefined) {
      // It may be leaving: the generation that asks must find it open. Where that one comes to nothing, the next activation lets it go.
      clearTimeout(before.leaving ?? undefined)
      before.leaving = null
      return before.provider
    }
    const provider = this.#make(name, key, config, outside)
    this.#made.set(key, { name, provider, totalMs: config.timeouts.totalMs, leaving: null })
    return provider
  }

  /**
   * A configuration has been activated: its credentials stand from now on. Providers that it lacks are closed once no call can use them
   * any more: an attempt that began before ends within the provider's total time, and no later one sees the old generation. Waits
   * for nothing, so that one long stream holds up no reload.
   */
  activate(providers: ReadonlyMap<string, ProviderConfig>): void {
    const secrets = new Map<string, Secrets>()
    const kept = new Set<string>()
    for (const [name, config] of providers) {
      const key = keyOf(name, config, this.#outsideOf(name, config).tlsDigest)
      kept.add(key)
      secrets.set(key, { shared: config.credential, tenants: config.tenantCredentials })
    }
    for (const [key, before] of this.#secrets) if (!secrets.has(key)) secrets.set(key, before)
    this.#secrets = secrets
    for (const [key, made] of this.#made) {
      if (kept.has(key)) {
        clearTimeout(made.leaving ?? undefined)
        made.leaving = null
      } else if (made.leaving === null) {
        made.leaving = setTimeout(() => void this.#leave(key, made), made.totalMs)
        made.leaving.unref()
      }
    }
  }

  async close(): Promise<void> {
    for (const { leaving } of this.#made.values()) clearTimeout(leaving ?? undefined)
    await Promise.all([...this.#made.values()].map(({ provider }) => provider.close()))
  }

  #make(name: string, key: string, config: ProviderConfig, { tls, proxies }: Outside): Provider {
    const { kind, baseUrl, timeouts, credential, tenantCredentials, awsChain } = config
    const options: ProviderOptions = {
      name,
      baseUrl,
      timeouts,
      totalMs: timeouts.totalMs,
      maxSockets: MAX_SOCKETS,
      tls,
      ...(proxies === null ? {} : { proxies }),
      credential:
        credential === null && tenantCredentials === null ? null : (tenant) => this.#secretOf(key, tenant)?.reveal(),
    }
    switch (kind) {
      case 'openai':
        return createOpenAI(options)
      case 'azure':
        return createAzure(options)
      case 'mistral':
        return createMistral(options)
      case 'anthropic':
        return createAnthropic(options)
      case 'bedrock':
        return createBedrock({ ...options, region: config.region ?? '', aws: awsChain })
    }
  }

  /** A tenant's own secret, else the one for all. */
  #secretOf(key: string, tenant: string): Secret | undefined {
    const secrets = this.#secrets.get(key)
    return secrets?.tenants?.get(tenant) ?? secrets?.shared ?? undefined
  }

  #outsideOf(name: string, config: ProviderConfig): Outside {
    const before = this.#outside.get(config)
    if (before !== undefined) return before
    const { ca, cert, key: secret } = config.tls
    const { options: tls, digest } = readTls(name, { ca, cert, key: secret?.reveal() ?? null })
    const proxies = config.proxy === 'env' ? proxiesOf(name, this.#env) : null
    const outside = { tls, tlsDigest: digest, proxies }
    this.#outside.set(config, outside)
    return outside
  }

  async #leave(key: string, { name, provider }: Made): Promise<void> {
    this.#made.delete(key)
    this.#secrets.delete(key)
    try {
      await provider.close()
    } catch (error) {
      this.#failed(name, error)
    }
  }
}

/** What two configurations must agree in to share connections. Secrets stand in it by their references, files by their content. */
function keyOf(name: string, config: ProviderConfig, tlsDigest: string): string {
  const { kind, baseUrl, region, credential, awsChain, tenantCredentials, proxy, timeouts } = config
  const tenants = [...(tenantCredentials ?? [])].map(([tenant, { reference }]) => [tenant, reference]).sort()
  const shared = awsChain ? 'aws' : (credential?.reference ?? null)
  return JSON.stringify([name, kind, baseUrl, region, shared, tenantCredentials && tenants, proxy, tlsDigest, timeouts])
}
