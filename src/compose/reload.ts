import type { Logger } from 'pino'
import type { LoadedConfig } from '../config.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import type { Json } from '../core/json.ts'
import type { Plugin } from '../core/plugin.ts'
import type { AuditDraft, Ledger, RecordKind } from '../core/record.ts'
import type { Toolchain } from '../policy/toolchain/index.ts'
import { type Content, contentOf, keyOf, readWhole, type Whole } from './content.ts'
import { makeGeneration } from './generation.ts'
import { errorFacts } from './log.ts'
import { type LoadedPolicy, loadPolicy } from './policy.ts'
import type { Providers } from './providers.ts'
import { needRestart } from './restart.ts'

export type Active = Readonly<{ generation: Generation; loaded: LoadedConfig; policy: LoadedPolicy }>

export type ActivationParts = Readonly<{
  ledger: Ledger
  toolchain: Toolchain
  providers: Providers
  plugins: readonly Plugin[]
  /** What the tokens of redaction are derived from. */
  secret: Uint8Array
  log: Logger
}>

/** What a reload came to. `restart` names settings that changed and take effect only at the next start. */
export type ReloadReport = Readonly<{ activated: boolean; restart: readonly string[]; error?: CustomhouseError }>

/** What failed is tried again after so long, twice as long each time, and not before the same time as it took has passed. */
const AGAIN_MS = { first: 1_000, most: 30_000 } as const

/** Rejections that wait for room on the ledger's volume; what would be more is told in the log alone. */
const MOST_OWED = 32

/**
 * Owns the one reference to the active generation. A new one is loaded whole, its activation is durable, and only then it is swapped
 * in; on any failure the last good one stays, and the failure is on record.
 */
export class Activation {
  readonly #parts: ActivationParts
  #active: Active
  /** What was read last, whatever came of it: it names the files that are looked at. */
  #wanted: LoadedConfig
  #acted: string
  #confirmedAt: number
  #turn: Promise<unknown> = Promise.resolve()
  /** Reloads that are under way or wait for their turn. */
  #pending = 0
  #failed: Failed | null = null
  #owed: AuditDraft[] = []

  private constructor(parts: ActivationParts, active: Active, content: Content, since: number) {
    this.#parts = parts
    this.#active = active
    this.#wanted = active.loaded
    this.#acted = keyOf(content)
    this.#confirmedAt = since
  }

  /**
   * The first generation. What is wrong with it stops the start.
   *
   * @param files digest of the files of `loaded` as it was read: what has changed since is another version
   */
  static async first(parts: ActivationParts, loaded: LoadedConfig, files: string): Promise<Activation> {
    const since = performance.now()
    const { made, content, error } = await readWhole(loaded, async () => loaded, making(parts, 1))
    if (made === null) throw error
    await recordActivation(parts.ledger, null, made)
    parts.providers.activate(loaded.config.providers)
    return new Activation(parts, made, { ...content, files }, since)
  }

  get active(): Active {
    return this.#active
  }

  /** The outcome of the last reload, for health. */
  get lastError(): CustomhouseError | null {
    return this.#failed?.error ?? null
  }

  /** The content that was acted upon last: activated or rejected. */
  get acted(): string {
    return this.#acted
  }

  /** Everything that a version is made of, as it is on disk now. */
  async content(): Promise<string> {
    return keyOf(await contentOf(this.#wanted))
  }

  /**
   * A look at the disk, begun at `since` (`performance.now()`), found the content that was acted upon last. Where that was rejected, or may be read
   * anew this moment, what is active may not be what is wanted, and nothing is confirmed.
   */
  confirm(since: number): void {
    if (this.#pending === 0 && this.#failed === null && since > this.#confirmedAt) this.#confirmedAt = since
  }

  /** Whether it is time to try once more what failed: the want of room, time or memory that it failed of may be over. */
  due(): boolean {
    return this.#pending === 0 && this.#failed !== null && performance.now() >= this.#failed.again
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
    return this.#inTurn(async () => (await this.#reload(read, false)).report)
  }

  /** Tries once more what is {@link due}. Null where it failed as it did before: that is on record, and told but once. */
  retry(read: () => Promise<LoadedConfig>): Promise<ReloadReport | null> {
    return this.#inTurn(async () => {
      const { report, known } = await this.#reload(read, true)
      return known ? null : report
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#pending += 1
    const turn = this.#turn.then(work).finally(() => {
      this.#pending -= 1
    })
    this.#turn = turn
    return turn
  }

  async #reload(read: () => Promise<LoadedConfig>, again: boolean): Promise<Outcome> {
    const { log } = this.#parts
    const number = this.#active.generation.number + 1
    // What is compiled takes seconds; nothing else is said in them.
    log[again ? 'debug' : 'info']({ generation: number }, 'a new version is being read and compiled')
    const since = performance.now()
    await this.#payOwed()
    let whole: Whole<Active>
    try {
      whole = await readWhole(this.#wanted, read, making(this.#parts, number))
    } catch (cause) {
      // No version: nothing is known of what is there. The next look that finds it still tries again.
      const error = knownError(cause)
      log.warn(errorFacts(error), 'what is on disk could not be read as one version; the last good one stays')
      this.#failed = failed(error, null, since, null)
      return { report: { activated: false, restart: [], error }, known: false }
    }
    this.#wanted = whole.wanted
    this.#acted = keyOf(whole.content)
    try {
      if (whole.made === null) throw whole.error
      const restart = await this.#swap(whole.made)
      this.#failed = null
      this.#confirmedAt = since
      const { policy, loaded } = whole.made
      log.info({ generation: number, policy: policy.revision, config: loaded.digest }, 'activated')
      return { report: { activated: true, restart }, known: false }
    } catch (cause) {
      return this.#reject(knownError(cause), since, again)
    }
  }

  /** Durable, then active. Rejects with everything as it was. */
  async #swap(next: Active): Promise<readonly string[]> {
    const { ledger, log, providers } = this.#parts
    const before = this.#active
    const restart = needRestart(before.loaded, next.loaded)
    if (restart.length > 0) log.warn({ settings: restart }, 'some settings changed that take effect at the next start')
    await recordActivation(ledger, before, next).catch((error: unknown) => {
      next.policy.retire()
      throw error
    })
    this.#active = next
    before.policy.retire()
    providers.activate(next.loaded.config.providers)
    return restart
  }

  async #reject(error: CustomhouseError, since: number, again: boolean): Promise<Outcome> {
    const { log } = this.#parts
    const before = again ? this.#failed : null
    this.#failed = failed(error, this.#acted, since, before)
    const report = { activated: false, restart: [], error }
    if (before?.error.code === error.code && before.content === this.#acted) {
      log.debug(errorFacts(error), 'what was rejected was tried again')
      return { report, known: true }
    }
    log.error(errorFacts(error), 'the new policy or configuration was rejected; the last good one stays')
    const kind: RecordKind = error.code.startsWith('ERR_POLICY_') ? 'policy.rejected' : 'config.rejected'
    const body = {
      code: error.code,
      generation: this.#active.generation.number,
      message: error.message.slice(0, 2_000).toWellFormed(),
    }
    if (this.#owed.length < MOST_OWED) this.#owed.push({ kind, tenant: '_gateway', call: null, body })
    else log.fatal({ code: error.code }, 'the rejection will not be recorded: too many wait for it')
    await this.#payOwed()
    return { report, known: false }
  }

  /** Rejections are on record in their order, before what is activated after them; what finds no room waits. */
  async #payOwed(): Promise<void> {
    const { ledger, log } = this.#parts
    try {
      for (let next = this.#owed[0]; next !== undefined; next = this.#owed[0]) {
        await ledger.append(next)
        this.#owed.shift()
      }
    } catch (error) {
      log.warn(errorFacts(error), 'a rejection cannot be recorded yet')
    }
  }
}

/** `known`: it failed as it did before. */
type Outcome = Readonly<{ report: ReloadReport; known: boolean }>

/** What failed, of which content (null: none stood still), and when it is tried again (`performance.now()`), `wait` ms and more after it failed. */
type Failed = Readonly<{ error: CustomhouseError; content: string | null; wait: number; again: number }>

function failed(error: CustomhouseError, content: string | null, since: number, before: Failed | null): Failed {
  const now = performance.now()
  const wait = before === null ? AGAIN_MS.first : Math.min(2 * before.wait, AGAIN_MS.most)
  return { error, content, wait, again: now + Math.max(wait, now - since) }
}

function knownError(cause: unknown): CustomhouseError {
  if (cause instanceof CustomhouseError) return cause
  return new CustomhouseError('ERR_GATEWAY_INTERNAL', 'The reload failed.', { cause })
}

function making(parts: ActivationParts, number: number) {
  return {
    make: (loaded: LoadedConfig) => load(parts, loaded, number),
    // A bundle is one file, with a checksum in it: half of one is not read.
    isOf: ({ policy, loaded }: Active, content: Content) =>
      loaded.config.policy.kind === 'bundle' || policy.revision === content.policy,
    discard: ({ policy }: Active) => policy.retire(),
  }
}

async function load(parts: ActivationParts, loaded: LoadedConfig, number: number): Promise<Active> {
  const policy = await loadPolicy(loaded.config.policy, parts.toolchain, loaded.config.limits.policy)
  try {
    const generation = await makeGeneration(number, loaded, policy, parts.plugins, parts.providers, parts.secret)
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
