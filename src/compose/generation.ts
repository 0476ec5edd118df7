import { randomBytes } from 'node:crypto'
import {
  type Asked,
  type CatalogueData,
  catalogueWith,
  createResidency,
  type Declared,
  declaredAt,
  OtherProject,
  OtherRegion,
  readPlace,
  same,
} from '../../plugins/residency/index.ts'
import { createRetention } from '../../plugins/retention/index.ts'
import { type Config, type Issue, type LoadedConfig, nearest } from '../config.ts'
import type { Dialect, ProviderKind, Residency, Target } from '../core/call.ts'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import type { Plugin } from '../core/plugin.ts'
import { createAttempts } from '../pipeline/attempts.ts'
import { Breaker } from '../pipeline/breaker.ts'
import { dischargers } from '../pipeline/discharge.ts'
import { stream } from '../pipeline/stream.ts'
import { judgeCanaries } from '../policy/canary.ts'
import { judgeOwnCanaries } from './canaries.ts'
import { type LoadedPolicy, requireControls } from './policy.ts'
import type { Providers } from './providers.ts'
import { redactionOf } from './redaction.ts'

/**
 * Makes the value that calls are judged by and sent through, and has it judge the canaries. Rejects with ERR_CONFIG_INVALID where configuration and
 * policy do not fit, ERR_POLICY_CANARY where a canary comes out otherwise.
 *
 * @param secret of the tokens; who only judges, and sends nothing, needs none
 */
export async function makeGeneration(
  number: number,
  loaded: LoadedConfig,
  policy: LoadedPolicy,
  extra: readonly Plugin[],
  providers: Providers,
  secret: Uint8Array = randomBytes(32),
): Promise<Generation> {
  const { config } = loaded
  const { residency, models } = placed(loaded)
  const hosts = new Map([...config.providers].map(([name, { baseUrl }]) => [name, new URL(baseUrl).hostname]))
  const attempts = attemptsOf(config, providers.breaker)
  const redaction = redactionOf(config, policy, secret)
  const plugins = [stream, attempts, redaction, residency.plugin, createRetention({ hosts }), ...extra]
  const controls = Object.freeze([...new Set([...policy.controls, ...config.controls])].sort())
  requireFit(policy, plugins)
  await judgeCanaries(policy.decider, { controls })
  requireControls(policy, controls)
  const { limits } = config
  const generation: Generation = Object.freeze({
    number,
    configDigest: loaded.digest,
    environment: config.environment,
    decider: policy.decider,
    controls,
    plugins,
    catalogue: residency.catalogue,
    providers: new Map([...config.providers].map(([name, provider]) => [name, providers.get(name, provider)])),
    models,
    tenants: config.tenants,
    limits: {
      answerBytes: limits.answerBytes,
      inspectMs: limits.timeouts.inspectMs,
      firstByteMs: limits.timeouts.firstByteMs,
      idleMs: limits.timeouts.idleMs,
      totalMs: limits.timeouts.totalMs,
      heldCharacters: limits.heldCharacters,
      progressMs: config.audit.progressEveryMs,
      progressBytes: config.audit.progressBytes,
    },
  })
  // As if all targets were well: a provider that is down must not keep an operator from another configuration.
  const well = attemptsOf(config, new Breaker())
  const unharmed = plugins.map((plugin) => (plugin === attempts ? well : plugin))
  await judgeOwnCanaries(config, { ...generation, plugins: unharmed })
  return generation
}

/**
 * Where the targets of each model are, whatever a policy says of them. Throws ERR_CONFIG_INVALID where the catalogue's files or a provider's own residency
 * cannot stand.
 */
export function placed(
  loaded: LoadedConfig,
): Readonly<{ residency: ReturnType<typeof createResidency>; models: Generation['models'] }> {
  const { config } = loaded
  const catalogue = catalogueOf(loaded)
  requirePlaces(loaded, catalogue)
  const residency = createResidency({
    declared: declaredOf(config),
    catalogue,
    addresses: new Map([...config.providers].map(([name, { baseUrl }]) => [name, baseUrl])),
    projects: projectsOf(config),
  })
  const models = new Map(
    [...config.models].map(([name, { routes }]) => [
      name,
      routes.map((route) => targetOf(route, config, residency.residencyOf)),
    ]),
  )
  return { residency, models }
}

/** What is known of targets outlives the generation; the limits are its own. */
function attemptsOf(config: Config, breaker: Breaker): Plugin {
  const providerOf = ({ provider }: Target) => config.providers.get(provider)
  return createAttempts({
    breaker,
    limits: config.limits.breaker,
    addressOf: (target) => providerOf(target)?.baseUrl ?? '',
    isApart: (target, tenant) => providerOf(target)?.tenantCredentials?.has(tenant) ?? false,
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

/** The shipped catalogue with the operator's files laid over it, for whoever prints or judges it. Throws ERR_CONFIG_INVALID at `residency.catalogue`. */
export function catalogueOf(loaded: LoadedConfig): CatalogueData {
  try {
    return catalogueWith(loaded.overlays)
  } catch (error) {
    if (!isCustomhouseError(error)) throw error
    throw loaded.invalid([{ path: ['residency', 'catalogue'], message: error.message }])
  }
}

function projectsOf({ providers }: Config): ReadonlyMap<string, string> {
  return new Map(
    [...providers.values()].flatMap(({ baseUrl, project }) =>
      project === null ? [] : [[new URL(baseUrl).origin, project] as const],
    ),
  )
}

/** Each provider's own residency fits its kind and address. All that is wrong at once, with its place. */
function requirePlaces(loaded: LoadedConfig, catalogue: CatalogueData): void {
  const issues: Issue[] = []
  type Earlier = Readonly<{ name: string; residency: Residency; region: string | null; project: string | null }>
  const places = new Map<string, Earlier>()
  for (const [name, provider] of loaded.config.providers) {
    try {
      const residency = readPlace(provider, catalogue)
      const { origin } = new URL(provider.baseUrl)
      const { region, project } = provider
      const earlier = places.get(origin)
      if (earlier === undefined) places.set(origin, { name, residency, region, project })
      // An address is asked where it is, and has one answer.
      else if (!same(earlier.residency, residency) || clash(earlier.region, region)) {
        if (typeof provider.residency === 'string' && project !== earlier.project) {
          const message = `keeps text elsewhere than the project of ${earlier.name}, which is at the same address, and an address has one answer: declare for both a residency whose storage names the places of both`
          issues.push({ path: ['providers', name, project === null ? 'residency' : 'project'], message })
          continue
        }
        const message = `says otherwise than that of ${earlier.name}, which is at the same address: give one of them another host name of the provider, or both the same residency and region`
        issues.push({ path: ['providers', name, 'residency'], message })
      }
    } catch (error) {
      if (!isCustomhouseError(error)) throw error
      const { message } = error
      if (error instanceof OtherProject) {
        issues.push({ path: ['providers', name, 'project'], message })
        continue
      }
      issues.push(
        error instanceof OtherRegion
          ? { path: ['providers', name, 'region'], message, hint: nearest(provider.region ?? '', [error.meant]) }
          : { path: ['providers', name, 'residency'], message },
      )
    }
  }
  if (issues.length > 0) throw loaded.invalid(issues)
}

function clash(one: string | null, other: string | null): boolean {
  return one !== null && other !== null && one !== other
}

function declaredOf(config: Config): readonly Declared[] {
  const declared: Declared[] = []
  for (const { baseUrl, residency, region } of config.providers.values()) {
    if (typeof residency !== 'string') declared.push(declaredAt(baseUrl, residency, region))
  }
  return declared
}

/**
 * Routes that no call can take, since nobody knows where their text would go: one line for the operator each. No fault of the configuration: a
 * policy may never be asked for them, and the call is refused.
 */
export function unplaced({ models }: Pick<Generation, 'models'>): readonly string[] {
  return [...models].flatMap(([name, targets]) =>
    targets.flatMap(({ id, residency }) => {
      const { endpoint, processing, storage } = residency
      const facets = Object.entries({ endpoint, processing, storage }).flatMap(([facet, places]) =>
        places === null ? [facet] : [],
      )
      if (facets.length === 0) return []
      return [`model ${name}: no call can take the route to ${id}, whose ${facets.join(' and ')} nobody knows`]
    }),
  )
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
  residencyOf: (asked: Asked) => Residency,
): Target {
  const provider = config.providers.get(route.provider)
  if (provider === undefined) throw new Error(`route to ${route.provider}, which does not exist`)
  const { kind, baseUrl } = provider
  return Object.freeze({
    id: `${route.provider}/${route.model}`,
    provider: route.provider,
    model: route.model,
    kind,
    dialects: DIALECTS[kind],
    residency: residencyOf({ kind, baseUrl, model: route.model }),
    contract: provider.contract,
    tenants:
      provider.credential === null && !provider.awsChain && provider.tenantCredentials !== null
        ? [...provider.tenantCredentials.keys()]
        : null,
  })
}
