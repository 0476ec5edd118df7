import { join } from 'node:path'
import { Command } from 'commander'
import { errorFacts, openLog } from '../compose/log.ts'
import { type Customhouse, compose } from '../compose.ts'
import type { LoadedConfig } from '../config.ts'
import { publishAdmin, withdrawAdmin } from './admin.ts'
import { occupy } from './checkout.ts'
import { loadSettings, type SettingOptions, withSettings } from './settings.ts'

/** What is open when the ledger latches is being cut off in its dialect; it has this long to leave. */
const LATCHED_MS = 500

/** For what was stopped to leave by itself. */
const LEFTOVERS_MS = 1_000

/** `customhouse serve`: runs the gateway until SIGTERM or SIGINT. SIGHUP reloads. Exits with 5 when the ledger cannot write. */
export function serveCommand(): Command {
  return withSettings(new Command('serve'))
    .description('run the gateway')
    .addHelpText(
      'after',
      '\nSignals: SIGHUP reads configuration and policies anew; SIGTERM drains; a second SIGTERM does not wait.\n' +
        '\nExamples:\n  customhouse serve\n  customhouse serve -c /etc/customhouse/customhouse.yaml --log-format json\n',
    )
    .action(async (options: SettingOptions) => {
      const signals = heed()
      occupy()
      const loaded = await loadSettings(options)
      const house = await started(loaded, options, signals)
      if (house === null) {
        leave(0)
        return
      }
      const { state } = loaded.config
      await publishAdmin(state, house.admin).catch((error: unknown) => warn(loaded, 'written', error))
      const code = await untilStopped(house, signals)
      process.exitCode = code
      await withdrawAdmin(state).catch((error: unknown) => warn(loaded, 'removed', error))
      // A worker that hangs on a dead disk must not keep a latched process alive.
      if (code === 5) process.exit(5)
      leave(code)
    })
}

/** What did not come to its end must not keep a process that has stopped. */
function leave(code: number): void {
  setTimeout(() => process.exit(code), LEFTOVERS_MS).unref()
}

/** Null where a signal to stop came before the gateway ran: it may have waited for room on the disk. */
async function started(loaded: LoadedConfig, options: SettingOptions, signals: Signals): Promise<Customhouse | null> {
  try {
    return await compose(loaded, { read: () => loadSettings(options), signal: signals.stopping })
  } catch (error) {
    if (error !== signals.stopping.reason) throw error
    return null
  }
}

/** Only a probe looks there; the gateway itself is well. */
function warn({ config: { log, state } }: LoadedConfig, what: string, error: unknown): void {
  openLog(log).warn(
    errorFacts(error),
    `${join(state, 'admin.json')} could not be ${what}: healthcheck asks the address of the configuration`,
  )
}

/** What the process was told, from before there is a gateway that could act upon it. */
export type Signals = Readonly<{
  attend(told: (signal: 'stop' | 'reload') => void): void
  /** Aborted by the first that says stop: a start is given up. */
  stopping: AbortSignal
}>

/**
 * Takes SIGTERM, SIGINT and SIGHUP over; those that come during the start are kept.
 *
 * @param child also stop when the parent has ended: npm does not always pass on what ends it, and nobody would know of what is left
 */
export function heed({ child = false }: Readonly<{ child?: boolean }> = {}): Signals {
  const early: ('stop' | 'reload')[] = []
  let told = (signal: 'stop' | 'reload'): void => void early.push(signal)
  const stopping = new AbortController()
  const stop = (): void => {
    stopping.abort()
    told('stop')
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', () => told('reload'))
  if (child && process.platform !== 'win32') {
    const parent = process.ppid
    const timer = setInterval(() => {
      if (process.ppid === parent) return
      clearInterval(timer)
      stop()
    }, 250)
    timer.unref()
  }
  return {
    stopping: stopping.signal,
    attend(next) {
      told = next
      for (const signal of early.splice(0)) next(signal)
    },
  }
}

/** Runs until a signal or a latched ledger ends it; resolves with the exit code: 5 whenever the ledger has latched, however it ends. */
export function untilStopped(house: Customhouse, signals: Signals): Promise<number> {
  return new Promise((resolve) => {
    let latched = false
    const end = (code: number): void => resolve(latched ? 5 : code)
    void house.failed.then(() => {
      latched = true
      setTimeout(end, LATCHED_MS, 5)
    })
    signals.attend((signal) => {
      if (signal === 'reload') void house.reload()
      else {
        // A turn later: the ledger may have latched in the very end of the stop.
        house.stop().then(
          () => setImmediate(end, 0),
          () => setImmediate(end, 1),
        )
      }
    })
  })
}
