import type { Random } from './random.ts'

/** JSON as it is written, so that what no value can hold can be written too: a name twice, any lexeme, any escape. */
export type Text =
  | Readonly<{ lexeme: string }>
  | Readonly<{ items: readonly Text[] }>
  | Readonly<{ members: readonly (readonly [name: string, value: Text])[] }>

/** A value as it would be written. Names are lexemes, quotes included. */
export function textOf(value: unknown): Text {
  if (Array.isArray(value)) return { items: value.map(textOf) }
  if (typeof value === 'object' && value !== null)
    return { members: Object.entries(value).map(([name, member]) => [JSON.stringify(name), textOf(member)]) }
  return { lexeme: JSON.stringify(value) ?? 'null' }
}

export function written(text: Text): string {
  if ('lexeme' in text) return text.lexeme
  if ('items' in text) return `[${text.items.map(written).join(',')}]`
  return `{${text.members.map(([name, value]) => `${name}:${written(value)}`).join(',')}}`
}

function sizeOf(text: Text): number {
  if ('lexeme' in text) return 1
  const inner = 'items' in text ? text.items : text.members.map(([, value]) => value)
  return inner.reduce((sum, one) => sum + sizeOf(one), 1)
}

/** Replaces the node of that number, counted in document order. */
function replaceAt(text: Text, at: number, by: (old: Text) => Text): Text {
  if (at === 0) return by(text)
  if ('lexeme' in text) return text
  let left = at - 1
  const inner = (one: Text): Text => {
    const size = sizeOf(one)
    const here = left
    left -= size
    return here >= 0 && here < size ? replaceAt(one, here, by) : one
  }
  if ('items' in text) return { items: text.items.map(inner) }
  return { members: text.members.map(([name, value]) => [name, inner(value)] as const) }
}

function nodeAt(text: Text, at: number): Text {
  let found: Text = text
  replaceAt(text, at, (old) => {
    found = old
    return old
  })
  return found
}

/** Lexemes on which readers are known to differ, or that look like something else. */
const NUMBERS =
  `0 -0 -0.0 1.0 1e0 1E+2 1e400 -1e400 1e-400 9007199254740993 18446744073709551616 0.1000000000000000055511151231257827
  123456789012345678901234567890 1.7976931348623157e309 5e-324 1e5 2.50`.split(/\s+/)
const STRINGS = [
  '""',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\ud83d\\ude00"',
  '"\\u0000"',
  '"\\u0061\\/\\b\\f"',
  '"\u2028\u2029"',
  '"\ufeff"',
  '"\ufffe\uffff"',
  '"e\\u0301"',
  '"\\u202e"',
  '"data: [DONE]\\n\\n"',
  '"\\r\\n\\r\\n"',
  '"__proto__"',
  '"true"',
  '"DE89370400440532013000"',
  '"assistant"',
  '"system"',
  '"tool_use"',
  '"thinking"',
  '"image"',
  '"file"',
]
const NAMES =
  `"__proto__" "constructor" "toString" "" "type" "text" "content" "role" "model" "messages" "system" "tools" "name" "input"
  "thinking" "signature" "source" "image_url" "toolUse" "toolResult" "reasoningContent" "cachePoint" "guardContent" "json" "id" "index" "0"
  "stream" "n" "metadata" "extra_body" "\\ud800" "\\u0074ype"`.split(/\s+/)
/** Blocks of all dialects: in another one they are strangers. */
export const BLOCKS: readonly Text[] = [
  { type: 'text', text: 'hello' },
  { text: 'hello' },
  { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
  { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGVsbG8=' } },
  { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
  { type: 'redacted_thinking', data: 'c2ln' },
  { type: 'tool_use', id: 'a', name: 'b', input: { c: 1 } },
  { type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: 'd' }] },
  { toolUse: { toolUseId: 'a', name: 'b', input: {} } },
  { toolResult: { toolUseId: 'a', content: [{ json: { e: 1 } }], status: 'success' } },
  { reasoningContent: { reasoningText: { text: 'hm', signature: 'c2ln' } } },
  { cachePoint: { type: 'default' } },
  { type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } },
  { document: { format: 'pdf', name: 'x', source: { s3Location: { uri: 's3://a/b' } } } },
  { type: 'input_audio', input_audio: { data: 'aGVsbG8=', format: 'wav' } },
  { role: 'system', content: 'be kind' },
  { role: 'tool', tool_call_id: 'a', content: 'f' },
  { type: 'function', function: { name: 'g', parameters: { type: 'object' } } },
  { type: 'mcp_servers', url: 'https://example.com' },
].map(textOf)

/** A canary: inside of any text it can be found again, whatever is around it. */
export const CANARIES = /KNY[0-9]{1,9}Y/g

type Mutation = (old: Text, random: Random, whole: Text) => Text

const insertAt = <T>(list: readonly T[], item: T, random: Random): T[] =>
  list.toSpliced(random.below(list.length + 1), 0, item)

function otherOf(whole: Text, random: Random): Text {
  return nodeAt(whole, random.below(sizeOf(whole)))
}

function nest(text: Text, depth: number): Text {
  let nested = text
  for (let level = 0; level < depth; level++)
    nested = level % 2 === 0 ? { items: [nested] } : { members: [['"a"', nested]] }
  return nested
}

/** Round the longest that a path may be, and beyond what V8 hashes by its letters. */
const LENGTHS = [64, 500, 1_000, 1_020, 1_024, 2_000, 17_000]
const LETTERS = ['n', '/', '~', 'é', '\\u006e']

/** Long names, one inside of the other, over the old text or over many small ones. */
function underNames(old: Text, random: Random): Text {
  let text: Text = random.chance(0.5)
    ? old
    : { items: Array.from({ length: random.below(400) }, () => ({ lexeme: '"a"' })) }
  for (let level = 0; level < 1 + random.below(3); level++)
    text = { members: [[`"${random.pick(LETTERS).repeat(random.pick(LENGTHS))}"`, text]] }
  return text
}

const MUTATIONS: readonly Mutation[] = [
  (_, random) => ({ lexeme: random.pick(NUMBERS) }),
  (_, random) => ({ lexeme: random.pick(STRINGS) }),
  (_, random) => ({ lexeme: random.pick(['null', 'true', 'false', '{}', '[]']) }),
  (_, random) => random.pick(BLOCKS),
  (old, random) => nest(old, 1 + random.below(random.chance(0.1) ? 140 : 20)),
  (old, random) => (random.chance(0.2) ? underNames(old, random) : nest(old, 1)),
  (old, random, whole) => (random.chance(0.5) ? otherOf(whole, random) : { items: [old, old] }),
  (_, random) => ({
    lexeme: `"${random.pick(['x', 'é', '\u{1f600}', '\\u0041', '\\n'])}`
      .padEnd(1, '')
      .concat('y'.repeat(random.below(3_000)), '"'),
  }),
  (old, random, whole) => {
    if ('items' in old)
      return { items: insertAt(old.items, random.chance(0.5) ? random.pick(BLOCKS) : otherOf(whole, random), random) }
    if ('members' in old)
      return { members: insertAt(old.members, [random.pick(NAMES), otherOf(whole, random)] as const, random) }
    return old
  },
  (old, random) => {
    if ('items' in old) return { items: old.items.toSpliced(random.below(old.items.length || 1), 1) }
    if ('members' in old) return { members: old.members.toSpliced(random.below(old.members.length || 1), 1) }
    return { lexeme: 'null' }
  },
  (old, random) => {
    if ('items' in old) return { items: old.items.toSorted(() => random.next() - 0.5) }
    if ('members' in old) return { members: old.members.toSorted(() => random.next() - 0.5) }
    return old
  },
  (old, random) => {
    if (!('members' in old) || old.members.length === 0) return old
    const at = random.below(old.members.length)
    const [name, value] = random.pick(old.members)
    const escaped = `"${[...name.slice(1, -1)].map((c) => (c >= 'a' && c <= 'z' ? `\\u00${c.charCodeAt(0).toString(16)}` : c)).join('')}"`
    const other = random.pick([
      escaped,
      name.toUpperCase(),
      random.pick(NAMES),
      random.chance(0.3) ? name : `"${'z'.repeat(50)}"`,
    ])
    return { members: old.members.with(at, [other, value] as const) }
  },
]

/** The same text with a few things changed in its structure, and now and then a canary put into a string of it. */
export function mutated(text: Text, random: Random, canary: string | null): Text {
  let changed = text
  for (let turn = 0; turn < 1 + random.below(3); turn++) {
    const whole = changed
    changed = replaceAt(changed, random.below(sizeOf(changed)), (old) => random.pick(MUTATIONS)(old, random, whole))
  }
  return canary === null ? changed : planted(changed, random, canary)
}

/** Puts a canary into some string of it. */
export function planted(text: Text, random: Random, canary: string): Text {
  for (let turn = 0; turn < 8; turn++) {
    const at = random.below(sizeOf(text))
    const node = nodeAt(text, at)
    if ('lexeme' in node && node.lexeme.startsWith('"'))
      return replaceAt(text, at, () => ({ lexeme: `${node.lexeme.slice(0, -1)}${canary}"` }))
  }
  return text
}

/** Damages bytes: bits, ends, encodings. */
export function damaged(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  const at = random.below(copy.length || 1)
  switch (random.below(7)) {
    case 0:
      if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
      return copy
    case 1:
      return copy.subarray(0, at)
    case 2:
      return Buffer.from(copy.toString('utf8'), 'utf16le')
    case 3:
      return Buffer.from(copy.toString('utf8'), 'latin1')
    case 4:
      return Buffer.concat([Buffer.from(random.pick(['\ufeff', ' ', '\n', ")]}'", '[', '\0'])), copy])
    case 5:
      return Buffer.concat([copy.subarray(0, at), Buffer.from([random.below(256)]), copy.subarray(at)])
    default:
      return Buffer.concat([copy, copy.subarray(at)])
  }
}
