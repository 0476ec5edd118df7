import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { Command, Option } from 'commander'
import { type Given, type Reader, readIn } from '../../plugins/redaction/find.ts'
import { givenOf } from '../../plugins/redaction/inspector.ts'
import type { Params } from '../../plugins/redaction/params.ts'
import { resolve } from '../../plugins/redaction/resolve.ts'
import { loadTagger } from '../../plugins/redaction/tagger/index.ts'
import { nearest } from '../config.ts'
import { DIALECTS, type Dialect, type Finding } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'
import { type Choice, chosen, recalling } from './inspect/chosen.ts'
import { difference } from './inspect/difference.ts'
import { linesOf, opened, say } from './inspect/lines.ts'
import { askedFor, paramsOf, saidIn } from './inspect/profile.ts'
import { factsOf, findingsOf, NOTHING_ASKED, type Subject, sent, subjectOf } from './inspect/sending.ts'
import { tableOf } from './inspect/table.ts'

type Options = Readonly<{
  jsonl?: true
  profile?: string
  policies?: string
  tenant?: string
  explain?: true
  recall?: true
  types?: readonly string[]
  diff?: string
  dialect: Dialect | 'auto' | 'text'
}>

/** Without a profile a difference is what `standard` makes of a file. */
const USUAL_PROFILE = 'standard'
/** A tenant that no policy lists. */
const NOBODY = 'inspect'

export function inspectCommand(): Command {
  return new Command('inspect')
    .description(
      'Shows what the detectors find in text, and what would be sent in its place. Nothing is sent, and no gateway needs to run.',
    )
    .argument('[file]', 'the text; - or nothing is standard input')
    .option('--jsonl', 'read a {"text": ...} a line, optionally with "key", and write its {"spans": [...]} a line')
    .option('--profile <name>', 'only what this profile does something about, from its scores up')
    .option(
      '--policies <folder>',
      "with the profiles, entities, dictionaries and allow lists of these policies, not the shipped ones'",
    )
    .option(
      '--tenant <tenant>',
      'as for this tenant: its dictionaries, and without --profile what the policies ask for its calls',
    )
    .option('--explain', 'name the rule that found each')
    .option('--recall', 'rather too much than too little: lower scores count too')
    .option('--types <types>', 'only these, separated by commas: EMAIL,IBAN', types)
    .option('--diff <file>', 'show as a unified diff what would be sent in place of this file')
    .addOption(
      new Option('--dialect <dialect>', 'of --diff: what the file is')
        .choices([...DIALECTS, 'text', 'auto'])
        .default('auto'),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  customhouse inspect letter.txt --explain\n  customhouse inspect --jsonl < texts.jsonl > spans.jsonl\n  customhouse inspect --diff call.json --profile hipaa_safe_harbor\n  customhouse inspect --diff call.json --policies policies --tenant claims\n',
    )
    .action(run)
}

async function run(file: string | undefined, options: Options): Promise<void> {
  const { profile, diff, policies, tenant = NOBODY } = options
  const said = await saidIn(policies)
  const reader: Reader = { tagger: loadTagger(), custom: said.custom, tenant }
  const ofTenant = profile === undefined && options.tenant !== undefined
  if (options.types !== undefined) requireTypes(options.types, said.types, policies)
  const choice: Choice = {
    params: profile === undefined ? null : paramsOf(said, profile),
    types: options.types === undefined ? null : new Set(options.types),
    recall: options.recall === true,
  }
  if (diff !== undefined) {
    if (file !== undefined || options.jsonl === true)
      throw new CustomhouseError('ERR_CLI_USAGE', 'With --diff there is neither another file nor --jsonl.')
    const asked = async (findings: readonly Finding[], { references }: Subject): Promise<Params | null> =>
      profile === undefined && (ofTenant || policies !== undefined)
        ? await askedFor(said, tenant, factsOf(findings), references)
        : paramsOf(said, profile ?? USUAL_PROFILE, references)
    await showDifference(diff, options.dialect, reader, choice, asked)
    return
  }
  const seen = ofTenant ? { ...choice, params: (await askedFor(said, tenant, [], [])) ?? NOTHING_ASKED } : choice
  if (options.jsonl === true) await answerLines(file, reader, seen, options.explain === true)
  else await showTable(file, reader, seen, options.explain === true)
}

async function showDifference(
  file: string,
  dialect: Options['dialect'],
  reader: Reader,
  choice: Choice,
  asked: (findings: readonly Finding[], subject: Subject) => Promise<Params | null>,
): Promise<void> {
  const subject = subjectOf(file === '-' ? await buffer(process.stdin) : await readFile(file), dialect)
  const { types: wanted, recall } = choice
  const spans = readIn(
    subject.segments.map((segment) => givenOf(segment, subject)),
    reader,
  ).map((all) => all.filter(({ type }) => wanted === null || type === 'TOKEN' || wanted.has(type)))
  const findings = findingsOf(subject, spans)
  const params = (await asked(findings, subject)) ?? NOTHING_ASKED
  const after = sent(subject, findings, recall ? recalling(params) : params)
  process.stderr.write(`Read as ${subject.dialect ?? 'plain text'}.\n`)
  const shown = difference(subject.before, after, file)
  if (shown === '') process.stderr.write('It would be sent as it is.\n')
  await say(shown)
}

async function answerLines(file: string | undefined, reader: Reader, choice: Choice, explain: boolean): Promise<void> {
  let number = 0
  for await (const line of linesOf(opened(file))) {
    number += 1
    const given = givenOfLine(line, number)
    const told = resolve(chosen(readIn([given], reader)[0] ?? [], choice), given.text).map(
      ({ start, end, type, score, rule }) => ({
        start,
        end,
        type,
        score,
        ...(explain ? { rule } : {}),
      }),
    )
    if (!(await say(`${JSON.stringify({ spans: told })}\n`))) return
  }
}

function givenOfLine(line: string, number: number): Given {
  const read = parsed(line, number)
  const { text, key } = typeof read === 'object' && read !== null ? Object(read) : {}
  if (typeof text !== 'string') throw badLine(number, 'is no object with a member "text" that is a string')
  if (key !== undefined && key !== null && typeof key !== 'string')
    throw badLine(number, 'has a "key" that is no string')
  return { text, json: false, hints: { key: key ?? null, role: 'user', channel: 'text' } }
}

function parsed(line: string, number: number): unknown {
  try {
    return JSON.parse(line)
  } catch {
    // The message of the parser quotes the text.
    throw badLine(number, 'is no JSON')
  }
}

function badLine(number: number, what: string): CustomhouseError {
  return new CustomhouseError('ERR_CLI_USAGE', `Line ${number} ${what}.`)
}

async function showTable(file: string | undefined, reader: Reader, choice: Choice, explain: boolean): Promise<void> {
  const bytes = file === undefined || file === '-' ? await buffer(process.stdin) : await readFile(file)
  const [segment] = subjectOf(bytes, 'text').segments
  if (segment === undefined) return
  const spans = resolve(
    chosen(readIn([givenOf(segment, { tools: [], references: [] })], reader)[0] ?? [], choice),
    segment.text,
  )
  if (spans.length === 0) process.stderr.write('Nothing was found.\n')
  else await say(tableOf(segment.text, spans, explain))
}

function types(text: string): readonly string[] {
  return text.split(',').map((one) => one.trim())
}

/** @throws ERR_CLI_USAGE with what is near, where one of them can be found by nothing */
function requireTypes(named: readonly string[], known: ReadonlySet<string>, policies: string | undefined): void {
  const stranger = named.find((one) => !known.has(one))
  if (stranger === undefined) return
  const near = nearest(stranger, known)
  const own = policies === undefined ? ' Types of your own are those of --policies.' : ''
  const hint = near === null ? own : ` Did you mean ${near}?`
  throw new CustomhouseError('ERR_CLI_USAGE', `There is no type ${stranger}.${hint}`)
}
