import { Making, type Mapped } from './mapped.ts'

/** A number of JSON with an exponent, in one piece. Both of its counts are bounded, and it begins at no digit of another: linear. */
const NUMBER = /(?<![\w.])(\d{1,40})(?:\.(\d{1,40}))?[eE]([+-]?\d{1,3})(?![\w.])/g
const FEWEST = 6
const MOST = 40

/** The digits of an integer of 6 to 40 digits that is written with an exponent; null for all others. */
function digitsOf(whole: string, fraction: string, exponent: number): string | null {
  const digits = whole + fraction
  const length = whole.length + exponent
  if (length < FEWEST || length > MOST) return null
  if (/[1-9]/.test(digits.slice(length))) return null
  return digits
    .slice(0, length)
    .padEnd(length, '0')
    .replace(/^0+(?=\d)/, '')
}

/** A JSON text with the integers that have an exponent written out: whoever reads them sees those digits. Null where it has none. */
export function writtenOut(text: string): Mapped | null {
  let made: Making | null = null
  let at = 0
  const copy = (into: Making, end: number): void => {
    for (; at < end; at++) into.push(text.charCodeAt(at), at, at + 1)
  }
  for (const match of text.matchAll(NUMBER)) {
    const digits = digitsOf(match[1] ?? '', match[2] ?? '', Number(match[3]))
    if (digits === null) continue
    made ??= new Making(text.length + MOST)
    copy(made, match.index)
    const end = match.index + match[0].length
    for (let i = 0; i < digits.length; i++) made.push(digits.charCodeAt(i), match.index, end)
    at = end
  }
  if (made === null) return null
  copy(made, text.length)
  return made.done()
}
