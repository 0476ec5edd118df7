import { isWordUnit } from '../detect/tokens.ts'
import { LOOKS_LIKE, OTHER_SCRIPT } from './lookalikes.ts'
import { Making, type Mapped } from './mapped.ts'

const KEEP = 0
const DROP = 1
const ONE = 2
const SEVERAL = 3
const COMBINING = 4
const ENCLOSING = 5
const HIGH = 6
const LOOKALIKE = 7

/** What becomes of a unit. */
const FATE = new Uint8Array(65_536)
/** What a unit whose fate is ONE becomes. */
const INTO = new Uint16Array(65_536)
const INTO_SEVERAL = new Map<number, string>()

/** Folds that the compatibility mapping of Unicode (NFKC) does not make: what the eye takes for one of ours. */
const BY_HAND: readonly (readonly [string, string])[] = [
  ['-', '\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u058a\u1806\u2e3a\u2e3b\u02d7\u2796'],
  ["'", '\u2018\u2019\u201a\u201b\u2032\u02bc\u02b9\u00b4'],
  ['"', '\u201c\u201d\u201e\u201f\u2033'],
  [' ', '\u2800\u3164\uffa0\u115f\u1160'],
  ['\n', '\u0085\u2028\u2029'],
  ['.', '\u2024\u3002\uff61\u0701\u0702\u06d4'],
  [':', '\u2236\ua789\u02d0\u0589'],
  ['/', '\u2044\u2215\u29f8\u2571'],
  ['_', '\u203f\u2017'],
  ['0', '\u24ff'],
]
const SMALL_CAPITALS = ['ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ', 'abcdefghijklmnoprstuvwyz'] as const
/** Negative, double and sans-serif circled digits: the first of nine, worth 1. */
const CIRCLED = [0x2776, 0x2780, 0x278a, 0x24f5] as const
/** Negative and squared capitals beyond the first plane. */
const BOXED = [0x1f150, 0x1f170] as const

const ASCII = /^[\x20-\x7e]{1,4}$/
const BRACKETED = /^(?:\((.{1,2})\)|(\d{1,2})\.)$/
const IGNORABLE = /^[\p{Cf}\p{Default_Ignorable_Code_Point}]$/u
const DECIMAL = /^\p{Nd}$/u
const MARK = /^\p{M}$/u
const ENCLOSES = /^\p{Me}$/u
const BLANK = /^\s$/
/** Everything that one of the above may match: most letters are none, and are asked once. */
const ANY = /^[\p{Cf}\p{Default_Ignorable_Code_Point}\p{Nd}\p{M}\s]$/u

/** What one code point becomes by compatibility, where that is a single unit or a little ASCII; null where it stays. */
function compatible(text: string): string | null {
  const folded = text.normalize('NFKC')
  if (folded === text) return null
  if (folded.length === 1) return folded
  const bracketed = BRACKETED.exec(folded)
  if (bracketed !== null) return bracketed[1] ?? bracketed[2] ?? null
  return ASCII.test(folded) ? folded : null
}

function becomes(unit: number, text: string): void {
  if (text.length === 1) {
    FATE[unit] = ONE
    INTO[unit] = text.charCodeAt(0)
  } else {
    FATE[unit] = SEVERAL
    INTO_SEVERAL.set(unit, text)
  }
}

/** Ideographs, Hangul and private use, two thirds of the plane: none of it folds. */
const PLAIN: Readonly<Record<number, number>> = { 13312: 0x4dc0, 19968: 0xa000, 44032: 0xd7a4, 57344: 0xf900 }

let digits = 0
for (let c = 0x80; c < 65_536; c++) {
  c = PLAIN[c] ?? c
  if (c >= 0xd800 && c <= 0xdfff) {
    FATE[c] = c < 0xdc00 ? HIGH : KEEP
    continue
  }
  const text = String.fromCharCode(c)
  if (c >= 0xa0 && LOOKS_LIKE[c] === 0 && !ANY.test(text) && text.normalize('NFKC') === text) {
    digits = 0
    continue
  }
  digits = DECIMAL.test(text) ? digits + 1 : 0
  const folded = c === 0xaa || c === 0xba ? null : compatible(text)
  if (digits > 0) becomes(c, String((digits - 1) % 10))
  else if (IGNORABLE.test(text) || c < 0xa0) FATE[c] = DROP
  else if (ENCLOSES.test(text)) FATE[c] = ENCLOSING
  else if (MARK.test(text)) FATE[c] = COMBINING
  else if (BLANK.test(text)) becomes(c, ' ')
  else if (folded !== null) becomes(c, folded)
  else if (LOOKS_LIKE[c] !== 0) FATE[c] = LOOKALIKE
}
for (let c = 0; c < 0x20; c++) FATE[c] = c >= 9 && c <= 13 ? KEEP : DROP
FATE[0x7f] = DROP
for (const [into, these] of BY_HAND) for (const one of these) becomes(one.charCodeAt(0), into)
for (let i = 0; i < SMALL_CAPITALS[0].length; i++) becomes(SMALL_CAPITALS[0].charCodeAt(i), SMALL_CAPITALS[1].charAt(i))
for (const first of CIRCLED) for (let i = 0; i < 9; i++) becomes(first + i, String(i + 1))

/** Whether a unit is anything but itself in a folded text, or must not be parted from its neighbour. */
export function isFolded(unit: number): boolean {
  return FATE[unit] !== KEEP
}

/** What a code point beyond the first plane becomes: '' where it is left out, null where it stays. */
function astral(point: number): string | null {
  const text = String.fromCodePoint(point)
  for (const first of BOXED) if (point >= first && point < first + 26) return String.fromCharCode(0x41 + point - first)
  if (IGNORABLE.test(text)) return ''
  const folded = compatible(text)
  if (folded !== null) return folded
  if (!DECIMAL.test(text)) return null
  let before = 0
  while (before < 9 && DECIMAL.test(String.fromCodePoint(point - before - 1))) before += 1
  return String(before)
}

/**
 * A text as the eye reads it: compatibility forms, digits of any script, dashes, blanks and quotes as ASCII; what shows nothing left out, together with
 * marks that make no letter of a Latin letter or digit; letters that look like Latin ones as those, in words that mix them with Latin letters or digits. Linear.
 */
export function folded(text: string): Mapped {
  const made = new Making(text.length + 16)
  let lookalikes = false
  // The first unit of the letter that marks now stand on, and whether a mark of it was kept: then all its units have one range.
  let letter = 0
  let marked = false
  const length = text.length
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    const fate = FATE[unit] ?? KEEP
    if (fate === DROP) {
      made.extend(i + 1)
      continue
    }
    if ((fate === COMBINING || fate === ENCLOSING) && made.count > 0) {
      const base = made.units[made.count - 1] ?? 0
      const whole = fate === COMBINING ? String.fromCharCode(base, unit).normalize('NFC') : ''
      if (whole.length === 1) {
        made.units[made.count - 1] = whole.charCodeAt(0)
        made.extend(i + 1)
      } else if (fate === ENCLOSING || base < 0x250) {
        made.extend(i + 1)
      } else {
        made.push(unit, made.from[letter] ?? i, i + 1)
        marked = true
      }
      continue
    }
    if (fate === HIGH && made.count > 0 && MARK.test(text.slice(i, i + 2))) {
      i += 1
      if ((made.units[made.count - 1] ?? 0) < 0x250 || IGNORABLE.test(text.slice(i - 1, i + 1))) made.extend(i + 1)
      else {
        const from = made.from[letter] ?? i
        made.push(unit, from, i + 1)
        made.push(text.charCodeAt(i), from, i + 1)
        marked = true
      }
      continue
    }
    if (marked) {
      oneRange(made, letter)
      marked = false
    }
    letter = made.count
    if (fate === ONE) made.push(INTO[unit] ?? unit, i, i + 1)
    else if (fate === SEVERAL) for (const one of INTO_SEVERAL.get(unit) ?? '') made.push(one.charCodeAt(0), i, i + 1)
    else if (fate === HIGH) {
      const point = text.codePointAt(i) ?? unit
      if (point < 0x10000) made.push(unit, i, i + 1)
      else {
        const into = astral(point)
        i += 1
        if (into === '') made.extend(i + 1)
        const units = into ?? String.fromCodePoint(point)
        for (let k = 0; k < units.length; k++) made.push(units.charCodeAt(k), i - 1, i + 1)
      }
    } else {
      if (fate === LOOKALIKE) lookalikes = true
      made.push(unit, i, i + 1)
    }
  }
  if (marked) oneRange(made, letter)
  // What was left out in front of everything goes with the first unit.
  if (made.count > 0) made.from[0] = 0
  // Units that were made of one (a ligature) end together, whatever was left out behind the last of them.
  for (let i = made.count - 2; i >= 0; i--) if (made.from[i] === made.from[i + 1]) made.to[i] = made.to[i + 1] ?? 0
  if (lookalikes) unmask(made)
  return made.done()
}

function oneRange(made: Making, first: number): void {
  const to = made.to[made.count - 1] ?? 0
  for (let k = first; k < made.count; k++) made.to[k] = to
}

/** Look-alikes become Latin in a word that has Latin letters or digits, and no letter of another script that looks like nothing Latin. */
function unmask(made: Making): void {
  const { units, count } = made
  let i = 0
  while (i < count) {
    if (!isWordUnit(units[i] ?? 0)) {
      i += 1
      continue
    }
    const start = i
    let ours = false
    let theirs = false
    let masked = false
    for (; i < count && isWordUnit(units[i] ?? 0); i++) {
      const unit = units[i] ?? 0
      if (unit < 0x80) ours = true
      else if (LOOKS_LIKE[unit] !== 0) masked = true
      else if (OTHER_SCRIPT[unit] === 1) theirs = true
    }
    if (!ours || theirs || !masked) continue
    for (let k = start; k < i; k++) units[k] = LOOKS_LIKE[units[k] ?? 0] || (units[k] ?? 0)
  }
}
