import { join } from 'node:path'
import type { Logger } from 'pino'
import { readCertificate, renewCertificate } from './compose/certificate.ts'
import { readStill } from './compose/content.ts'
import { drain } from './compose/drain.ts'
import { unplaced } from './compose/generation.ts'
import { announcing } from './compose/listening.ts'
import { errorFacts, openLog } from './compose/log.ts'
import { MOUNTS } from './compose/mounts.ts'
import { Providers } from './compose/providers.ts'
import { Refusals } from './compose/refusals.ts'
import { Activation, type ReloadReport } from './compose/reload.ts'
import { openWithRoom } from './compose/room.ts'
import { healthOf, type Parts, stand, stateOf } from './compose/standing.ts'
import { Undo } from './compose/undo.ts'
import { packageVersion } from './compose/version.ts'
import { watching } from './compose/watching.ts'
import type { LoadedConfig } from './config.ts'
import type { Plugin } from './core/plugin.ts'
import { admin } from './http/admin.ts'
import { BodyBudget } from './http/budget.ts'
import { dataPlane } from './http/data.ts'
import { edge } from './http/edge.ts'
import { Flight } from './http/flight.ts'
import { listen, listenHttp1 } from './http/listener.ts'
import { CREDENTIAL_HEADERS, openKeys, STORE_NAME } from './identity/index.ts'
import type { Gateway } from './pipeline/gateway.ts'
import { openToolchain } from './policy/toolchain/index.ts'
import { type House, openTelemetry } from './telemetry/index.ts'

const REFUSALS_EVERY_MS = 10_000

export type ComposeOptions = Readonly<{
  /** Reads the configuration anew, for reloads. Absent: there are none. */
  read?: () => Promise<LoadedConfig>
  /** Plugins beyond the gateway's own; they run in the order given. */
  plugins?: readonly Plugin[]
  log?: Logger
  /** Gives the start up, and takes down what there is of it: `compose` rejects with the signal's reason. Of no effect once it has resolved. */
  signal?: AbortSignal
}>

/** A gateway that runs. */
export type Customhouse = Readonly<{
  /** `http://host:port` of the data (`https://` where it speaks TLS) and the admin listener. */
  data: string
  admin: string
  /** Reads configuration and policy anew now. Never rejects. */
  reload(): Promise<ReloadReport>
  /**
   * Drains and stops: not ready at once, no new connection after `drain.pre_stop_delay`, open calls have until `drain.timeout`, what is
   * still open then is cut off in its dialect, and everything is recorded. A second call does not wait any longer.
   */
  stop(): Promise<void>
  /** Settles when the ledger has latched: nothing is sent any more, and the process must exit (5) and recover. */
  failed: Promise<Error>
}>

/**
 * Wires everything. The only file that names concrete adapters, dialects and plugins. The admin port opens first, so that the probes can tell what the start is at; then
 * the ledger, however long its volume has no room; the data port last.
 */
export async function compose(given: LoadedConfig, options: ComposeOptions = {}): Promise<Customhouse> {
  const { plugins = [], read, signal = new AbortController().signal } = options
  // Before anything that takes long: what changes from here on is noticed.
  const { loaded, files } = await readStill(given, read)
  const { config } = loaded
  const log = options.log ?? openLog(config.log)
  const undo = new Undo(log)
  const standing = stand()
  const allStarted = Promise.withResolvers<void>()
  let parts: Parts | null = null
  let house: House | null = null
  try {
    if (read === undefined && config.reload.staleAfterMs !== null) {
      const message = 'needs a gateway that reads its configuration anew: this one does not, and would deny every call'
      throw loaded.invalid([{ path: ['reload', 'stale_after'], message }])
    }
    const { limits } = config
    const sockets = {
      connectionMs: limits.timeouts.connectionMs,
      headerBytes: limits.headerBytes,
      headersMs: limits.timeouts.headersMs,
      requestMs: limits.timeouts.requestMs,
      keepAliveMs: limits.timeouts.keepAliveMs,
    }
    const health = healthOf(standing, () => parts)
    const telemetry = await openTelemetry({
      version: packageVersion(),
      env: process.env,
      known: (tenant) => activation.active.loaded.config.tenants.has(tenant),
      acceptParent: () => activation.active.loaded.config.traces.acceptParent,
      warn: (line) => log.warn(line),
    })
    undo.add('the telemetry', () => telemetry.stop(), false)
    const metrics = telemetry.exposition(() => house)
    const adminListener = await listenHttp1(config.listen.admin, admin(health, metrics), sockets)
    undo.add('the admin port', () => {
      const stopped = adminListener.stop()
      adminListener.destroy()
      return stopped
    })
    const announce = announcing(plugins, allStarted.promise, log)
    const { ledger, recovered } = await openWithRoom(
      {
        state: config.state,
        keys: config.keys,
        log: config.audit.log,
        checkpointEveryMs: config.audit.checkpointEveryMs,
        minFreeBytes: config.audit.minFreeBytes,
        onCommit: (commit) => {
          telemetry.committed(commit.records, commit.ms)
          announce?.(commit)
        },
      },
      standing,
      signal,
      log,
    )
    undo.add('the ledger', () => ledger.close())
    log.info({ ...recovered }, 'the ledger is open')
    standing.starting = 'the policy is being loaded'
    const toolchain = openToolchain({ cacheDir: join(config.state, 'policy-cache') })
    undo.add('the policy compiler', () => toolchain.close())
    const providers = new Providers((name, error) =>
      log.error(errorFacts(error), `provider ${name} could not be closed`),
    )
    undo.add('the providers', () => providers.close())
    for (const plugin of plugins) {
      await plugin.start?.()
      undo.add(plugin.name, () => plugin.stop?.(), false)
    }
    allStarted.resolve()
    const activation = await Activation.first({ ledger, toolchain, providers, plugins, log }, loaded, files)
    undo.add('the policy', () => activation.active.policy.retire())
    signal.throwIfAborted()
    for (const line of unplaced(activation.active.generation)) log.warn(line)
    const keys = await openKeys({
      file: join(config.keys, STORE_NAME),
      accepted: config.identity,
      report: (event) =>
        event.kind === 'rejected'
          ? log.error(errorFacts(event.error), 'the store of gateway keys was rejected; the last good one stays')
          : log.debug({ keys: event.keys }, 'gateway keys loaded'),
    })
    undo.add('the gateway keys', () => keys.close())
    const refusals = new Refusals(ledger, REFUSALS_EVERY_MS)
    undo.add('the count of refusals', () => refusals.stop())
    const drained = new AbortController()
    const gateway: Gateway = {
      generation: () => activation.active.generation,
      ledger,
      authenticator: keys,
      fresh: () => activation.fresh(),
      drained: drained.signal,
      refused: (code, tenant) => {
        telemetry.refused(code)
        refusals.count(code, tenant)
      },
      report: (what, error, call) => log.error({ call, ...errorFacts(error) }, what),
    }
    const flight = new Flight()
    const budget = new BodyBudget(limits.inFlightBytes, limits.bodyBytes)
    // As it is written for the client an answer may be longer than it came.
    const answers = new BodyBudget(Math.max(limits.inFlightBytes, 2 * limits.answerBytes), 2 * limits.answerBytes)
    const handler = dataPlane({
      gateway,
      telemetry,
      mounts: MOUNTS,
      budget,
      answers,
      limits: () => {
        const now = activation.active.loaded.config.limits
        return { bodyBytes: now.bodyBytes, stallMs: now.timeouts.idleMs }
      },
      credentialHeaders: new Set(CREDENTIAL_HEADERS),
      edge: edge(
        MOUNTS.map(({ prefix }) => prefix),
        limits.timeouts.idleMs,
      ),
      draining: () => standing.closing,
      flight,
    })
    parts = () => ({ ledger: stateOf(ledger.health()), ...activation.health() })
    const certificate = await readCertificate(loaded)
    const dataListener = await listen(config.listen.data, handler, sockets, {
      streams: limits.streams,
      ...(limits.connections === null ? {} : { connections: limits.connections }),
      ...(certificate === null ? {} : { certificate }),
    })
    house = {
      revision: () => activation.active.policy.revision,
      fresh: () => activation.fresh(),
      ledger: () => ({ ok: ledger.health() === 'ok', ...ledger.stats() }),
      connections: () => dataListener.connections(),
      bodies: () => ({ calls: budget.taken, answers: answers.taken }),
    }
    const heard = async ({ activated, error }: ReloadReport, active: LoadedConfig): Promise<void> => {
      telemetry.reloaded(activated ? null : (error?.code ?? 'ERR_GATEWAY_INTERNAL'))
      if (activated) await renewCertificate(dataListener, active, log)
    }
    const watch = read === undefined ? null : watching(activation, read, heard, log)
    // The loading may have taken longer than a version may stand unconfirmed.
    if (!activation.fresh()) await watch?.look()
    standing.starting = null
    log.info(
      {
        pid: process.pid,
        data: dataListener.url,
        admin: adminListener.url,
        generation: 1,
        policy: activation.active.policy.revision,
      },
      'listening',
    )

    const stop = drain(
      { standing, drained, flight, dataListener, config: () => activation.active.loaded.config.drain, log },
      async () => {
        watch?.stop()
        await refusals.flush()
        if (refusals.pending > 0) log.warn({ calls: refusals.pending }, 'refused calls could not be recorded')
        dataListener.destroy()
        await undo.all()
      },
    )
    void ledger.failed.then((error) => {
      log.fatal(errorFacts(error), 'the ledger cannot write: nothing is sent any more')
      drained.abort()
    })
    const reload = watch?.reload ?? (async () => ({ activated: false, restart: [] }))
    return { data: dataListener.url, admin: adminListener.url, reload, stop, failed: ledger.failed }
  } catch (error) {
    await undo.all().catch((failure: unknown) => log.error(errorFacts(failure), 'the start could not be undone'))
    throw error
  }
}
