import type { Logger } from 'pino'
import type { Config, LoadedConfig } from '../config.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import type { Json } from '../core/json.ts'
import type { Plugin } from '../core/plugin.ts'
import type { Ledger, RecordKind } from '../core/record.ts'
import type { Toolchain } from '../policy/toolchain/index.ts'
import { makeGeneration } from './generation.ts'
import { errorFacts } from './log.ts'
import { type LoadedPolicy, loadPolicy } from './policy.ts'
import type { Providers } from './providers.ts'

export type Active = Readonly<{ generation: Generation; loaded: LoadedConfig; policy: LoadedPolicy }>

export type ActivationParts = Readonly<{
  ledger: Ledger
  toolchain: Toolchain
  providers: Providers
  plugins: readonly Plugin[]
  log: Logger
}>

/** What a reload came to. `restart` names settings that changed and take effect only at the next start. */
export type ReloadReport = Readonly<{ activated: boolean; restart: readonly string[]; error?: CustomhouseError }>

/**
 * Owns the one reference to the active generation. A new one is loaded whole, its activation is durable, and only then it is swapped
 * in; on any failure the last good one stays, and the failure is on record.
 */
export class Activation {
  readonly #parts: ActivationParts
  #active: Active
  #confirmedAt: number
  #turn: Promise<unknown> = Promise.resolve()
  /** The outcome of the last reload, for health and metrics. */
  lastError: CustomhouseError | null = null

  private constructor(parts: ActivationParts, active: Active, since: number) {
    this.#parts = parts
    this.#active = active
    this.#confirmedAt = since
  }

  /** The first generation. What is wrong with it stops the start. */
  static async first(parts: ActivationParts, loaded: LoadedConfig): Promise<Activation> {
    const since = performance.now()
    const active = await load(parts, loaded, 1)
    await recordActivation(parts.ledger, null, active)
    parts.providers.activate(loaded.config.providers)
    return new Activation(parts, active, since)
  }

  get active(): Active {
    return this.#active
  }

  /**
   * A look at the disk, begun at `since` (`performance.now()`), found the content that was acted upon last. Where that was rejected, what is
   * active is not what is wanted, and nothing is confirmed.
   */
  confirm(since: number): void {
    if (this.lastError === null && since > this.#confirmedAt) this.#confirmedAt = since
  }

  /** Whether what is active was found to be what is wanted within `reload.stale_after`. */
  fresh(): boolean {
    const { staleAfterMs } = this.#active.loaded.config.reload
    return staleAfterMs === null || performance.now() - this.#confirmedAt <= staleAfterMs
  }

  /** What the probes are told. What denies every call is not ready; what was rejected while the last good one serves is. */
  health(): Readonly<Record<string, string>> {
    const { policy, loaded } = this.#active
    const error = this.lastError
    const stale = 'what is active may not be what is wanted: calls are denied (reload.stale_after)'
    return {
      policy: `ok ${policy.revision}`,
      config: `ok ${loaded.digest}`,
      reload: error === null ? 'ok' : `ok (last good; the last reload failed with ${error.code})`,
      ...(loaded.config.reload.staleAfterMs === null ? {} : { freshness: this.fresh() ? 'ok' : stale }),
    }
  }

  /** Reloads, one at a time. `read` reads the configuration anew. Never rejects: a failure changes nothing but {@link lastError}. */
  reload(read: () => Promise<LoadedConfig>): Promise<ReloadReport> {
    const turn = this.#turn.then(() => this.#reload(read))
    this.#turn = turn
    return turn
  }

  async #reload(read: () => Promise<LoadedConfig>): Promise<ReloadReport> {
    const { ledger, log, providers } = this.#parts
    const before = this.#active
    // What is compiled takes seconds; nothing else is said in them.
    log.info({ generation: before.generation.number + 1 }, 'a new version is being read and compiled')
    const since = performance.now()
    try {
      const loaded = await read()
      const next = await load(this.#parts, loaded, before.generation.number + 1)
      const restart = needRestart(before.loaded, loaded)
      if (restart.length > 0)
        log.warn({ settings: restart }, 'some settings changed that take effect at the next start')
      await recordActivation(ledger, before, next).catch((error: unknown) => {
        next.policy.retire()
        throw error
      })
      this.#active = next
      before.policy.retire()
      this.lastError = null
      this.#confirmedAt = since
      providers.activate(loaded.config.providers)
      log.info({ generation: next.generation.number, policy: next.policy.revision, config: loaded.digest }, 'activated')
      return { activated: true, restart }
    } catch (error) {
      const known =
        error instanceof CustomhouseError
          ? error
          : new CustomhouseError('ERR_GATEWAY_INTERNAL', 'The reload failed.', { cause: error })
      this.lastError = known
      const kind: RecordKind = known.code.startsWith('ERR_POLICY_') ? 'policy.rejected' : 'config.rejected'
      log.error(errorFacts(known), 'the new policy or configuration was rejected; the last good one stays')
      const body = {
        code: known.code,
        generation: before.generation.number,
        message: known.message.slice(0, 2_000).toWellFormed(),
      }
      await ledger
        .append({ kind, tenant: '_gateway', call: null, body })
        .catch((failure: unknown) => log.fatal(errorFacts(failure), 'the rejection could not be recorded'))
      return { activated: false, restart: [], error: known }
    }
  }
}

async function load(parts: ActivationParts, loaded: LoadedConfig, number: number): Promise<Active> {
  const policy = await loadPolicy(loaded.config.policy, parts.toolchain, loaded.config.limits.policy)
  try {
    const generation = await makeGeneration(number, loaded, policy, parts.plugins, parts.providers)
    return { loaded, policy, generation }
  } catch (error) {
    policy.retire()
    throw error
  }
}

/** Durable before the swap: every decision's revision is one whose activation is on record. */
async function recordActivation(ledger: Ledger, before: Active | null, next: Active): Promise<void> {
  const write = (kind: RecordKind, body: Readonly<Record<string, Json>>) =>
    ledger.append({ kind, tenant: '_gateway', call: null, body })
  const { policy, loaded, generation } = next
  const writes: Promise<unknown>[] = []
  if (before?.policy.revision !== policy.revision) {
    writes.push(
      write('policy.activated', {
        controls: generation.controls,
        generation: generation.number,
        obligations: policy.obligations,
        previous: before?.policy.revision ?? null,
        revision: policy.revision,
        source: loaded.config.policy.kind,
      }),
    )
  }
  if (before?.loaded.digest !== loaded.digest) {
    writes.push(
      write('config.activated', {
        digest: loaded.digest,
        generation: generation.number,
        previous: before?.loaded.digest ?? null,
      }),
    )
  }
  await Promise.all(writes)
}

/** Settings that are read once: sockets, folders and the log's name cannot change under a running gateway. By their names in the file. */
const READ_ONCE: Readonly<Record<string, (config: Config) => unknown>> = {
  listen: ({ listen: { data, admin, tls } }) => ({ data, admin, tls: tls !== null }),
  state: ({ state }) => state,
  keys: ({ keys }) => keys,
  'reload.every': ({ reload }) => reload.everyMs,
  audit: ({ audit: { log, checkpointEveryMs, minFreeBytes } }) => ({ log, checkpointEveryMs, minFreeBytes }),
  log: ({ log }) => log,
  identity: ({ identity }) => identity,
  'limits.headers': ({ limits }) => limits.headerBytes,
  'limits.connections': ({ limits }) => limits.connections,
  'limits.streams': ({ limits }) => limits.streams,
  'limits.in_flight_bytes': ({ limits }) => limits.inFlightBytes,
  'limits.timeouts.connection': ({ limits }) => limits.timeouts.connectionMs,
  'limits.timeouts.headers': ({ limits }) => limits.timeouts.headersMs,
  'limits.timeouts.request': ({ limits }) => limits.timeouts.requestMs,
  'limits.timeouts.keep_alive': ({ limits }) => limits.timeouts.keepAliveMs,
}

function needRestart({ config: before }: LoadedConfig, { config: after }: LoadedConfig): readonly string[] {
  return Object.entries(READ_ONCE)
    .filter(([, read]) => JSON.stringify(read(before)) !== JSON.stringify(read(after)))
    .map(([name]) => name)
}
