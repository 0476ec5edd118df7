import { Command } from 'commander'
import { type Customhouse, compose } from '../compose.ts'
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
      const house = await compose(await loadSettings(options), { read: () => loadSettings(options) })
      process.exitCode = await untilStopped(house, signals)
      // A worker that hangs on a dead disk must not keep a latched process alive.
      if (process.exitCode === 5) process.exit(5)
    })
}

/** What the process was told, from before there is a gateway that could act upon it. */
export type Signals = Readonly<{ attend(told: (signal: 'stop' | 'reload') => void): void }>

/** Takes SIGTERM, SIGINT and SIGHUP over; those that come during the start are kept. */
export function heed(): Signals {
  const early: ('stop' | 'reload')[] = []
  let told = (signal: 'stop' | 'reload'): void => void early.push(signal)
  process.on('SIGTERM', () => told('stop'))
  process.on('SIGINT', () => told('stop'))
  process.on('SIGHUP', () => told('reload'))
  return {
    attend(next) {
      told = next
      for (const signal of early.splice(0)) next(signal)
    },
  }
}

/** Runs until a signal or a latched ledger ends it; resolves with the exit code. */
export function untilStopped(house: Customhouse, signals: Signals): Promise<number> {
  return new Promise((resolve) => {
    signals.attend((signal) => {
      if (signal === 'reload') void house.reload()
      else {
        house.stop().then(
          () => resolve(0),
          () => resolve(1),
        )
      }
    })
    void house.failed.then(() => setTimeout(() => resolve(5), LATCHED_MS))
  })
}
