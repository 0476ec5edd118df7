const SHORT: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
}
const PRINTABLE = /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u

/** A string between quotes as Go's strconv.Quote writes it; with `ascii`, as QuoteToASCII does. */
export function quote(text: string, mark = '"', ascii = false): string {
  let out = mark
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0
    const short = SHORT[char]
    if (char === mark) out += `\\${char}`
    else if (short !== undefined) out += short
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`
    else if (PRINTABLE.test(char) && (!ascii || code < 0x80)) out += char
    else if (code < 0x10000) out += `\\u${code.toString(16).padStart(4, '0')}`
    else out += `\\U${code.toString(16).padStart(8, '0')}`
  }
  return out + mark
}
