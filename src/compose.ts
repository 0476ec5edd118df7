import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Committed } from './audit/ledger.ts'
import { openLedger } from './audit/open.ts'
import { readCertificate, renewCertificate } from './compose/certificate.ts'
import { drain } from './compose/drain.ts'
import { unplaced } from './compose/generation.ts'
import { errorFacts, openLog } from './compose/log.ts'
import { MOUNTS } from './compose/mounts.ts'
import { Providers } from './compose/providers.ts'
import { Refusals } from './compose/refusals.ts'
import { Activation, type ReloadReport } from './compose/reload.ts'
import { contentDigest, type LoadedConfig, watchContent } from './config.ts'
import type { Plugin } from './core/plugin.ts'
import type { AuditRecord } from './core/record.ts'
import { SILENT } from './core/telemetry.ts'
import { admin } from './http/admin.ts'
import { BodyBudget } from './http/budget.ts'
import { dataPlane } from './http/data.ts'
import { edge } from './http/edge.ts'
import { Flight } from './http/flight.ts'
import { listen, listenHttp1 } from './http/listener.ts'
import { CREDENTIAL_HEADERS, openKeys, STORE_NAME } from './identity/index.ts'
import type { Gateway } from './pipeline/gateway.ts'
import { openToolchain } from './policy/toolchain/index.ts'

const REFUSALS_EVERY_MS = 10_000

export type ComposeOptions = Readonly<{
  /** Reads the configuration anew, for reloads. Absent: there are none. */
  read?: () => Promise<LoadedConfig>
  /** Plugins beyond the gateway's own; they run in the order given. */
  plugins?: readonly Plugin[]
  log?: Logger
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

/** Wires everything. The only file that names concrete adapters, dialects and plugins. The ledger is recovered before any port opens. */
export async function compose(loaded: LoadedConfig, options: ComposeOptions = {}): Promise<Customhouse> {
  const { config } = loaded
  const log = options.log ?? openLog(config.log)
  const plugins = options.plugins ?? []
  const undo: (() => Promise<void> | void)[] = []
  const started = Promise.withResolvers<void>()
  try {
    // Before anything that takes long: what changes from here on is noticed.
    const watched = await contentDigest([...loaded.watch, config.policy.path])
    const { ledger, recovered } = await openLedger({
      state: config.state,
      keys: config.keys,
      log: config.audit.log,
      checkpointEveryMs: config.audit.checkpointEveryMs,
      minFreeBytes: config.audit.minFreeBytes,
      ...announcing(plugins, started.promise, log),
    })
    undo.push(() => ledger.close())
    log.info({ ...recovered }, 'the ledger is open')
    const toolchain = openToolchain({ cacheDir: join(config.state, 'policy-cache') })
    undo.push(() => toolchain.close())
    const providers = new Providers((name, error) =>
      log.error(errorFacts(error), `provider ${name} could not be closed`),
    )
    undo.push(() => providers.close())
    for (const plugin of plugins) {
      await plugin.start?.()
      undo.push(() => stopPlugin(plugin, log))
    }
    started.resolve()
    const activation = await Activation.first({ ledger, toolchain, providers, plugins, log }, loaded)
    for (const line of unplaced(activation.active.generation)) log.warn(line)
    const keys = await openKeys({
      file: join(config.keys, STORE_NAME),
      accepted: config.identity,
      report: (event) =>
        event.kind === 'rejected'
          ? log.error(errorFacts(event.error), 'the store of gateway keys was rejected; the last good one stays')
          : log.debug({ keys: event.keys }, 'gateway keys loaded'),
    })
    undo.push(() => keys.close())
    const refusals = new Refusals(ledger, REFUSALS_EVERY_MS)
    undo.push(() => refusals.stop())
    const drained = new AbortController()
    const gateway: Gateway = {
      generation: () => activation.active.generation,
      ledger,
      authenticator: keys,
      fresh: () => activation.fresh(),
      drained: drained.signal,
      refused: (code, tenant) => refusals.count(code, tenant),
      report: (what, error, call) => log.error({ call, ...errorFacts(error) }, what),
    }
    const state = { draining: false, started: false }
    const flight = new Flight()
    const { limits } = config
    const sockets = {
      connectionMs: limits.timeouts.connectionMs,
      headerBytes: limits.headerBytes,
      headersMs: limits.timeouts.headersMs,
      requestMs: limits.timeouts.requestMs,
      keepAliveMs: limits.timeouts.keepAliveMs,
    }
    const handler = dataPlane({
      gateway,
      telemetry: SILENT,
      mounts: MOUNTS,
      budget: new BodyBudget(limits.inFlightBytes, limits.bodyBytes),
      // As it is written for the client an answer may be longer than it came.
      answers: new BodyBudget(Math.max(limits.inFlightBytes, 2 * limits.answerBytes), 2 * limits.answerBytes),
      limits: () => {
        const now = activation.active.loaded.config.limits
        return { bodyBytes: now.bodyBytes, stallMs: now.timeouts.idleMs }
      },
      credentialHeaders: new Set(CREDENTIAL_HEADERS),
      edge: edge(
        MOUNTS.map(({ prefix }) => prefix),
        limits.timeouts.idleMs,
      ),
      draining: () => state.draining,
      flight,
    })
    const health = {
      started: () => state.started,
      draining: () => state.draining,
      checks: () => ({
        ledger: ledger.health() === 'ok' ? 'ok' : 'it cannot write',
        policy: `ok ${activation.active.policy.revision}`,
        config: `ok ${activation.active.loaded.digest}`,
        reload:
          activation.lastError === null
            ? 'ok'
            : `ok (last good; the last reload failed with ${activation.lastError.code})`,
      }),
    }
    const adminListener = await listenHttp1(config.listen.admin, admin(health), sockets)
    undo.push(() => adminListener.stop())
    const certificate = await readCertificate(loaded)
    const dataListener = await listen(config.listen.data, handler, sockets, {
      streams: limits.streams,
      ...(limits.connections === null ? {} : { connections: limits.connections }),
      ...(certificate === null ? {} : { certificate }),
    })
    const reload = async (): Promise<ReloadReport> => {
      if (options.read === undefined) return { activated: false, restart: [] }
      const report = await activation.reload(options.read)
      if (report.activated) await renewCertificate(dataListener, activation.active.loaded, log)
      return report
    }
    const watch = options.read === undefined ? null : watching(reload, activation, config.reload.everyMs, watched, log)
    state.started = true
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
      { state, drained, flight, dataListener, config: () => activation.active.loaded.config.drain, log },
      async () => {
        watch?.stop()
        await refusals.flush()
        dataListener.destroy()
        adminListener.destroy()
        await undone(undo, log)
      },
    )
    void ledger.failed.then((error) => {
      log.fatal(errorFacts(error), 'the ledger cannot write: nothing is sent any more')
      drained.abort()
    })
    return { data: dataListener.url, admin: adminListener.url, reload, stop, failed: ledger.failed }
  } catch (error) {
    await undone(undo, log).catch((failure: unknown) => log.error(errorFacts(failure), 'the start could not be undone'))
    throw error
  }
}

/** Takes down what was put up, last first. A step that fails keeps none of the others from being taken; the first failure is thrown. */
async function undone(undo: (() => Promise<void> | void)[], log: Logger): Promise<void> {
  const failures: unknown[] = []
  for (const step of undo.splice(0).reverse()) {
    try {
      await step()
    } catch (error) {
      log.error(errorFacts(error), 'a part could not be stopped')
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

async function stopPlugin(plugin: Plugin, log: Logger): Promise<void> {
  try {
    await plugin.stop?.()
  } catch (error) {
    log.error(errorFacts(error), `${plugin.name} could not be stopped`)
  }
}

/** Plugins that listen hear of what is durable, once all have started; what they make of it holds nothing up. */
function announcing(
  plugins: readonly Plugin[],
  started: Promise<void>,
  log: Logger,
): Readonly<{ onCommit?: (commit: Committed) => void }> {
  const listeners = plugins.filter((plugin) => plugin.record !== undefined)
  if (listeners.length === 0) return {}
  const tell = async (plugin: Plugin, record: AuditRecord): Promise<void> => {
    await started
    try {
      await plugin.record?.(record)
    } catch (error) {
      log.error(errorFacts(error), `${plugin.name} could not take a record`)
    }
  }
  return {
    onCommit: ({ records }) => {
      for (const record of records) for (const plugin of listeners) void tell(plugin, record)
    },
  }
}

function watching(
  reload: () => Promise<ReloadReport>,
  activation: Activation,
  everyMs: number,
  from: string,
  log: Logger,
): ReturnType<typeof watchContent> {
  return watchContent({
    paths: () => [...activation.active.loaded.watch, activation.active.loaded.config.policy.path],
    everyMs,
    from,
    changed: async () => {
      await reload()
    },
    failed: (error) => log.error(errorFacts(error), 'the configuration could not be watched'),
  })
}
