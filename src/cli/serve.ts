import { Command } from 'commander'
import { type Customhouse, compose } from '../compose.ts'
import { publishAdmin, withdrawAdmin } from './admin.ts'
import { occupy } from './checkout.ts'
import { loadSettings, type SettingOptions, withSettings } from './settings.ts'

/** What is open when the ledger latches is being cut off in its dialect; it has this long to leave. */
const LATCHED_MS = 500

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
      const house = await compose(loaded, { read: () => loadSettings(options) })
      const { state } = loaded.config
      await publishAdmin(state, house.admin).catch((error: unknown) => warn('written', error))
      process.exitCode = await untilStopped(house, signals)
      await withdrawAdmin(state).catch((error: unknown) => warn('removed', error))
      // A worker that hangs on a dead disk must not keep a latched process alive.
      if (process.exitCode === 5) process.exit(5)
    })
}

/** Only a probe looks there; the gateway itself is well. */
function warn(what: string, error: unknown): void {
  process.stderr.write(`warning: admin.json could not be ${what}: ${error instanceof Error ? error.message : error}\n`)
}

/** What the process was told, from before there is a gateway that could act upon it. */
export type Signals = Readonly<{ attend(told: (signal: 'stop' | 'reload') => void): void }>

/**
 * Takes SIGTERM, SIGINT and SIGHUP over; those that come during the start are kept.
 *
 * @param child also stop when the parent has ended: npm does not always pass on what ends it, and nobody would know of what is left
 */
export function heed({ child = false }: Readonly<{ child?: boolean }> = {}): Signals {
  const early: ('stop' | 'reload')[] = []
  let told = (signal: 'stop' | 'reload'): void => void early.push(signal)
  process.on('SIGTERM', () => told('stop'))
  process.on('SIGINT', () => told('stop'))
  process.on('SIGHUP', () => told('reload'))
  if (child && process.platform !== 'win32') {
    const parent = process.ppid
    const timer = setInterval(() => {
      if (process.ppid === parent) return
      clearInterval(timer)
      told('stop')
    }, 250)
    timer.unref()
  }
  return {
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
