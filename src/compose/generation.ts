import { createResidency, type Declared, lookup, readDeclared } from '../../plugins/residency/index.ts'
import type { Config, LoadedConfig } from '../config.ts'
import type { Dialect, ProviderKind, Residency, Target } from '../core/call.ts'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import type { Plugin } from '../core/plugin.ts'
import { dischargers } from '../pipeline/discharge.ts'
import { stream } from '../pipeline/stream.ts'
import { judgeCanaries } from '../policy/canary.ts'
import { type LoadedPolicy, requireControls } from './policy.ts'
import type { Providers } from './providers.ts'

/** Makes the value that calls are judged by and sent through. Throws ERR_CONFIG_INVALID where configuration and policy do not fit. */
export function makeGeneration(
  number: number,
  loaded: LoadedConfig,
  policy: LoadedPolicy,
  extra: readonly Plugin[],
  providers: Providers,
): Generation {
  const { config } = loaded
  const residencies = residenciesOf(loaded)
  const residency = createResidency({ declared: declaredOf(config) })
  const plugins = [stream, residency.plugin, ...extra]
  const controls = Object.freeze([...new Set([...policy.controls, ...config.controls])].sort())
  requireFit(policy, plugins)
  judgeCanaries(policy.decider, { controls })
  requireControls(policy, controls)
  const { limits } = config
  return Object.freeze({
    number,
    configDigest: loaded.digest,
    environment: config.environment,
    decider: policy.decider,
    controls,
    plugins,
    catalogue: residency.catalogue,
    providers: new Map([...config.providers].map(([name, provider]) => [name, providers.get(name, provider)])),
    models: new Map(
      [...config.models].map(([name, { routes }]) => [
        name,
        routes.map((route) => targetOf(route, config, residencies)),
      ]),
    ),
    tenants: config.tenants,
    limits: {
      answerBytes: limits.answerBytes,
      inspectMs: limits.timeouts.inspectMs,
      firstByteMs: limits.timeouts.firstByteMs,
      idleMs: limits.timeouts.idleMs,
      totalMs: limits.timeouts.totalMs,
      heldCharacters: limits.heldCharacters,
    },
  })
}

/** What the bundle may demand must be somebody's to carry out. */
function requireFit(policy: LoadedPolicy, plugins: readonly Plugin[]): void {
  const doers = dischargers({ plugins })
  const orphans = policy.obligations.filter((type) => !doers.has(type))
  if (orphans.length > 0) {
    throw new CustomhouseError(
      'ERR_POLICY_BUNDLE',
      `The policy declares obligations that no plugin of this gateway carries out: ${orphans.join(', ')}. There are ${[...doers.keys()].join(', ')}.`,
    )
  }
}

/** Where each provider is, from the catalogue's entry that it names or from its own declaration. All that is wrong at once, with its place. */
function residenciesOf(loaded: LoadedConfig): ReadonlyMap<string, Residency> {
  const residencies = new Map<string, Residency>()
  const issues: { path: readonly string[]; message: string }[] = []
  for (const [name, provider] of loaded.config.providers) {
    try {
      const { baseUrl, residency } = provider
      if (typeof residency === 'string') residencies.set(name, lookup(residency, baseUrl))
      else {
        readDeclared({ origin: new URL(baseUrl).origin, residency })
        residencies.set(name, residency)
      }
    } catch (error) {
      if (!isCustomhouseError(error)) throw error
      issues.push({ path: ['providers', name, 'residency'], message: error.message })
    }
  }
  if (issues.length > 0) throw loaded.invalid(issues)
  return residencies
}

function declaredOf(config: Config): readonly Declared[] {
  const declared: Declared[] = []
  for (const { baseUrl, residency } of config.providers.values()) {
    if (typeof residency !== 'string') declared.push({ origin: new URL(baseUrl).origin, residency })
  }
  return declared
}

/** What is spoken at each kind of provider. */
const DIALECTS: Readonly<Record<ProviderKind, readonly Dialect[]>> = {
  openai: ['openai.chat'],
  azure: ['openai.chat'],
  mistral: ['openai.chat'],
  anthropic: ['anthropic.messages'],
  bedrock: ['bedrock.converse', 'bedrock.invoke'],
}

function targetOf(
  route: Readonly<{ provider: string; model: string }>,
  config: Config,
  residencies: ReadonlyMap<string, Residency>,
): Target {
  const provider = config.providers.get(route.provider)
  const residency = residencies.get(route.provider)
  if (provider === undefined || residency === undefined)
    throw new Error(`route to ${route.provider}, which does not exist`)
  return Object.freeze({
    id: `${route.provider}/${route.model}`,
    provider: route.provider,
    model: route.model,
    kind: provider.kind,
    dialects: DIALECTS[provider.kind],
    residency,
    contract: provider.contract,
    tenants:
      provider.credential === null && !provider.awsChain && provider.tenantCredentials !== null
        ? [...provider.tenantCredentials.keys()]
        : null,
  })
}
