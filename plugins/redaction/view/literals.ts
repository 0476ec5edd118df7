/**
 * A string (between its quotes), the name of a member or a number of a JSON text, or words that no JSON has there. `true`, `false` and `null` say nothing of
 * anybody.
 */
export type Literal = Readonly<{ kind: 'string' | 'name' | 'number' | 'words'; start: number; end: number }>

const BARE = /[^\s{}[\],:"]+/g
const NUMBER = /^-?\d[\d.eE+-]*$/
const COLON = /\s*:/y
const CONSTANT = /^(?:true|false|null)$/

/** The literals of a JSON text, in order. Reads what is not JSON as well, and a string that has no end up to the end: nothing is passed over. Linear. */
export function* literalsOf(text: string): Generator<Literal> {
  let at = 0
  while (at < text.length) {
    const quote = text.indexOf('"', at)
    const gap = quote < 0 ? text.length : quote
    const between = text.slice(at, gap)
    for (const match of between.matchAll(BARE)) {
      const start = at + match.index
      const end = start + match[0].length
      if (NUMBER.test(match[0])) yield { kind: 'number', start, end }
      else if (!CONSTANT.test(match[0])) yield { kind: 'words', start, end }
    }
    if (quote < 0) return
    let end = quote + 1
    while (end < text.length && text.charCodeAt(end) !== 0x22) end += text.charCodeAt(end) === 0x5c ? 2 : 1
    end = Math.min(end, text.length)
    COLON.lastIndex = end + 1
    yield { kind: COLON.test(text) ? 'name' : 'string', start: quote + 1, end }
    at = end + 1
  }
}
