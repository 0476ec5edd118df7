/**
 * How models spell tokens: in another case, with another hyphen or a blank for the underscore, a backslash in front of it, marks of emphasis or units without width
 * inside. A token is read through that, and then compared exactly: its check characters are part of it.
 */

/** What a unit of text is to a token: a folded unit, or one of these. */
export const MARK = -1
export const OTHER = -2

/** Marks that may stand inside of one token, all in all. */
export const MOST_MARKS = 16

const UNDERSCORE = 0x5f

/** A unit as tokens are compared: letters in lower case, separators as `_`, {@link MARK} for what may stand inside, {@link OTHER} for what may not. */
export function folded(unit: number): number {
  if (unit < 128) return ASCII[unit] ?? OTHER
  if (unit === 0xa0 || (unit >= 0x2010 && unit <= 0x2015)) return UNDERSCORE
  return isWidthless(unit) ? MARK : OTHER
}

export function isWidthless(unit: number): boolean {
  return unit === 0xad || (unit >= 0x200b && unit <= 0x200d) || unit === 0x2060 || unit === 0xfeff
}

/** Whether a unit is part of a word: surrogates, and tokens in lower case, begin none in the middle of one. Beyond ASCII all but blanks and punctuation is. */
export function isWord(unit: number): boolean {
  if (unit > 0x7f)
    return (
      unit >= 0xaa &&
      unit !== 0xab &&
      unit !== 0xbb &&
      !(unit >= 0x2000 && unit <= 0x206f) &&
      !(unit >= 0x3000 && unit <= 0x303f)
    )
  const lower = unit | 0x20
  return (unit >= 0x30 && unit <= 0x39) || (lower >= 0x61 && lower <= 0x7a)
}

export function isBlank(unit: number): boolean {
  return unit <= 0x20 || unit === 0xa0 || (unit >= 0x2000 && unit <= 0x200a) || unit === 0x2028 || unit === 0x3000
}

const ASCII = new Int8Array(128).fill(OTHER)
for (let unit = 0x30; unit <= 0x39; unit++) ASCII[unit] = unit
for (let unit = 0x61; unit <= 0x7a; unit++) {
  ASCII[unit] = unit
  ASCII[unit - 0x20] = unit
}
for (const separator of '_- ') ASCII[separator.charCodeAt(0)] = UNDERSCORE
for (const mark of '\\*~`') ASCII[mark.charCodeAt(0)] = MARK

/** A token as the texts of a trie are. */
export function foldedText(token: string): string {
  let text = ''
  for (let at = 0; at < token.length; at++) {
    const unit = folded(token.charCodeAt(at))
    if (unit >= 0) text += String.fromCharCode(unit)
  }
  return text
}
