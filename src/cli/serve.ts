import { Command } from 'commander'
import { type Customhouse, compose } from '../compose.ts'
import { type Flags, loadConfig } from '../config.ts'

/** `customhouse serve`: runs the gateway until SIGTERM or SIGINT. SIGHUP reloads. Exits with 5 when the ledger cannot write. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('run the gateway')
    .option('-c, --config <file>', 'configuration (default: $CUSTOMHOUSE_CONFIG, else ./customhouse.yaml)')
    .option('--data-listen <address>', 'host:port where clients call')
    .option('--admin-listen <address>', 'host:port of health and administration')
    .option('--state <folder>', 'folder of the ledger')
    .option('--keys <folder>', 'folder of keys')
    .option('--environment <name>', 'what policies see as the environment')
    .option('--log-level <level>', 'trace, debug, info, warn, error, fatal')
    .option('--log-format <format>', 'json or pretty')
    .addHelpText(
      'after',
      '\nExamples:\n  $ customhouse serve\n  $ customhouse serve -c /etc/customhouse/customhouse.yaml --log-format json',
    )
    .action(async ({ config, ...flags }: { config?: string } & Flags) => {
      const read = () => loadConfig(config, process.env, flags)
      const loaded = await read()
      for (const warning of loaded.warnings) process.stderr.write(`${warning}\n`)
      await serve(await compose(loaded, { read }))
    })
}

/** Runs until a signal or a latched ledger ends it. */
export async function serve(house: Customhouse): Promise<void> {
  const ended = new Promise<number>((resolve) => {
    const stop = (): void => {
      house.stop().then(
        () => resolve(0),
        () => resolve(1),
      )
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
    process.on('SIGHUP', () => void house.reload())
    void house.failed.then(() => {
      // What is open is being cut off in its dialect; it has a moment to leave.
      setTimeout(() => resolve(5), LATCHED_MS)
    })
  })
  process.exitCode = await ended
  if (process.exitCode === 5) process.exit(5)
}

const LATCHED_MS = 500
