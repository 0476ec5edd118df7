/** What is wrong with a JSON text, and where (UTF-16 offset and length). */
export type JsonFault = Readonly<{ offset: number; length: number; message: string }>

const DEEPEST = 128

class Stop extends Error {
  readonly fault: JsonFault
  constructor(offset: number, length: number, message: string) {
    super(message)
    this.fault = { offset, length, message }
  }
}

/**
 * Finds the first thing in a text that is not JSON (RFC 8259), or that JSON.parse would lose without a word: a key that
 * stands twice in one object, an integer beyond 2^53, a number that is infinite. JSON.parse itself often tells no place.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  try {
    const end = space(text, value(text, space(text, 0), 0))
    if (end < text.length) throw new Stop(end, 1, 'Nothing may follow after the end of the document.')
    return undefined
  } catch (error) {
    if (error instanceof Stop) return error.fault
    throw error
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const SPACE = /[ \t\n\r]*/y

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

function space(text: string, at: number): number {
  return at + (matchAt(SPACE, text, at)?.length ?? 0)
}

/** Each of these reads one thing at `at` and returns the offset behind it. */
function value(text: string, at: number, depth: number): number {
  if (depth > DEEPEST) throw new Stop(at, 1, `The document is nested more than ${DEEPEST} deep.`)
  const first = text.charAt(at)
  if (first === '{') return object(text, at, depth)
  if (first === '[') return array(text, at, depth)
  if (first === '"') return string(text, at)
  for (const word of ['true', 'false', 'null']) if (text.startsWith(word, at)) return at + word.length
  const lexeme = matchAt(NUMBER, text, at)
  if (lexeme === undefined) throw unexpected(text, at, 'a value')
  const number = Number(lexeme)
  if (!Number.isFinite(number) || (Number.isInteger(number) && !Number.isSafeInteger(number))) {
    throw new Stop(at, lexeme.length, 'This number is too large to be kept exactly: quote it.')
  }
  return at + lexeme.length
}

function string(text: string, at: number): number {
  for (let next = at + 1; next < text.length; next++) {
    const c = text.charAt(next)
    if (c === '"') return next + 1
    if (c === '\\') {
      const sequence = matchAt(ESCAPE, text, next)
      if (sequence === undefined) throw new Stop(next, 2, 'JSON has no such escape: a backslash is written `\\\\`.')
      next += sequence.length - 1
    } else if (c < ' ') {
      throw new Stop(next, 1, 'A line break, tab or other control character in text must be escaped.')
    }
  }
  throw new Stop(at, 1, 'This text has no closing quote.')
}

function object(text: string, at: number, depth: number): number {
  const keys = new Set<string>()
  let next = space(text, at + 1)
  if (text.charAt(next) === '}') return next + 1
  for (;;) {
    if (text.charAt(next) !== '"') throw unexpected(text, next, 'a key in double quotes')
    const end = string(text, next)
    const key = JSON.parse(text.slice(next, end)) as string
    if (keys.has(key)) throw new Stop(next, end - next, 'This key stands twice in one object: remove one.')
    if (key === '__proto__') throw new Stop(next, end - next, 'The key `__proto__` is not allowed.')
    keys.add(key)
    next = space(text, end)
    if (text.charAt(next) !== ':') throw unexpected(text, next, '`:`')
    next = space(text, value(text, space(text, next + 1), depth + 1))
    if (text.charAt(next) === '}') return next + 1
    if (text.charAt(next) !== ',') throw unexpected(text, next, '`,` or `}`')
    next = space(text, next + 1)
  }
}

function array(text: string, at: number, depth: number): number {
  let next = space(text, at + 1)
  if (text.charAt(next) === ']') return next + 1
  for (;;) {
    next = space(text, value(text, next, depth + 1))
    if (text.charAt(next) === ']') return next + 1
    if (text.charAt(next) !== ',') throw unexpected(text, next, '`,` or `]`')
    next = space(text, next + 1)
  }
}

function unexpected(text: string, at: number, wanted: string): Stop {
  const found = at < text.length ? `\`${String.fromCodePoint(text.codePointAt(at) ?? 0)}\`` : 'the end of the file'
  return new Stop(at, 1, `Here JSON needs ${wanted}, but there is ${found}.`)
}
