import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Opened } from './audit/open.ts'
import { readCertificate, renewCertificate } from './compose/certificate.ts'
import { readStill } from './compose/content.ts'
import { drain } from './compose/drain.ts'
import { unplaced } from './compose/generation.ts'
import { openIdentity } from './compose/identity.ts'
import { announcing } from './compose/listening.ts'
import { errorFacts, openLog } from './compose/log.ts'
import { MOUNTS } from './compose/mounts.ts'
import { Providers } from './compose/providers.ts'
import { redactionKey } from './compose/redaction-key.ts'
import { Refusals } from './compose/refusals.ts'
import { Activation, type ReloadReport } from './compose/reload.ts'
import { openWithRoom } from './compose/room.ts'
import { healthOf, type Parts, type Standing, stand, stateOf } from './compose/standing.ts'
import { Undo } from './compose/undo.ts'
import { packageVersion } from './compose/version.ts'
import { residencyWarnings } from './compose/warnings.ts'
import { watching } from './compose/watching.ts'
import type { LoadedConfig } from './config.ts'
import type { Plugin } from './core/plugin.ts'
import type { Ledger } from './core/record.ts'
import { admin } from './http/admin.ts'
import { BodyBudget } from './http/budget.ts'
import { dataPlane } from './http/data.ts'
import { edge } from './http/edge.ts'
import { Flight } from './http/flight.ts'
import type { SocketLimits } from './http/limits.ts'
import { type Listener, listen, listenHttp1 } from './http/listener.ts'
import { CREDENTIAL_HEADERS } from './identity/index.ts'
import type { Gateway } from './pipeline/gateway.ts'
import { openToolchain } from './policy/toolchain/index.ts'
import { type House, type Observatory, openTelemetry } from './telemetry/index.ts'

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

type OpenLedger = Opened['ledger']

/** One gateway on its way up. What is null is not there yet. */
type Site = {
  readonly loaded: LoadedConfig
  readonly plugins: readonly Plugin[]
  readonly log: Logger
  readonly undo: Undo
  readonly standing: Standing
  readonly signal: AbortSignal
  activation: Activation | null
  parts: Parts | null
  house: House | null
}

/**
 * Wires everything. The only file that names concrete adapters, dialects and plugins. The admin port opens first, so that the probes can tell what the start is at; then
 * the ledger, however long its volume has no room; the data port last.
 */
export async function compose(given: LoadedConfig, options: ComposeOptions = {}): Promise<Customhouse> {
  const { plugins = [], read, signal = new AbortController().signal } = options
  // Before anything that takes long: what changes from here on is noticed.
  const { loaded, files } = await readStill(given, read)
  const log = options.log ?? openLog(loaded.config.log)
  const undo = new Undo(log)
  const standing = stand()
  const site: Site = { loaded, plugins, log, undo, standing, signal, activation: null, parts: null, house: null }
  try {
    requireRead(loaded, read)
    const telemetry = await openObservatory(site)
    const adminPort = await openAdmin(site, telemetry)
    const plugged = Promise.withResolvers<void>()
    const ledger = await openEvidence(site, telemetry, plugged.promise)
    const activation = await activate(site, ledger, files, plugged.resolve)
    const drained = new AbortController()
    const refusals = new Refusals(ledger, REFUSALS_EVERY_MS)
    undo.add('the count of refusals', () => refusals.stop())
    const { gateway, callers } = await openGateway(site, { ledger, activation, telemetry, refusals, drained })
    const flight = new Flight()
    const dataPort = await openData(site, gateway, { activation, telemetry, flight, ledger, callers })
    const heard = async ({ activated, error }: ReloadReport, active: LoadedConfig): Promise<void> => {
      telemetry.reloaded(activated ? null : (error?.code ?? 'ERR_GATEWAY_INTERNAL'))
      if (activated) await renewCertificate(dataPort, active, log)
    }
    const watch = read === undefined ? null : watching(activation, read, heard, log)
    // The loading may have taken longer than a version may stand unconfirmed.
    if (!activation.fresh()) await watch?.look()
    standing.starting = null
    const { revision } = activation.active.policy
    log.info(
      { pid: process.pid, data: dataPort.url, admin: adminPort.url, generation: 1, policy: revision },
      'listening',
    )

    const stop = drain(
      { standing, drained, flight, dataListener: dataPort, config: () => activation.active.loaded.config.drain, log },
      async () => {
        watch?.stop()
        dataPort.destroy()
        await refusals.flush()
        if (refusals.pending > 0) log.warn({ calls: refusals.pending }, 'refused calls could not be recorded')
        await undo.all()
      },
    )
    void ledger.failed.then((error) => {
      log.fatal(errorFacts(error), 'the ledger cannot write: nothing is sent any more')
      drained.abort()
    })
    const reload = watch?.reload ?? (async () => ({ activated: false, restart: [] }))
    return { data: dataPort.url, admin: adminPort.url, reload, stop, failed: ledger.failed }
  } catch (error) {
    await undo.all().catch((failure: unknown) => log.error(errorFacts(failure), 'the start could not be undone'))
    throw error
  }
}

function requireRead(loaded: LoadedConfig, read: ComposeOptions['read']): void {
  if (read !== undefined || loaded.config.reload.staleAfterMs === null) return
  const message = 'needs a gateway that reads its configuration anew: this one does not, and would deny every call'
  throw loaded.invalid([{ path: ['reload', 'stale_after'], message }])
}

async function openObservatory(site: Site): Promise<Observatory> {
  const active = (): LoadedConfig['config'] => (site.activation?.active.loaded ?? site.loaded).config
  const telemetry = await openTelemetry({
    version: packageVersion(),
    env: process.env,
    known: (tenant) => active().tenants.has(tenant),
    acceptParent: () => active().traces.acceptParent,
    warn: (line) => site.log.warn(line),
  })
  site.undo.add('the telemetry', () => telemetry.stop(), false)
  return telemetry
}

async function openAdmin(site: Site, telemetry: Observatory): Promise<Listener> {
  const { loaded, standing, undo } = site
  const health = healthOf(standing, () => site.parts)
  const metrics = telemetry.exposition(() => site.house)
  const port = await listenHttp1(loaded.config.listen.admin, admin(health, metrics), socketsOf(loaded))
  undo.add('the admin port', () => {
    const stopped = port.stop()
    port.destroy()
    return stopped
  })
  return port
}

/** @param plugged settles when all plugins have started: those that listen hear of nothing before */
async function openEvidence(
  { loaded, plugins, log, undo, standing, signal }: Site,
  telemetry: Observatory,
  plugged: Promise<void>,
): Promise<OpenLedger> {
  const { state, keys, audit } = loaded.config
  const announce = announcing(plugins, plugged, log)
  const { ledger, recovered } = await openWithRoom(
    {
      state,
      keys,
      log: audit.log,
      checkpointEveryMs: audit.checkpointEveryMs,
      minFreeBytes: audit.minFreeBytes,
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
  return ledger
}

/** Starts the plugins, and loads and activates the first version: what is wrong with it ends the start. */
async function activate(site: Site, ledger: Ledger, files: string, plugged: () => void): Promise<Activation> {
  const { loaded, plugins, log, undo, standing, signal } = site
  standing.starting = 'the policy is being loaded'
  const toolchain = openToolchain({ cacheDir: join(loaded.config.state, 'policy-cache') })
  undo.add('the policy compiler', () => toolchain.close())
  const providers = new Providers((name, error) => log.error(errorFacts(error), `provider ${name} could not be closed`))
  undo.add('the providers', () => providers.close())
  for (const plugin of plugins) {
    await plugin.start?.()
    undo.add(plugin.name, () => plugin.stop?.(), false)
  }
  plugged()
  const secret = redactionKey(loaded.config.keys)
  const activation = await Activation.first({ ledger, toolchain, providers, plugins, secret, log }, loaded, files)
  site.activation = activation
  undo.add('the policy', () => activation.active.policy.retire())
  const inspector = (): Plugin | undefined =>
    activation.active.generation.plugins.find(({ name }) => name === 'redaction')
  undo.add('the inspector', () => inspector()?.stop?.())
  // Its thread reads modules and weights before the first long call can wait for them.
  await inspector()?.start?.()
  signal.throwIfAborted()
  const lines = [...unplaced(activation.active.generation), ...residencyWarnings(loaded, Date.now())]
  for (const line of lines) log.warn(line)
  return activation
}

/** What calls meet. */
async function openGateway(
  { loaded, log, undo }: Site,
  {
    ledger,
    activation,
    telemetry,
    refusals,
    drained,
  }: Readonly<{
    ledger: Ledger
    activation: Activation
    telemetry: Observatory
    refusals: Refusals
    drained: AbortController
  }>,
): Promise<Readonly<{ gateway: Gateway; callers: () => string }>> {
  const { authenticator, health } = await openIdentity(loaded, { ledger, log, undo })
  const gateway: Gateway = {
    generation: () => activation.active.generation,
    ledger,
    authenticator,
    fresh: () => activation.fresh(),
    drained: drained.signal,
    refused: (code, tenant) => {
      telemetry.refused(code)
      refusals.count(code, tenant)
    },
    report: (what, error, call) => log.error({ call, ...errorFacts(error) }, what),
  }
  return { gateway, callers: health }
}

/** The governed path, on its port. From here on calls come. */
async function openData(
  site: Site,
  gateway: Gateway,
  {
    activation,
    telemetry,
    flight,
    ledger,
    callers,
  }: Readonly<{
    activation: Activation
    telemetry: Observatory
    flight: Flight
    ledger: OpenLedger
    callers: () => string
  }>,
): Promise<Listener> {
  const { loaded, standing } = site
  const { listen: at, limits } = loaded.config
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
  site.parts = () => ({ ledger: stateOf(ledger.health()), callers: callers(), ...activation.health() })
  const certificate = await readCertificate(loaded)
  const port = await listen(at.data, handler, socketsOf(loaded), {
    streams: limits.streams,
    ...(limits.connections === null ? {} : { connections: limits.connections }),
    ...(certificate === null ? {} : { certificate }),
  })
  site.undo.add('the data port', () => port.destroy())
  site.house = {
    revision: () => activation.active.policy.revision,
    fresh: () => activation.fresh(),
    ledger: () => ({ ok: ledger.health() === 'ok', ...ledger.stats() }),
    connections: () => port.connections(),
    bodies: () => ({ calls: budget.taken, answers: answers.taken }),
  }
  return port
}

function socketsOf({ config: { limits } }: LoadedConfig): SocketLimits {
  const { connectionMs, headersMs, requestMs, keepAliveMs } = limits.timeouts
  return { connectionMs, headersMs, requestMs, keepAliveMs, headerBytes: limits.headerBytes }
}
