import { join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { loadConfig, nearest } from '../config.ts'
import { CustomhouseError } from '../core/errors.ts'
import {
  createKey,
  type Issued,
  isKeyId,
  type KeyView,
  listKeys,
  revokeKey,
  rotateKey,
  STORE_NAME,
} from '../identity/index.ts'
import { duration } from './settings.ts'

type Where = Readonly<{ config?: string; keys?: string; json?: true }>

export function keysCommand(): Command {
  const command = new Command('keys').description(
    'Creates, lists, rotates and revokes gateway keys. A running gateway follows within seconds.',
  )
  command.addHelpText(
    'after',
    '\nExamples:\n  customhouse keys create --tenant claims --name claims-bot\n  customhouse keys list\n',
  )
  place(command.command('create'))
    .description('Creates a key and prints it, once. Only its hash is kept.')
    .requiredOption('--tenant <name>', 'the tenant that it belongs to')
    .requiredOption('--name <subject>', 'who calls with it: an application or a person')
    .option('--group <name>', 'a group of the principal (repeatable)', (group: string, all: readonly string[] = []) => [
      ...all,
      group,
    ])
    .option('--expires <duration>', 'ends by itself after this time, such as 90d', duration)
    .addHelpText(
      'after',
      '\nExamples:\n  customhouse keys create --tenant claims --name claims-bot\n  OPENAI_API_KEY=$(customhouse keys create --tenant lab --name notebook --expires 30d)\n',
    )
    .action(create)
  place(command.command('list'))
    .description('Lists the keys: never their secrets.')
    .addHelpText('after', '\nExamples:\n  customhouse keys list\n  customhouse keys list --json\n')
    .action(list)
  place(command.command('rotate <id>'))
    .description('Gives a key a second secret and prints it, once. The old secret ends after the overlap.')
    .addOption(
      new Option('--overlap <duration>', 'how long the old secret is still accepted; 0s ends it at once')
        .argParser(duration)
        .default(86_400_000, '24h'),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  customhouse keys rotate 3fK9aZ2b\n  customhouse keys rotate 3fK9aZ2b --overlap 0s\n',
    )
    .action(rotate)
  place(command.command('revoke <id>'))
    .description('Ends a key for good.')
    .option('--dry-run', 'only say what would end')
    .addHelpText(
      'after',
      '\nExamples:\n  customhouse keys revoke 3fK9aZ2b --dry-run\n  customhouse keys revoke 3fK9aZ2b\n',
    )
    .action(revoke)
  return command
}

function place(command: Command): Command {
  return command
    .option('-c, --config <file>', 'the configuration (default: $CUSTOMHOUSE_CONFIG, else customhouse.yaml)')
    .option('--keys <folder>', 'the folder of keys, in place of that of the configuration (also $CUSTOMHOUSE_KEYS)')
    .option('--json', 'print JSON')
}

/** The store, and the tenants that exist; null where only a folder is known. */
async function openPlace(where: Where): Promise<Readonly<{ file: string; tenants: ReadonlySet<string> | null }>> {
  if (where.keys !== undefined && where.config === undefined) {
    return { file: join(resolve(where.keys), STORE_NAME), tenants: null }
  }
  const { config } = await loadConfig(where.config, process.env, { keys: where.keys }, { secrets: false })
  return { file: join(config.keys, STORE_NAME), tenants: config.tenants }
}

type Wanted = Where & Readonly<{ tenant: string; name: string; group?: readonly string[]; expires?: number }>

async function create(options: Wanted): Promise<void> {
  const { file, tenants } = await openPlace(options)
  if (tenants !== null && !tenants.has(options.tenant)) {
    const near = nearest(options.tenant, tenants)
    const hint = near === null ? `known: ${[...tenants].join(', ') || 'none'}` : `did you mean ${JSON.stringify(near)}?`
    throw new CustomhouseError(
      'ERR_CLI_USAGE',
      `The configuration has no tenant ${JSON.stringify(options.tenant)} (${hint}).`,
    )
  }
  const issued = await createKey(file, {
    subject: options.name,
    tenant: options.tenant,
    ...(options.group === undefined ? {} : { groups: options.group }),
    ...(options.expires === undefined ? {} : { lifetimeMs: options.expires }),
  })
  show(issued, options, `Key ${issued.view.id} for ${options.name} (${options.tenant}).`)
}

async function rotate(text: string, options: Where & { overlap: number }): Promise<void> {
  const { file } = await openPlace(options)
  const issued = await rotateKey(file, keyId(text), options.overlap)
  const old = issued.view.secrets.find((secret) => secret.ends !== null)?.ends
  const until = old ? `The old secret is accepted until ${old}.` : 'The old secret has ended.'
  show(issued, options, `Key ${issued.view.id} has a new secret. ${until}`)
}

/** The key alone goes to stdout, so that it can be piped into a secret store. */
function show(issued: Issued, options: Where, talk: string): void {
  process.stderr.write(`${talk} It is shown only this once; only its hash was kept.\n`)
  process.stdout.write(options.json ? `${JSON.stringify({ key: issued.key, ...issued.view })}\n` : `${issued.key}\n`)
}

async function list(options: Where): Promise<void> {
  const { file } = await openPlace(options)
  const keys = await listKeys(file)
  if (options.json) {
    process.stdout.write(`${JSON.stringify(keys, null, 2)}\n`)
    return
  }
  if (keys.length === 0)
    process.stderr.write('There are no keys yet: `customhouse keys create --tenant <name> --name <who>` makes one.\n')
  else process.stdout.write(table(keys))
}

function table(keys: readonly KeyView[]): string {
  const rows = [
    ['ID', 'STATUS', 'TENANT', 'NAME', 'GROUPS', 'CREATED', 'ENDS'],
    ...keys.map((key) => [
      key.id,
      key.status,
      key.tenant,
      key.subject,
      key.groups.join(',') || '-',
      key.created,
      ends(key),
    ]),
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

function ends(key: KeyView): string {
  if (key.revokedAt !== null) return `revoked ${key.revokedAt}`
  const old = key.secrets.find((secret) => secret.ends !== null)?.ends
  return key.expiresAt ?? (old ? `old secret ${old}` : '-')
}

async function revoke(text: string, options: Where & { dryRun?: true }): Promise<void> {
  const { file } = await openPlace(options)
  const id = keyId(text)
  if (options.dryRun) {
    const key = (await listKeys(file)).find((one) => one.id === id)
    if (key === undefined)
      throw new CustomhouseError('ERR_CLI_USAGE', `There is no key with the id ${JSON.stringify(id)}.`)
    process.stderr.write(
      `Would revoke key ${id} of ${key.subject} (${key.tenant}), now ${key.status}. Nothing was changed.\n`,
    )
    if (options.json) process.stdout.write(`${JSON.stringify(key)}\n`)
    return
  }
  const key = await revokeKey(file, id)
  process.stderr.write(
    `Key ${id} of ${key.subject} (${key.tenant}) is revoked since ${key.revokedAt}. A running gateway follows within seconds.\n`,
  )
  if (options.json) process.stdout.write(`${JSON.stringify(key)}\n`)
}

/** An id, or a whole key or its beginning, as it may have been copied from somewhere. Only the id is ever repeated. */
function keyId(text: string): string {
  const id = text.startsWith('chk_') ? text.slice(4, 12) : text
  if (isKeyId(id)) return id
  throw new CustomhouseError(
    'ERR_CLI_USAGE',
    'That is no id of a key: `customhouse keys list` shows them, 8 letters and digits each.',
  )
}
