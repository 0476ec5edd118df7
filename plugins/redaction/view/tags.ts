import { Making, type Mapped } from './mapped.ts'

/** Tag characters (U+E0020 to U+E007E) repeat ASCII and show nothing: the eye does not see what they say, and a model reads it. */
const FIRST = 0xe0020
const LAST = 0xe007e
const ASCII = FIRST - 0x20
const HIGH = '\udb40'
/** Shortest run that says something; flags of regions have five and are read as well, which does no harm. */
const LEAST = 4
const ALL = /^[\u{e0020}-\u{e007e}]+$/u

/** What a text says in tag characters, its runs apart; null where it has none. */
export function tagged(text: string): Mapped | null {
  let at = text.indexOf(HIGH)
  if (at < 0) return null
  const made = new Making(64)
  while (at >= 0) {
    let end = at
    while (isTag(text.codePointAt(end) ?? 0)) end += 2
    if (end - at >= 2 * LEAST) {
      if (made.count > 0) made.push(10, (made.to[made.count - 1] ?? at) - 2, made.to[made.count - 1] ?? at)
      const last = afterMarks(text, end)
      for (let i = at; i < end; i += 2) made.push((text.codePointAt(i) ?? 0) - ASCII, i, i + 2 === end ? last : i + 2)
    }
    at = text.indexOf(HIGH, Math.max(end, at + 1))
  }
  return made.count === 0 ? null : made.done()
}

/** Where the combining marks that stand on a unit end: they go with it. */
function afterMarks(text: string, at: number): number {
  let end = at
  for (let mark = MARKS.exec(text.slice(end, end + 2)); mark !== null; mark = MARKS.exec(text.slice(end, end + 2))) {
    end += mark[0].length
  }
  return end
}

const MARKS = /^\p{M}/u

function isTag(point: number): boolean {
  return point >= FIRST && point <= LAST
}

export function isTagged(text: string): boolean {
  return ALL.test(text)
}

/** Printable ASCII in tag characters; anything else as it is. */
export function inTags(text: string): string {
  return text.replace(/[ -~]/g, (one) => String.fromCodePoint(ASCII + one.charCodeAt(0)))
}
