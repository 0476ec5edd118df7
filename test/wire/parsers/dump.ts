import { hash } from 'node:crypto'

/**
 * The digest of a body as JSON.parse reads it. The dump is the same in three languages: members sorted by their names in UTF-8, numbers as
 * they were written, strings as the hexadecimal of their UTF-8 with U+FFFD for lone surrogates.
 */
export function digestIn(body: Uint8Array): string {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  return hash('sha256', dump(JSON.parse(text, lexemes)))
}

class Lexeme {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** The third argument of a reviver holds what was written (ECMAScript, JSON.parse source text access). */
function lexemes(_name: string, value: unknown, context?: Readonly<{ source?: string }>): unknown {
  return typeof value === 'number' ? new Lexeme(context?.source ?? String(value)) : value
}

function dump(value: unknown): string {
  if (value instanceof Lexeme) return `#${value.text}`
  if (typeof value === 'string') return string(value)
  if (value === null) return 'n'
  if (typeof value === 'boolean') return value ? 't' : 'f'
  if (Array.isArray(value)) return `[${value.map(dump).join(',')}]`
  const members = Object.entries(value as object).map(([name, member]) => `${string(name)}:${dump(member)}`)
  // All of it is ASCII: the order of UTF-16 units is that of bytes.
  return `{${members.sort((a, b) => (a < b ? -1 : 1)).join(',')}}`
}

const string = (value: string): string => `"${Buffer.from(value.toWellFormed(), 'utf8').toString('hex')}"`
