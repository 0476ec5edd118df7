import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Command } from 'commander'
import { revocationStore } from '../compose/revocations.ts'
import { resolveSecret } from '../config/secret.ts'
import { type LoadedConfig, loadConfig, parseDuration } from '../config.ts'
import { CustomhouseError } from '../core/errors.ts'
import { isKeyId } from '../identity/index.ts'
import { holds, lift, type RevocationList, type RevocationStore, revoke } from '../identity/revocation/index.ts'

type Where = Readonly<{ config?: string; json?: true }>
type Wanted = Where & Readonly<{ until?: string; why?: string; undo?: true }>

export function revokeCommand(): Command {
  const command = new Command('revoke').description(
    'Revokes credentials at every gateway at once, on the list that they share (identity.revocation).',
  )
  command.addHelpText(
    'after',
    '\nExamples:\n  customhouse revoke key 3fK9aZ2b --why "laptop lost"\n  customhouse revoke subject https://idp.bank.example claims-bot --until 24h\n  customhouse revoke list\n',
  )
  at(command.command('init'))
    .description('Makes the list, empty. Until there is one gateways refuse every call (503).')
    .addHelpText('after', '\nExamples:\n  customhouse revoke init\n')
    .action(init)
  at(command.command('list'))
    .description('Shows what is revoked.')
    .addHelpText('after', '\nExamples:\n  customhouse revoke list\n  customhouse revoke list --json\n')
    .action(list)
  naming(command.command('key <id>'))
    .description('A gateway key, and its pairs for AWS SDKs.')
    .addHelpText('after', '\nExamples:\n  customhouse revoke key 3fK9aZ2b\n  customhouse revoke key 3fK9aZ2b --undo\n')
    .action((id: string, options: Wanted) => change(`key:${keyId(id)}`, options))
  naming(command.command('token <issuer> <jti>'))
    .description('A single token, by its `jti`.')
    .addHelpText('after', '\nExamples:\n  customhouse revoke token https://idp.bank.example 7d1f0c --until 24h\n')
    .action((issuer: string, jti: string, options: Wanted) => change(`token:${word(issuer)} ${jti}`, options))
  naming(command.command('subject <issuer> <subject>'))
    .description(
      'A caller, whatever he shows: of an issuer of tokens; of gateway keys (`key`); of certificates (`certificate`).',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  customhouse revoke subject https://idp.bank.example claims-bot\n  customhouse revoke subject key claims-bot\n  customhouse revoke subject certificate spiffe://bank.example/claims\n',
    )
    .action((issuer: string, subject: string, options: Wanted) => change(`subject:${word(issuer)} ${subject}`, options))
  naming(command.command('issuer-key <issuer> <kid>'))
    .description('A key that an issuer signs tokens with: all that it has signed.')
    .addHelpText('after', '\nExamples:\n  customhouse revoke issuer-key https://idp.bank.example 2026-11\n')
    .action((issuer: string, kid: string, options: Wanted) => change(`issuer-key:${word(issuer)} ${kid}`, options))
  naming(command.command('certificate <fingerprint|file>'))
    .description("A client's certificate: its SHA-256 fingerprint, or a file that holds it (PEM).")
    .addHelpText('after', '\nExamples:\n  customhouse revoke certificate ./claims.crt --why "key was copied"\n')
    .action((text: string, options: Wanted) => change(`certificate:${fingerprintOf(text)}`, options))
  return command
}

function at(command: Command): Command {
  return command
    .option('-c, --config <file>', 'the configuration (default: $CUSTOMHOUSE_CONFIG, else customhouse.yaml)')
    .option('--json', 'print JSON')
}

function naming(command: Command): Command {
  return at(command)
    .option('--until <duration|time>', 'for so long (24h), or until then (2026-12-01T00:00:00Z); default: for good')
    .option('--why <text>', 'one line; it is recorded sealed, as personal data')
    .option('--undo', 'lifts it, in place of revoking')
}

/** Works on the list, and lets go of it. */
async function on<T>(options: Where, work: (store: RevocationStore, everyMs: number) => Promise<T>): Promise<T> {
  const loaded = await loadConfig(options.config, process.env, {}, { secrets: false })
  const settings = loaded.config.identity.revocation
  if (settings === null) {
    throw new CustomhouseError(
      'ERR_CLI_USAGE',
      'The configuration names no list that gateways share (identity.revocation.store). One gateway alone follows `customhouse keys revoke`.',
    )
  }
  const store = revocationStore(settings, passwordOf(loaded, settings.store))
  try {
    return await work(store, settings.everyMs)
  } finally {
    await store.close()
  }
}

/** Of all secrets this one alone is read: whoever revokes need not hold the credentials of providers. */
function passwordOf(
  { file }: LoadedConfig,
  store: NonNullable<LoadedConfig['config']['identity']['revocation']>['store'],
): string | null {
  if ('file' in store || store.password === null) return null
  const read = resolveSecret(store.password.reference, process.env, dirname(file))
  if (read.ok) return read.secret.reveal()
  throw new CustomhouseError('ERR_CONFIG_UNREADABLE', `identity.revocation.password: ${read.message}.`)
}

async function init(options: Where): Promise<void> {
  await on(options, async (store) => {
    await store.make()
    process.stderr.write(`There is a list of what is revoked in ${store.where} now. Nothing is on it.\n`)
    if (options.json) process.stdout.write(`${JSON.stringify({ where: store.where, generation: 0 })}\n`)
  })
}

async function change(name: string, options: Wanted): Promise<void> {
  const now = Date.now()
  const { undo, why = null } = options
  if (undo && (options.until !== undefined || why !== null)) {
    throw new CustomhouseError('ERR_CLI_USAGE', '--undo goes alone: without --until and --why.')
  }
  const until = options.until === undefined ? null : untilOf(options.until, now)
  await on(options, async (store, everyMs) => {
    let changed = false
    const list = await store.change((before) => {
      const next = undo ? lift(before, name, now) : revoke(before, { name, until, why }, now)
      changed = undo ? !before.lifted.some((one) => one.name === name) : next !== null
      return next
    })
    process.stderr.write(
      `${said(list, name, changed, undo === true)}${changed ? ` Gateways follow within ${everyMs} ms.` : ''}\n`,
    )
    if (options.json) {
      const entry = list.revoked.find((one) => one.name === name) ?? null
      process.stdout.write(`${JSON.stringify({ name, changed, generation: list.generation, revoked: entry })}\n`)
    }
  })
}

function said(list: RevocationList, name: string, changed: boolean, undo: boolean): string {
  if (undo) return changed ? `${name} is not revoked any more.` : `${name} was lifted already; gateways are told anew.`
  const until = list.revoked.find((one) => one.name === name)?.until
  return `${name} is revoked ${changed ? '' : 'already, '}${until === undefined ? 'for good' : `until ${until}`}.`
}

async function list(options: Where): Promise<void> {
  await on(options, async (store) => {
    const found = await store.look(null)
    if (found === null) throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'A first look found nothing new.')
    const { generation, revoked } = found.list
    const now = Date.now()
    const inForce = revoked.filter((one) => holds(one, now))
    if (options.json) {
      process.stdout.write(`${JSON.stringify({ where: store.where, generation, revoked: inForce }, null, 2)}\n`)
      return
    }
    if (inForce.length === 0) process.stderr.write(`Nothing is revoked in ${store.where}.\n`)
    for (const { name, at: since, until, why } of inForce) {
      process.stdout.write(
        `${name}  since ${since}${until === undefined ? '' : `  until ${until}`}${why === undefined ? '' : `  ${why}`}\n`,
      )
    }
  })
}

function untilOf(text: string, now: number): number {
  const ms = parseDuration(text)
  if (ms !== null) return now + ms
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/.test(text)
    ? Date.parse(text)
    : Number.NaN
  if (Number.isNaN(time)) {
    throw new CustomhouseError(
      'ERR_CLI_USAGE',
      '--until must be a duration with its unit, such as 24h, or a time with its zone, such as 2026-12-01T00:00:00Z.',
    )
  }
  return time
}

/** An id, or a whole key or its beginning. Only the id is ever repeated. */
function keyId(text: string): string {
  const id = text.startsWith('chk_') ? text.slice(4, 12) : text
  if (isKeyId(id)) return id
  throw new CustomhouseError(
    'ERR_CLI_USAGE',
    'That is no id of a key: `customhouse keys list` shows them, 8 letters and digits each.',
  )
}

/** The first word of a name: a space in it would make it another name. */
function word(text: string): string {
  if (text !== '' && !text.includes(' ')) return text
  throw new CustomhouseError(
    'ERR_CLI_USAGE',
    'The issuer must be as in the configuration (identity.jwt), without spaces; or `key`, or `certificate`.',
  )
}

function fingerprintOf(text: string): string {
  const bare = text.replaceAll(':', '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(bare)) return bare
  try {
    return new X509Certificate(readFileSync(text)).fingerprint256.replaceAll(':', '').toLowerCase()
  } catch (cause) {
    throw new CustomhouseError(
      'ERR_CLI_USAGE',
      'That is neither a SHA-256 fingerprint (64 hexadecimal digits, colons or not) nor a file that holds a certificate in PEM.',
      { cause },
    )
  }
}
