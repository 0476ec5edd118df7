import { Command } from 'commander'
import {
  bodyField,
  type Damage,
  describeDamage,
  effectOf,
  listSegments,
  makeVerifier,
  publishedVerifierKey,
  readStateVersion,
  readTrail,
  searchEntries,
  type TrailStep,
  type Verifier,
} from '../audit/index.ts'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { AuditRecord } from '../core/record.ts'
import { type CheckpointOptions, checkpoint } from './audit/checkpoint.ts'
import { EXIT } from './audit/exit.ts'
import { type Asked, readFilter } from './audit/filter.ts'
import { contentKeys, notThere, type Place, placeOf, type Where, withPlace } from './audit/place.ts'
import { type RestoreOptions, restore } from './audit/restore.ts'
import { examples, howFar, printable } from './audit/text.ts'
import { type VerifyOptions, verify } from './audit/verify.ts'

type SearchOptions = Asked & Where & Readonly<{ limit?: string; json?: boolean }>
type ShowOptions = Where & Readonly<{ disclose?: boolean; json?: boolean; publicKey?: string }>

/** `customhouse audit search|show|verify|checkpoint|restore`. Data goes to stdout, talk to stderr; the process's exit code is set. */
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
    .option('--checkpoint <file>', 'a checkpoint that you hold: the log must extend it (repeatable)', collect, [])
    .option('--allow-erased', 'content keys that are gone were erased: they leave nothing to be desired')
    .option('--json', 'the result as JSON')
    .addHelpText(
      'after',
      examples('customhouse audit verify', 'customhouse audit verify --checkpoint ./held/checkpoint --json'),
    )
    .action((options: VerifyOptions) => exitWith(options, verify, EXIT.incomplete))
  withPlace(audit.command('checkpoint'))
    .description('print the newest signed checkpoint, to be given away to whoever shall be able to hold it against us')
    .option('--public-key <vkey>', 'verifier key of the log (default: the one in the keys folder)')
    .option('--json', 'the note and what it says, as JSON')
    .addHelpText(
      'after',
      examples('customhouse audit checkpoint > held/checkpoint', 'customhouse audit checkpoint --json'),
    )
    .action((options: CheckpointOptions) => exitWith(options, checkpoint, EXIT.failed))
  withPlace(audit.command('restore'))
    .description('accept that records are missing, and put that on record; the gateway must be stopped')
    .requiredOption('--reason <text>', 'why: it is recorded in clear, up to 500 characters; name no person')
    .option('--json', 'the result as JSON')
    .addHelpText(
      'after',
      examples(
        'customhouse audit restore --reason "volume lost, backup of 2 November"',
        'customhouse audit restore --state ./state --keys ./keys --reason "the state was lost" --json',
      ),
    )
    .action((options: RestoreOptions) => exitWith(options, restore, EXIT.failed))
  return audit
}

/** Our own errors go on to the command line's own report, which knows their exit codes; those of the file system are told here. */
async function exitWith<O extends Where>(
  options: O,
  work: (options: O, place: Place) => Promise<number>,
  unreadable: number,
): Promise<void> {
  const place = await placeOf(options)
  try {
    readStateVersion(place.state, place.ledger)
    process.exitCode = await work(options, place)
  } catch (error) {
    if (isCustomhouseError(error, 'ERR_STATE_VERSION')) {
      process.stderr.write(`${error.message}\n${error.code}\n`)
      process.exitCode = unreadable
      return
    }
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

function collect(file: string, files: readonly string[]): readonly string[] {
  return [...files, file]
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
  const far = howFar(record)
  if (far !== null) lines.push(`    ${printable(far)}`)
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
