import { RE2JS } from 're2js'
import { tooMuch } from './limit.ts'
import { type Builtin, BuiltinError, integer, LARGEST, text } from './operand.ts'

/** Longest pattern, in characters: RE2 is linear in the text, but the program grows with the pattern. */
const LONGEST_PATTERN = 4096
const CACHED = 100
const cache = new Map<string, RE2JS>()

function compile(pattern: string): RE2JS {
  const known = cache.get(pattern)
  if (known !== undefined) return known
  if (pattern.length > LONGEST_PATTERN) throw tooMuch('a regular expression')
  let compiled: RE2JS
  try {
    compiled = RE2JS.compile(pattern)
  } catch (error) {
    throw new BuiltinError('no regular expression', { cause: error })
  }
  const oldest = cache.keys().next()
  if (cache.size >= CACHED && !oldest.done) cache.delete(oldest.value)
  cache.set(pattern, compiled)
  return compiled
}

type Match = Readonly<{ start: number; end: number; groups: readonly (string | null)[] }>

/** All matches as Go's FindAll gives them: an empty one right after another match is none. */
function* matches(re: RE2JS, subject: string, charge: (units: number) => void): Generator<Match> {
  const matcher = re.matcher(subject)
  const count = re.groupCount()
  const size = re.programSize()
  let at = 0
  let last = -1
  while (at <= subject.length) {
    // Each search may read all that is left of the text, once for every instruction of the program.
    charge(1 + Math.floor(((subject.length - at) * size) / 64))
    if (!matcher.find(at)) return
    const start = matcher.start()
    const end = matcher.end()
    if (end > start || start !== last) {
      yield { start, end, groups: Array.from({ length: count + 1 }, (_, group) => matcher.group(group)) }
      last = end
    }
    at = end > at ? end : at + ((subject.codePointAt(at) ?? 0) > 0xffff ? 2 : 1)
  }
}

/** Go's Regexp.Expand: `$name` takes the longest run of word characters, `${name}` is exact, `$$` is a dollar sign. */
function expand(template: string, match: Match, names: Readonly<Record<string, number>>): string {
  return template.replace(
    /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu,
    (whole, braced?: string, bare?: string) => {
      if (whole === '$$') return '$'
      const name = braced ?? bare ?? ''
      const group = /^\d+$/.test(name) ? Number(name) : names[name]
      return group === undefined ? '' : (match.groups[group] ?? '')
    },
  )
}

function replace(base: string, pattern: string, template: string, charge: (units: number) => void): string {
  const re = compile(pattern)
  const names = re.namedGroups()
  let out = ''
  let at = 0
  for (const match of matches(re, base, charge)) {
    out += base.slice(at, match.start) + expand(template, match, names)
    at = match.end
    if (out.length > LARGEST.text) throw tooMuch('regex.replace')
  }
  return out + base.slice(at)
}

function find(pattern: string, subject: string, most: number, charge: (units: number) => void): string[] {
  const found: string[] = []
  if (most === 0) return found
  for (const { groups } of matches(compile(pattern), subject, charge)) {
    found.push(groups[0] ?? '')
    if (found.length === most) break
    if (found.length > LARGEST.list) throw tooMuch('regex.find_n')
  }
  return found
}

const quoteMeta = (text: string): string => text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&')

/** A regular expression from a text with patterns between delimiters (regex_template.go, from gorilla/mux). */
function templatePattern(template: string, open: string, close: string): string {
  let pattern = '^'
  let level = 0
  let start = 0
  let end = 0
  for (let at = 0; at < template.length; at += 1) {
    // The opening delimiter wins where both are the same, as in Go's switch.
    if (template[at] === open) {
      level += 1
      if (level === 1) start = at
    } else if (template[at] === close) {
      level -= 1
      if (level < 0) throw new BuiltinError('unbalanced delimiters')
      if (level > 0) continue
      const inner = template.slice(start + 1, at)
      compile(`^${inner}$`)
      pattern += `${quoteMeta(template.slice(end, start))}(${inner})`
      end = at + 1
    }
  }
  if (level !== 0) throw new BuiltinError('unbalanced delimiters')
  return `${pattern}${quoteMeta(template.slice(end))}$`
}

function delimiter(value: string): string {
  if (Buffer.byteLength(value, 'utf8') !== 1) throw new BuiltinError('a delimiter is one byte long')
  return value
}

export const REGEX: Readonly<Record<string, Builtin>> = {
  'regex.replace': (args, { charge }) => replace(text(args, 0), text(args, 1), text(args, 2), charge),
  'regex.find_n': (args, { charge }) => find(text(args, 0), text(args, 1), integer(args, 2), charge),
  'regex.template_match': (args, { charge }) => {
    const re = compile(templatePattern(text(args, 0), delimiter(text(args, 2)), delimiter(text(args, 3))))
    const subject = text(args, 1)
    charge(Math.floor((subject.length * re.programSize()) / 64))
    return re.test(subject)
  },
  'glob.quote_meta': (args) => text(args, 0).replace(/[*?\\[\]{}]/g, '\\$&'),
}
