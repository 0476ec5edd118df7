import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { CustomhouseError, type ErrorCode, isCustomhouseError } from '../core/errors.ts'
import { packageRoot } from './root.ts'

/** Every verb has a file of its own, `<verb>.ts`, which exports `<verb>Command()`; only that of the verb at hand is read. */
const VERBS: Readonly<Record<string, string>> = {
  demo: 'a gateway with simulated providers: no key, no network',
  init: 'write a first configuration, policies and .gitignore',
  serve: 'run the gateway',
  check: 'check configuration, policies, secrets and keys, without starting anything',
  policy: 'check, format, test, build and evaluate policies',
  audit: 'search, show and verify the ledger',
  keys: 'create, list, rotate and revoke gateway keys',
  config: 'print the schema, or the configuration in force',
  healthcheck: 'ask a running gateway whether it is ready',
}

const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** Runs the command line. `args` are those after the program's name. Resolves with the exit code; never rejects. */
export async function runCli(args: readonly string[]): Promise<number> {
  // `customhouse keys list | head`: a reader that has read enough is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  const asked = args[0] === 'help' && args.length > 1 ? [...args.slice(1), '--help'] : args
  try {
    const program = await programFor(asked.find((word) => !word.startsWith('-')))
    await program.parseAsync(asked, { from: 'user' })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    return report(error)
  }
}

async function programFor(wanted: string | undefined): Promise<Command> {
  const program = new Command('customhouse')
    .description('The border post for model traffic: it decides with your own Rego, and proves what it did.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [verb]', 'print help for a verb')
    .addHelpText('after', '\nExamples:\n  customhouse init && customhouse check\n  customhouse help keys\n')
  for (const [verb, summary] of Object.entries(VERBS)) {
    program.addCommand(verb === wanted ? (await load(verb)).summary(summary) : new Command(verb).description(summary))
  }
  settle(program)
  return program
}

/** Usage errors are thrown, not exits; a sub-command that was made elsewhere inherits nothing by itself. */
function settle(command: Command): void {
  command.exitOverride().showSuggestionAfterError(true).configureHelp({ showGlobalOptions: false })
  for (const below of command.commands) settle(below)
}

async function load(verb: string): Promise<Command> {
  const module: Record<string, unknown> = await import(new URL(`./${verb}${EXTENSION}`, import.meta.url).href)
  const make = module[`${verb}Command`]
  const command: unknown = typeof make === 'function' ? make() : null
  if (command instanceof Command) return command
  throw new CustomhouseError('ERR_GATEWAY_INTERNAL', `cli/${verb} exports no command.`)
}

/** 0 fine, 1 run-time failure, 2 findings, 3 wrong usage, 4 integrity violation, 5 the ledger cannot be written. */
const EXIT_CODES: Readonly<Partial<Record<ErrorCode, number>>> = {
  ERR_CONFIG_INVALID: 2,
  ERR_POLICY_COMPILE: 2,
  ERR_POLICY_BUNDLE: 2,
  ERR_POLICY_BUILTIN: 2,
  ERR_POLICY_CANARY: 2,
  ERR_CLI_USAGE: 3,
  ERR_LEDGER_CORRUPT: 4,
  ERR_LEDGER_UNAVAILABLE: 5,
}

function report(error: unknown): number {
  // Commander has already said what was wrong; help and version leave through here too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 3
  if (isCustomhouseError(error)) {
    process.stderr.write(`${error.message}\n${error.code}\n`)
    return EXIT_CODES[error.code] ?? 1
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  return 1
}

function packageVersion(): string {
  const read: unknown = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'))
  return typeof read === 'object' && read !== null && 'version' in read ? String(read.version) : 'unknown'
}
