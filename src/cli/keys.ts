import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { type Config, loadConfig, nearest } from '../config.ts'
import { CustomhouseError } from '../core/errors.ts'
import {
  createKey,
  type Issued,
  isKeyId,
  type KeyView,
  listKeys,
  pairKey,
  revokeKey,
  rotateKey,
  STORE_NAME,
  unpairKey,
} from '../identity/index.ts'
import { duration } from './settings.ts'

type Where = Readonly<{ config?: string; keys?: string; json?: true }>

export function keysCommand(): Command {
  const command = new Command('keys').description(
    'Creates, lists, rotates and revokes gateway keys, and their pairs for AWS SDKs. A running gateway follows within seconds.',
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
  place(command.command('aws <id>'))
    .description(
      'Gives a key a pair that AWS SDKs sign with and prints it, once. A pair that it has ends after the overlap.',
    )
    .addOption(
      new Option('--overlap <duration>', 'how long a pair that it has is still accepted; 0s ends it at once')
        .argParser(duration)
        .default(86_400_000, '24h'),
    )
    .option(
      '--endpoint <url>',
      'where clients reach the Bedrock dialect (default: the data listener, /bedrock)',
      endpoint,
    )
    .option('--end', 'make none, and end those that it has at once; the key itself goes on')
    .addHelpText(
      'after',
      '\nExamples:\n  customhouse keys aws 3fK9aZ2b > .env\n  customhouse keys aws 3fK9aZ2b --endpoint https://models.bank.example/bedrock\n  customhouse keys aws 3fK9aZ2b --end\n',
    )
    .action(aws)
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

/** The store, and the configuration; null where only a folder is known. */
async function openPlace(where: Where): Promise<Readonly<{ file: string; config: Config | null }>> {
  if (where.keys !== undefined && where.config === undefined) {
    return { file: join(resolve(where.keys), STORE_NAME), config: null }
  }
  const { config } = await loadConfig(where.config, process.env, { keys: where.keys }, { secrets: false })
  return { file: join(config.keys, STORE_NAME), config }
}

type Wanted = Where & Readonly<{ tenant: string; name: string; group?: readonly string[]; expires?: number }>

async function create(options: Wanted): Promise<void> {
  const { file, config } = await openPlace(options)
  const tenants = config?.tenants
  if (tenants !== undefined && !tenants.has(options.tenant)) {
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

type Pairing = Where & Readonly<{ overlap: number; endpoint?: string; end?: true }>

async function aws(text: string, options: Pairing): Promise<void> {
  const { file, config } = await openPlace(options)
  const id = keyId(text)
  if (options.end) {
    const view = await unpairKey(file, id)
    process.stderr.write(`Key ${id} has no pair for AWS SDKs any more. A running gateway follows within seconds.\n`)
    if (options.json) process.stdout.write(`${JSON.stringify(view)}\n`)
    return
  }
  const endpoint = options.endpoint ?? (config === null ? null : bedrockAt(config.listen))
  const { accessKeyId, secretAccessKey, view } = await pairKey(file, id, options.overlap)
  const old = view.aws.find(({ ends }) => ends !== null)?.ends
  process.stderr.write(
    `Key ${id} has a pair for AWS SDKs.${old ? ` The old one is accepted until ${old}.` : ''} It is shown only this once; nothing of it was kept.\n` +
      'Any AWS_REGION will do. AWS_SESSION_TOKEN and AWS_BEARER_TOKEN_BEDROCK must not be set.\n' +
      (endpoint === null ? 'AWS_ENDPOINT_URL_BEDROCK_RUNTIME is the address of the gateway with /bedrock.\n' : '') +
      (config?.identity.sigv4 === false ? 'It is taken once identity.sigv4 is true in the configuration.\n' : ''),
  )
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ accessKeyId, secretAccessKey, endpoint, ...view })}\n`)
    return
  }
  process.stdout.write(`AWS_ACCESS_KEY_ID=${accessKeyId}\nAWS_SECRET_ACCESS_KEY=${secretAccessKey}\n`)
  if (endpoint !== null) process.stdout.write(`AWS_ENDPOINT_URL_BEDROCK_RUNTIME=${endpoint}\n`)
}

/** The Bedrock dialect as this machine reaches it; a wildcard address is none that can be called. */
function bedrockAt({ data, tls }: Config['listen']): string {
  const host = data.host === '0.0.0.0' || data.host === '::' ? 'localhost' : data.host
  return `${tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${data.port}/bedrock`
}

function endpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '' || url.hash !== '')
    throw new InvalidArgumentError('It must be an address such as https://models.bank.example/bedrock.')
  // A slash at the end would be doubled by some SDKs, and a signed path with an empty segment is refused.
  return url.href.replace(/\/+$/, '')
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
    ['ID', 'STATUS', 'TENANT', 'NAME', 'GROUPS', 'AWS', 'CREATED', 'ENDS'],
    ...keys.map((key) => [
      key.id,
      key.status,
      key.tenant,
      key.subject,
      key.groups.join(',') || '-',
      key.aws.map(({ accessKeyId }) => accessKeyId).join(',') || '-',
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
  const { file, config } = await openPlace(options)
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
  if (config !== null && config.identity.revocation !== null) {
    process.stderr.write(
      `Gateways with other folders of keys do not hear of it: \`customhouse revoke key ${id}\` tells all that share a list.\n`,
    )
  }
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
