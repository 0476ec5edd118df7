import { Command, CommanderError } from 'commander'
import { packageVersion } from '../compose/version.ts'
import { CustomhouseError, type ErrorCode, isCustomhouseError } from '../core/errors.ts'

/** Every verb has a file of its own, `<verb>.ts`, which exports `<verb>Command()`; only that of the verb at hand is read. */
const VERBS: Readonly<Record<string, string>> = {
  demo: 'a gateway with simulated providers: no key, no network',
  init: 'write a first configuration, policies and .gitignore',
  serve: 'run the gateway',
  check: 'check configuration, policies, secrets and keys, without starting anything',
  inspect: 'show what the detectors find in text, and what would be sent in its place',
  policy: 'check, format, test, build and evaluate policies',
  redaction: 'make dictionaries of terms for the redaction of policies',
  audit: 'search, show, verify and restore the ledger',
  keys: 'create, list, rotate and revoke gateway keys',
  revoke: 'revoke keys, tokens, callers and certificates at all gateways at once',
  residency: 'show where each target is and why, and import from AWS and Azure',
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
  const wanted = args[0] === 'help' && args.length > 1 ? args.slice(1) : args
  try {
    const program = await programFor(wanted.find((word) => !word.startsWith('-')))
    // What is no verb is named as such, and not answered with some other help.
    const asked = wanted !== args && isCommand(program, wanted) ? [...wanted, '--help'] : wanted
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

function isCommand(program: Command, words: readonly string[]): boolean {
  let at = program
  for (const word of words.filter((one) => !one.startsWith('-'))) {
    if (at.commands.length === 0 || (at === program && word === 'help')) return true
    const below = at.commands.find((command) => command.name() === word)
    if (below === undefined) return false
    at = below
  }
  return true
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
  ERR_GATEWAY_LISTEN: 1,
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
  const refused = error instanceof Error ? refusal(error) : null
  if (refused !== null) {
    process.stderr.write(`${refused}\n`)
    return 1
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  return 1
}

/** What the system refuses an operator, and what to do. */
const REFUSALS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not read or write it; mend its owner or mode, or run as another user',
  EADDRINUSE: 'another process has this address; stop that one, or choose another',
  EBUSY: 'another process is using it; end that one, or choose another name',
  EEXIST: 'it is there already; choose another name, or move it away',
  EISDIR: 'it is a folder, and a file is needed; name a file',
  ELOOP: 'its symbolic links go in a circle; mend them',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
  ENAMETOOLONG: 'the name is too long; choose a shorter one',
  ENOENT: 'there is no such file or folder; check the name, or make it first',
  ENOSPC: 'the volume is full; make room',
  ENOTDIR: 'a part of this path is a file, and a folder is needed; check the name',
  ENOTEMPTY: 'the folder is not empty; choose another',
  EPERM: 'this user may not do that; mend its owner or mode, or run as another user',
  EROFS: 'the volume is read-only; choose another place',
}

/** A refusal of the system as one plain sentence; null for what is none: then the stack is what its reader needs. */
function refusal(error: NodeJS.ErrnoException): string | null {
  const { code, syscall, path, message } = error
  if (code === undefined || syscall === undefined || !/^E[A-Z0-9]+$/.test(code)) return null
  // Errors of `rename` and `copyfile` name two files; only their message has both.
  const named = 'dest' in error ? [path, error.dest].join(' -> ') : (path ?? /'([^']+)'/.exec(message)?.[1] ?? syscall)
  return `${named}: ${REFUSALS[code] ?? 'the system refuses it'} (${code}).`
}
