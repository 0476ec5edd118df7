import { Command } from 'commander'
import {
  bodyField,
  type Damage,
  describeDamage,
  effectOf,
  listSegments,
  makeVerifier,
  publishedVerifierKey,
  readTrail,
  searchEntries,
  type TrailStep,
  type Verification,
  type Verifier,
  verifyLedger,
} from '../audit/index.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { AuditRecord } from '../core/record.ts'
import { type Asked, readFilter } from './audit/filter.ts'
import { contentKeys, notThere, type Place, placeOf, type Where, withPlace } from './audit/place.ts'

/** Exit codes of the house (design: names in the operator's file system). */
const EXIT = { fine: 0, failed: 1, incomplete: 2, tampered: 4 } as const

type SearchOptions = Asked & Where & Readonly<{ limit?: string; json?: boolean }>
type ShowOptions = Where & Readonly<{ disclose?: boolean; json?: boolean; publicKey?: string }>
type VerifyOptions = Where & Readonly<{ json?: boolean; publicKey?: string; allowErased?: boolean }>

/** `customhouse audit search|show|verify`. Data goes to stdout, talk to stderr; the process's exit code is set. */
export function auditCommand(): Command {
  const audit = new Command('audit')
    .description('read and verify the ledger')
    .addHelpText(
      'after',
      examples('customhouse audit search --decision deny --since 2026-11-24T00:00:00Z', 'customhouse audit verify'),
    )
  withPlace(audit.command('search'))
    .description('list records, oldest first')
    .option('--tenant <name>', 'of this tenant')
    .option('--kind <kinds>', 'of these kinds or families of kinds (call.denied; policy,config)')
    .option('--call <id>', 'of this call')
    .option('--since <time>', 'from this time on (RFC 3339)')
    .option('--until <time>', 'before this time (RFC 3339)')
    .option('--decision <effect>', 'allow, deny, or the id of a decision')
    .option('--rule <id>', 'in which this rule gave a reason')
    .option('--target <id>', 'that were to go to this target')
    .option('--provider <name>', 'in which this provider stands')
    .option('--model <name>', 'in which this model stands')
    .option('--limit <count>', 'stop after so many')
    .option('--json', 'a record a line, as JSON')
    .addHelpText(
      'after',
      examples(
        'customhouse audit search --tenant claims --decision deny',
        'customhouse audit search --kind policy,config --since 2026-11-24T00:00:00Z --json',
      ),
    )
    .action((options: SearchOptions) => exitWith(options, search, EXIT.failed))
  withPlace(audit.command('show'))
    .description('show the whole trail of a call, with proofs')
    .argument('<call|seq>', 'the id of a call, or the number of a record')
    .option('--disclose', 'open the personal fields, if the content key is there')
    .option('--public-key <vkey>', 'verifier key of the log (default: the one in the keys folder)')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      examples('customhouse audit show 42', 'customhouse audit show 019a0000-0000-7000-8000-000000000001 --disclose'),
    )
    .action((wanted: string, options: ShowOptions) =>
      exitWith(options, (given, place) => show(wanted, given, place), EXIT.failed),
    )
  withPlace(audit.command('verify'))
    .description('verify the whole log: exit 0 verified, 4 tampered, 2 not verifiable')
    .option('--public-key <vkey>', 'verifier key of the log (default: the one in the keys folder)')
    .option('--allow-erased', 'content keys that are gone were erased: they leave nothing to be desired')
    .option('--json', 'the result as JSON')
    .addHelpText(
      'after',
      examples('customhouse audit verify', 'customhouse audit verify --state ./copy/state --keys ./auditor --json'),
    )
    .action((options: VerifyOptions) => exitWith(options, verify, EXIT.incomplete))
  return audit
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}\n`).join('')}`
}

/** Our own errors go on to the command line's own report, which knows their exit codes; those of the file system are told here. */
async function exitWith<O extends Where>(
  options: O,
  work: (options: O, place: Place) => Promise<number>,
  unreadable: number,
): Promise<void> {
  const place = await placeOf(options)
  try {
    process.exitCode = await work(options, place)
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    process.stderr.write(`The ledger in ${place.ledger} cannot be read: ${error.message}.\n`)
    process.exitCode = unreadable
  }
}

function onDamage(damage: Damage): never {
  throw new CustomhouseError(
    'ERR_LEDGER_CORRUPT',
    `The ledger is damaged; nothing after this place is shown. ${describeDamage(damage)}`,
  )
}

function mustBeThere(place: Place): string {
  if (listSegments(place.ledger).length === 0) throw new CustomhouseError('ERR_CLI_USAGE', notThere(place))
  return place.ledger
}

async function search(options: SearchOptions, place: Place): Promise<number> {
  const limit = options.limit === undefined ? Number.POSITIVE_INFINITY : Number(options.limit)
  if (!(limit > 0)) throw new CustomhouseError('ERR_CLI_USAGE', `--limit ${options.limit} is no count.`)
  const { limit: _limit, json, config: _config, state: _state, keys: _keys, ...asked } = options
  const filter = readFilter(asked)
  const directory = mustBeThere(place)
  let seen = 0
  let found = 0
  let more = false
  if (!json)
    process.stdout.write(`${row(['SEQ', 'TIME', 'TENANT', 'KIND', 'CALL', 'DECISION', 'RULE', 'PROVIDER', 'MODEL'])}\n`)
  for await (const { leaf, text } of searchEntries(directory, filter, onDamage, () => seen++)) {
    if (found === limit) {
      more = true
      break
    }
    found++
    process.stdout.write(json ? `${text}\n` : `${tableRow(leaf)}\n`)
  }
  const end = more
    ? `there are more: --limit ${found} was reached at seq ${seen - 1}`
    : `all ${seen} records were searched`
  process.stderr.write(`${found} found; ${end}\n`)
  return EXIT.fine
}

const WIDTHS: readonly number[] = [8, 24, 14, 20, 36, 8, 24, 14, 0]

function row(cells: readonly string[]): string {
  return cells
    .map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0))
    .join('  ')
    .trimEnd()
}

function tableRow(record: AuditRecord): string {
  const field = (name: 'rule' | 'provider' | 'model') => bodyField(record, name) ?? '-'
  return row(
    [
      String(record.seq),
      record.t,
      record.tenant,
      record.kind,
      record.call ?? '-',
      effectOf(record) ?? '-',
      field('rule'),
      field('provider'),
      field('model'),
    ].map(printable),
  )
}

/** Names come from clients: what could steer a terminal is written as an escape. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

async function show(wanted: string, options: ShowOptions, place: Place): Promise<number> {
  const directory = mustBeThere(place)
  const key = options.publicKey ?? publishedVerifierKey(place.keys)
  const verifier: Verifier | null = key === null ? null : makeVerifier(key)
  const keys = options.disclose ? contentKeys(place.keys) : null
  const trail = await readTrail(directory, /^\d+$/.test(wanted) ? Number(wanted) : wanted, {
    contentKeys: keys,
    verifier,
    onDamage,
  })
  if (trail.length === 0) {
    process.stderr.write(`No record is of ${wanted}.\n`)
    return EXIT.failed
  }
  process.stdout.write(
    options.json
      ? `${JSON.stringify(trail, null, 2)}\n`
      : trail.map((step) => stepText(step, options.disclose === true)).join('\n'),
  )
  const broken = trail.some(({ proof }) => proof !== null && (!proof.holds || proof.signed === false))
  return broken ? EXIT.tampered : EXIT.fine
}

function stepText({ record, disclosed, proof }: TrailStep, asked: boolean): string {
  const { body, kind, of, seq, t, tenant, tseq } = record
  const lines = [`${seq}  ${t}  ${kind}${of === undefined ? '' : ` of ${of}`}  (${printable(tenant)} ${tseq})`]
  for (const [name, value] of Object.entries(body))
    lines.push(`    ${printable(name)}: ${printable(JSON.stringify(value))}`)
  if (record._sd !== undefined && disclosed === null) {
    lines.push(
      `    ${record._sd.length} personal fields, ${asked ? 'whose content key is not there' : 'sealed (--disclose opens them)'}`,
    )
  }
  for (const { name, value } of disclosed ?? [])
    lines.push(`    ${printable(name)} (personal): ${printable(JSON.stringify(value))}`)
  lines.push(...proofLines(proof))
  return `${lines.join('\n')}\n`
}

function proofLines(proof: TrailStep['proof']): readonly string[] {
  if (proof === null) return ['    proof: none yet, the record is newer than the last checkpoint']
  const signed =
    proof.signed === null ? 'signature not checked: no verifier key' : proof.signed ? 'signed' : 'NOT SIGNED by the key'
  const verdict = `${proof.holds ? 'holds' : 'DOES NOT HOLD'}, checkpoint of ${proof.size} ${signed}`
  return [
    `    proof: index ${proof.index}, ${proof.path.length} hashes: ${verdict}`,
    `    leaf hash: ${proof.leafHash}`,
  ]
}

async function verify(options: VerifyOptions, place: Place): Promise<number> {
  const publicKey = options.publicKey ?? publishedVerifierKey(place.keys)
  const keys = contentKeys(place.keys)
  const bar = progressBar()
  const result = await verifyLedger(place.ledger, {
    ...(publicKey === null ? {} : { publicKey }),
    ...(keys === null ? {} : { contentKeys: keys }),
    allowErased: options.allowErased === true,
    progress: bar.show,
  })
  bar.clear()
  process.stdout.write(options.json ? `${JSON.stringify(result, null, 2)}\n` : verificationText(result))
  if (result.segments === 0) process.stderr.write(`${notThere(place)}\n`)
  if (publicKey === null)
    process.stderr.write(
      `There is no verifier key in ${place.keys}. Name the keys folder with --keys, or the key itself with --public-key.\n`,
    )
  if (result.status === 'incomplete' && result.disclosures.erased > 0)
    process.stderr.write(
      `${result.disclosures.erased} sealed parts have no content key in ${place.keys}. If their keys were destroyed on purpose, say --allow-erased; else bring them back.\n`,
    )
  return { verified: EXIT.fine, incomplete: EXIT.incomplete, tampered: EXIT.tampered }[result.status]
}

function verificationText(result: Verification): string {
  const { checks, damage, disclosures } = result
  const lines = [
    `${result.status.toUpperCase()}  ${result.log ?? 'no log'}`,
    `  records      ${result.size} in ${result.segments} segments, epoch ${result.epoch}`,
    `  root         ${result.root ?? '-'}`,
    `  checkpoint   ${result.signedSize === null ? 'none' : `covers ${result.signedSize} records`}`,
    `  open calls   ${result.openIntents}`,
    `  disclosures  ${disclosures.opened} opened, ${disclosures.erased} erased or lost`,
    `  checked      ${Object.entries(checks)
      .map(([name, check]) => `${name}: ${check}`)
      .join(', ')}`,
  ]
  if (result.uncommittedBytes > 0)
    lines.push(
      `  tail         ${result.uncommittedBytes} bytes that no commit covers (a write under way, or torn by a crash)`,
    )
  if (damage !== null) lines.push(`  damage       ${printable(describeDamage(damage))}`)
  for (const what of result.missing) lines.push(`  missing      ${what}`)
  return `${lines.join('\n')}\n`
}

function progressBar(): { show: (bytes: number, of: number) => void; clear: () => void } {
  if (!process.stderr.isTTY) return { show: () => undefined, clear: () => undefined }
  let shown = -1
  return {
    show: (bytes, of) => {
      const percent = of === 0 ? 100 : Math.floor((bytes / of) * 100)
      if (percent === shown) return
      shown = percent
      process.stderr.write(`\r[${'#'.repeat(Math.floor(percent / 4)).padEnd(25)}] ${percent}%`)
    },
    clear: () => process.stderr.write('\r\u001b[K'),
  }
}
