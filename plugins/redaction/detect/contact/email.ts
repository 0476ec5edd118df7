import { cueOf, cueOfWord, labelBefore } from '../context.ts'
import type { Detector, Reading, Span } from '../detector.ts'
import { domainFrom, isTopLevel } from '../network/domain.ts'
import { ALNUM, IN_LOCAL, IN_URL, isOf, NUMERAL } from '../network/units.ts'
import { AFTER_BLANK, AFTER_BREAK, BEYOND, hashOf, isWordUnit, MARK } from '../tokens.ts'
import { passes, sieveOf } from './sieve.ts'

const AT = 0x40
const DOT = 0x2e
/** Octets of a local part, RFC 5321 4.5.3.1.1. */
const LOCAL = 64
/** Units in front of a password that are searched for its URL's scheme. */
const AUTHORITY = 96
const LABEL = cueOf(
  ...[
    'email',
    'e mail',
    'mail',
    'correo',
    'correo electrónico',
    'e mails',
    'emails',
    'courriel',
    'posta elettronica',
    'mailadresse',
    'email address',
  ],
)
const SPELLED_AT = cueOf('at', 'arroba', 'chiocciola', 'arobase', 'apenstaartje', 'klammeraffe', 'ät')
const SPELLED_DOT = cueOf('dot', 'punto', 'punkt', 'point', 'ponto', 'punt')
const SPELLED_JOIN = cueOf(
  'dot',
  'punto',
  'punkt',
  'point',
  'ponto',
  'punt',
  'underscore',
  'dash',
  'hyphen',
  'minus',
  'plus',
  'guion',
  'tiret',
)
/** In front of a spelled `at` without brackets, these are no local part. */
const PROSE = cueOf(
  ...'look looks looking me us you him her them available found hosted is are was were be it that this site page website located live work works working visit see here online'.split(
    ' ',
  ),
)
const GIT = hashOf('git')

const SIEVE = sieveOf([SPELLED_AT])

export const email: Detector = {
  name: 'email',
  finds: ['EMAIL'],
  scan(reading, found) {
    const { count, hash, kind } = reading.tokens
    for (let at = 1; at < count; at++) {
      if (((kind[at] ?? 0) & MARK) !== 0) {
        if (hash[at] === AT) address(reading, at, found)
      } else if (passes(SIEVE, hash[at] ?? 0) && cueOfWord(hash[at] ?? 0, SPELLED_AT) !== 0) spelled(reading, at, found)
    }
  },
}

function address(reading: Reading, at: number, found: Span[]): void {
  const { text, tokens } = reading
  const sign = tokens.start[at] ?? 0
  let localEnd = sign
  let domainStart = sign + 1
  let spaced = false
  if (text.charCodeAt(sign - 1) === 32 && text.charCodeAt(sign - 2) !== 32) {
    localEnd -= 1
    spaced = true
  }
  if (text.charCodeAt(domainStart) === 32) {
    domainStart += 1
    spaced = true
  }
  // Wrapped at the sign: one line break on one side of it.
  const front = localEnd === sign ? breakBefore(text, sign) : 0
  const behind = front === 0 && !spaced ? breakAt(text, domainStart) : 0
  const wrapped = front + behind > 0
  localEnd -= front
  domainStart += behind
  const start = localFrom(text, localEnd)
  if (start === localEnd || inCredentials(text, start)) return
  if (hashOf(text.slice(start, localEnd)) === GIT && localEnd - start === 3) return
  if (spaced && labelBefore(reading, tokenFrom(reading, at, start), LABEL) === 0) return
  const literal = literalEnd(text, domainStart)
  if (literal !== 0) {
    found.push({ start, end: literal, type: 'EMAIL', score: 0.9, rule: 'email/literal' })
    return
  }
  const domain = domainFrom(text, domainStart)
  if (domain === null) return
  if (wrapped) {
    // `@scope.io/package` and a line that ends with a word are something else.
    if (!domain.delegated || text.charCodeAt(domain.end) === 0x2f) return
    if (
      front > 0 &&
      !isJoined(text, start, localEnd) &&
      labelBefore(reading, tokenFrom(reading, at, start), LABEL) === 0
    )
      return
    found.push({ start, end: domain.end, type: 'EMAIL', score: 0.7, rule: 'email/wrapped' })
  } else if (domain.delegated) {
    found.push({ start, end: domain.end, type: 'EMAIL', score: spaced ? 0.8 : 1, rule: 'email/domain' })
  } else if (domain.inside) {
    found.push({ start, end: domain.end, type: 'EMAIL', score: 0.8, rule: 'email/inside' })
  } else if (lettersOnly(domain.last)) {
    found.push({ start, end: domain.end, type: 'EMAIL', score: 0.55, rule: 'email/unknown-domain' })
  }
}

/** Units of the one line break that ends at an offset, or that begins there; 0 if there is none. */
function breakBefore(text: string, end: number): number {
  if (text.charCodeAt(end - 1) !== 10) return 0
  return text.charCodeAt(end - 2) === 13 ? 2 : 1
}

function breakAt(text: string, start: number): number {
  const first = text.charCodeAt(start)
  return first === 10 ? 1 : first === 13 && text.charCodeAt(start + 1) === 10 ? 2 : 0
}

/** Whether a local part has a full stop, a mark or a digit in it, as words of prose have not. */
function isJoined(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (!isOf(text, i, ALNUM) || isOf(text, i, NUMERAL)) return true
  return false
}

/** Where the local part begins that ends at an offset; the offset itself if there is none. */
function localFrom(text: string, end: number): number {
  if (text.charCodeAt(end - 1) === 0x22) {
    for (let i = end - 2; i >= 0 && end - i <= LOCAL; i--) {
      const unit = text.charCodeAt(i)
      if (unit === 10 || unit === 13) return end
      if (unit === 0x22 && text.charCodeAt(i - 1) !== 0x5c) return i
    }
    return end
  }
  let start = end
  while (start > 0 && end - start < LOCAL) {
    const unit = text.charCodeAt(start - 1)
    if (unit < 128 ? !isOf(text, start - 1, IN_LOCAL) : !isWordUnit(unit)) break
    start -= 1
  }
  // Marks that surround an address, not part of one: quotes, list bullets, `=` of an assignment.
  for (let i = start; i < end; i++) {
    const unit = text.charCodeAt(i)
    if (unit === 0x3d || unit === 0x27 || unit === 0x26 || unit === 0x2a) start = i + 1
  }
  while (
    start < end &&
    !isOf(text, start, ALNUM) &&
    !isWordUnit(text.charCodeAt(start)) &&
    text.charCodeAt(start) !== 0x5f
  )
    start += 1
  return text.charCodeAt(end - 1) === DOT ? end : start
}

/**
 * Whether it is the end of a password in a URL's authority, `scheme://user:password@host`: url.ts reports those as SECRET, whole. A user without a password
 * is an address like others, and so is what stands in a path, a query or a fragment.
 */
function inCredentials(text: string, start: number): boolean {
  if (text.charCodeAt(start - 1) !== 0x3a) return false
  let i = start - 2
  for (; i > 1 && start - i <= AUTHORITY && isOf(text, i, IN_URL); i--) {
    const unit = text.charCodeAt(i)
    if (unit === 0x2f) break
    if (unit === 0x3f || unit === 0x23 || unit === 0x28 || unit === 0x29 || unit === 0x5b || unit === 0x5d) return false
  }
  if (text.charCodeAt(i) !== 0x2f || text.charCodeAt(i - 1) !== 0x2f || text.charCodeAt(i - 2) !== 0x3a) return false
  // In another URL's query it is no URL of its own to url.ts.
  let scheme = i - 2
  while (scheme > 0 && i - scheme < AUTHORITY && isOf(text, scheme - 1, ALNUM)) scheme -= 1
  if (text.slice(scheme, i - 2).toLowerCase() === 'mailto' || i - 2 - scheme < 2) return false
  return scheme === 0 || !isOf(text, scheme - 1, IN_URL) || text.lastIndexOf('://', scheme) < scheme - AUTHORITY
}

/** End of an address literal (`[192.0.2.1]`, or the same without brackets), 0 if there is none. */
function literalEnd(text: string, at: number): number {
  const bracket = text.charCodeAt(at) === 0x5b
  let i = bracket ? at + 1 : at
  let parts = 0
  let value = 0
  let digits = 0
  for (; i - at < 20; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 48 && unit <= 57) {
      value = value * 10 + unit - 48
      digits += 1
      continue
    }
    if (digits === 0 || digits > 3 || value > 255) return 0
    parts += 1
    if (parts === 4) break
    if (unit !== DOT) return 0
    value = 0
    digits = 0
  }
  if (parts !== 4) return 0
  return bracket ? (text.charCodeAt(i) === 0x5d ? i + 1 : 0) : i
}

function lettersOnly(label: string): boolean {
  if (label.length < 2 || label.length > 12) return false
  for (let i = 0; i < label.length; i++) {
    const unit = label.charCodeAt(i) | 32
    if (unit < 97 || unit > 122) return false
  }
  return true
}

/** The token at or in front of `at` that begins at an offset. */
function tokenFrom(reading: Reading, at: number, start: number): number {
  let token = at
  while (token > 0 && (reading.tokens.start[token - 1] ?? 0) >= start) token -= 1
  return token
}

/** `john dot doe at example dot com`, `john.doe [at] example.com`. */
function spelled(reading: Reading, at: number, found: Span[]): void {
  const { tokens, text } = reading
  const { hash, kind, start, end, count } = tokens
  const isMark = (token: number, units: string): boolean =>
    ((kind[token] ?? 0) & MARK) !== 0 && units.includes(String.fromCharCode(hash[token] ?? 0))
  const bracketed = isMark(at - 1, '[({<') && isMark(at + 1, '])}>')
  let token = bracketed ? at + 2 : at + 1
  if (token >= count || ((kind[token] ?? 0) & (MARK | AFTER_BREAK)) !== 0) return
  // The domain: words joined by a dot, written or spelled.
  let last = -1
  let words = 0
  for (let labels = 1; labels < 6; labels++) {
    while (
      isMark(token + 1, '-') &&
      ((kind[token + 1] ?? 0) & AFTER_BLANK) === 0 &&
      ((kind[token + 2] ?? 0) & (MARK | AFTER_BLANK)) === 0
    )
      token += 2
    let next = token + 1
    const open = isMark(next, '[({<')
    if (open) next += 1
    const mark = isMark(next, '.') && ((kind[next + 1] ?? 0) & AFTER_BLANK) === 0
    const word = !mark && cueOfWord(hash[next] ?? 0, SPELLED_DOT) !== 0
    if (next >= count || !(mark || word)) break
    if (open) next += 1
    const label = next + 1
    if (label >= count || ((kind[label] ?? 0) & MARK) !== 0) break
    if (word || open) words += 1
    token = label
    if (isTopLevel(text.slice(start[label] ?? 0, end[label] ?? 0))) last = label
  }
  if (last < 0) return
  let first = bracketed ? at - 2 : at - 1
  if (first < 0 || ((kind[first] ?? 0) & MARK) !== 0) return
  const local = cueOfWord(hash[first] ?? 0, PROSE) === 0
  for (let parts = 0; parts < 8; parts++) {
    let before = first - 1
    const close = isMark(before, '])}>')
    if (close) before -= 1
    const joined =
      isMark(before, '._-+') &&
      ((kind[before + 1] ?? 0) & AFTER_BLANK) === 0 &&
      ((kind[before] ?? 0) & AFTER_BLANK) === 0
    if (before < 1 || !(joined || cueOfWord(hash[before] ?? 0, SPELLED_JOIN) !== 0)) break
    if (close) before -= 1
    if (before < 1 || ((kind[before - 1] ?? 0) & MARK) !== 0) break
    first = before - 1
  }
  const labelled = labelBefore(reading, first, LABEL) !== 0
  if (!(bracketed || labelled || (words > 0 && local))) return
  if (((kind[first] ?? 0) & BEYOND) !== 0 && !labelled && !bracketed) return
  found.push({
    start: start[first] ?? 0,
    end: end[last] ?? 0,
    type: 'EMAIL',
    score: bracketed || labelled ? 0.9 : 0.75,
    rule: 'email/spelled',
  })
}
