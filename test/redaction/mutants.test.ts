import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { altered, type Mutant, original } from './mutants-plugin.ts'

/** Taking out any one step of the plugin fails the check that is named beside it. */

const run = promisify(execFile)

type Said = Readonly<{ checks: number; failed: Readonly<Record<string, string>> }>

let folder: string
beforeAll(() => {
  folder = original()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function checked(root: string, only: readonly string[] = []): Promise<Said> {
  const script = join(root, 'test/redaction/mutants-checks.ts')
  const { stdout } = await run(process.execPath, [script, ...only], { timeout: 60_000 })
  return JSON.parse(stdout)
}

const VIEW = 'view/index.ts'
const APPLY = 'view/apply.ts'
const REDACT = 'redact.ts'
const READER = 'restore/reader.ts'
const RESTORE = 'restore/index.ts'
const ANSWER = 'restore/answer.ts'
const PSEUDONYMS = 'pseudonyms.ts'

const LABELLED = 'a number known by its label is found where it stands without'
const JSON_STAYS = 'JSON stays JSON where a string and a number are replaced'
const CUT = 'a text is restored however it is cut, and at its very end'
const OF = 'tokens are of tenant, number and value'
const BY_HAND = 'a token that is written by hand stands for nobody'
const NUMBERED = 'values are numbered as they first appear, what stands outside of the messages first'
const LISTED = 'only listed tools and fields get values'
const FORMS = 'another form of a value has its number, and a letter'
const RUN = 'a base64 run is read, and stays base64'

const MUTANTS: readonly Mutant[] = [
  [
    'normalising',
    VIEW,
    'normalised(text, json)\n',
    '{ text, from: null, to: null }\n',
    'a card with units of no width in it is taken out',
  ],
  ['runs that carry text', VIEW, '  carriedIn(main, text.length, DEPTH, views)\n', '', RUN],
  [
    'tag characters',
    VIEW,
    "if (hidden !== null) views.push(viewOf(hidden, text.length, 'tags'))",
    '',
    'what is said in tag characters is read',
  ],
  [
    'places of the original',
    'find.ts',
    'spans.push(same ? span : { ...span, ...view.locate(span.start, span.end) })',
    'spans.push(span)',
    RUN,
  ],
  ['propagation', 'find.ts', '  propagate(view.text, tokens, index, found)\n', '', LABELLED],
  [
    'reading a known text again',
    'inspector.ts',
    'one.seeds !== digest)',
    'one.seeds === null)',
    'a value is found in an earlier turn once a later one tells it',
  ],
  [
    'resolution of overlaps',
    'resolve.ts',
    'else settle(sorted.slice(from, to), text, settled)',
    'else settled.push(...sorted.slice(from, to))',
    'spans that overlap come out apart',
  ],
  [
    'what is never kept',
    'settled.ts',
    'NEVER_KEPT.has(last.type) ? last : mark',
    'NEVER_KEPT.has(last.type) ? mark : last',
    'what may never be kept takes what it touches with it',
  ],
  ['escaping in JSON', APPLY, 'text: JSON.stringify(edit.text).slice(1, -1),\n', 'text: edit.text,\n', JSON_STAYS],
  [
    'quotes around what was a number',
    APPLY,
    "else if (literal.kind === 'number') out.push(quoted(text, literal, pieces))",
    '',
    JSON_STAYS,
  ],
  ['encoding anew', APPLY, 'const anew = run.encode(', 'const anew = String(', RUN],
  [
    'alignment with a run',
    APPLY,
    "apart([...ours, { ...place, text: '' }])",
    'apart([...ours])',
    'what reaches beyond a run of base64 takes the run with it',
  ],
  ['the least score', REDACT, ' || score < scoreFor(params, type)', '', 'a find below the least score is left alone'],
  [
    'refusing',
    REDACT,
    "if (operator.operator === 'refuse') refused.set",
    'if (operator.operator === null) refused.set',
    'what is refused is not sent',
  ],
  [
    'what cannot be edited',
    REDACT,
    'if (told !== undefined && refused.size === 0) {',
    'if (told === null) {',
    'what stands where nothing can be edited is not sent',
  ],
  ['tokens of others', REDACT, 'if (!isForeign(shape, further)) return', 'return', BY_HAND],
  [
    'tokens that stay',
    REDACT,
    'token: (text) => fixed.has(text)',
    'token: () => false',
    'a token that stands where nothing can be edited is nobody in this call',
  ],
  [
    'the order of the document',
    REDACT,
    'return [...places.filter((place) => !isTurn(place)), ...places.filter(isTurn)]',
    'return places',
    NUMBERED,
  ],
  ['numbers', PSEUDONYMS, 'number: numbering.next++', 'number: 1', NUMBERED],
  [
    'one number for one value',
    PSEUDONYMS,
    'if (known !== undefined) return known\n    const names',
    'const names',
    NUMBERED,
  ],
  ['other names of a person', PSEUDONYMS, 'aliasOf(byName, names) ?? ', '', FORMS],
  ['letters', PSEUDONYMS, 'lettersOf(form)', "''", FORMS],
  [
    'the key of the tenant',
    'token.ts',
    'derive = (what: string): KeyObject =>\n',
    "derive = (what: string, tenant = ''): KeyObject =>\n",
    OF,
  ],
  ['check characters', 'token.ts', 'check += CHECK_ALPHABET.charAt(left % CHECK_ALPHABET.length)', "check += '0'", OF],
  [
    'the value in the check',
    'token.ts',
    '[type, String(number), letters, surface]',
    '[type, String(number), letters]',
    OF,
  ],
  ['the number in the check', 'token.ts', '[type, String(number), letters, surface]', '[type, letters, surface]', OF],
  [
    'strict params',
    'params.ts',
    'if (!MEMBERS.has(name))',
    'if (name === null)',
    'params that nobody knows are not carried out',
  ],
  [
    'asking for the answer',
    'index.ts',
    '...(params.answer && { inspects: true }),',
    '',
    'an answer is read where the params say so',
  ],
  ['the sink rule', READER, 'this.#sink(layer) ?? ', '', 'nothing is put back into an address'],
  ['the host behind a token', READER, 'host || ', '', 'nothing is put back in front of a host'],
  ['the list of tools', RESTORE, "return fields ?? 'none'", "return fields ?? 'all'", LISTED],
  ['the list of fields', READER, "this.#allowed.has(this.#layers[0]?.json?.member ?? '')", 'true', LISTED],
  [
    'escaping of what is put back',
    READER,
    'text: escapedTimes(said, depth)',
    'text: said',
    'values are put back in JSON, escaped',
  ],
  [
    'names of members',
    READER,
    'if (this.#isName()) {',
    'if (false as boolean) {',
    'a name of a member is not restored',
  ],
  ['signed text', RESTORE, 'if (lane.signed) return NONE', '', 'a signed text is not restored'],
  ['what waits', RESTORE, ': readerOf(lane).waits(lane)', ': 0', CUT],
  ['the last flush', 'restore/pseudonyms.ts', 'if (final && id !== 0) {', 'if (id < 0) {', CUT],
  [
    'reading the answer before restoring',
    ANSWER,
    'WHOLE.has(type) ? [finding] : outside(lives, finding, lane.text)',
    '[finding]',
    'a find that covers a live token leaves it alone',
  ],
  [
    'refusing an answer',
    ANSWER,
    "if (operator.operator === 'refuse') throw",
    'if (operator.operator === null) throw',
    'an answer with what is refused ends',
  ],
  [
    'quotes in an answer',
    ANSWER,
    'own.within(lane, start, end) ? escaped(text) : JSON.stringify(text)',
    'escaped(text)',
    'a number in the JSON of an answer becomes a string',
  ],
  [
    'what has no bound: keys',
    'detect/secrets/keys.ts',
    'if (last < 0) return text.length',
    'if (last < 0) return 0',
    'a private key in an answer goes whole',
  ],
  ['what has no bound: runs', ANSWER, 'runAt(text) : 0', '0 : 0', 'a credential longer than all bounds goes whole'],
  [
    'what stood in front',
    'lead.ts',
    'const lead = leadOf',
    "const lead = '' && leadOf",
    'a find stays one when its label was released',
  ],
  [
    'the tenant in the cache key',
    'inspector.ts',
    'const scope = ',
    'const scope = true ? versions : ',
    'what one tenant lets pass, another has taken out, of the same text',
  ],
  [
    'the member name in the cache key',
    'cache.ts',
    '[scope, hints.key, ',
    '[scope, ',
    'the same text under another member name is read anew',
  ],
  [
    'the failure of a thread',
    'apart/worker.ts',
    "say({ kind: 'failed', id, name: error instanceof Error ? error.name : 'unknown' })",
    "say({ kind: 'done', id, done: { own: [], all: [] } })",
    'a thread that cannot read a text says so',
  ],
  [
    'the digest of the weights',
    'tagger/index.ts',
    'if (digest !== WEIGHTS_SHA256) {',
    "if (digest === '') {",
    'weights that are damaged are not used',
  ],
]

test('as it ships, it passes all of them', async () => {
  const { checks, failed } = await checked(join(folder, 'original'))
  expect(failed).toEqual({})
  expect(checks).toBeGreaterThan(30)
})

describe('fails without', () => {
  test.each(MUTANTS)('%s', async (...mutant) => {
    const [without, , , , killedBy] = mutant
    const root = altered(folder, without.replaceAll(/\W+/g, '-'), mutant)
    const { failed } = await checked(root, [killedBy])
    expect(Object.keys(failed)).toEqual([killedBy])
    rmSync(root, { recursive: true })
  })
})
