import { type JsonTree, NumberLexeme } from '../core/json.ts'

/**
 * The text of a number that is long enough to say something (a card, an account, a telephone): every lexeme of six characters or more.
 * Null for shorter ones, unless `short` asks for them, and for what is no number. It is the lexeme; one with an exponent that stands for an integer is written out, since
 * whoever reads the number will see those digits.
 */
export function numberText(node: JsonTree, short = false): string | null {
  if (typeof node === 'number') {
    if (short) return String(node)
    if (node < 100_000 && node > -100_000 && Number.isInteger(node)) return null
    const text = String(node)
    return text.length < 6 ? null : text
  }
  if (!(node instanceof NumberLexeme)) return null
  const { lexeme } = node
  if (/[eE]/.test(lexeme)) {
    const n = Number(lexeme)
    if (Number.isSafeInteger(n) && Math.abs(n) >= 100_000) return String(n)
  }
  return lexeme.length < 6 && !short ? null : lexeme
}

/**
 * Pointer of a number as a segment. It ends in `#`, so nothing in it can be edited, and no member's name can make one that is equal: a
 * `~` in a name is written `~0` (RFC 6901 3).
 */
export function numberPointer(pointer: string): string {
  return `${pointer}~#`
}
