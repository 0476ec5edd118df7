import { passes, sieveOf } from '../contact/sieve.ts'
import type { Detector, Reading, Span } from '../detector.ts'
import { ALNUM, isOf, NUMERAL } from '../network/units.ts'
import { hashOf, isWordUnit, MARK } from '../tokens.ts'

/** A provider's key: its beginning as it is written, units that may follow, how many at least and at most. Sources: the providers' documents and gitleaks' rules. */
type Prefix = Readonly<{ text: string; body: 'hex' | 'word' | 'key' | 'dotted'; least: number; most: number }>

const PREFIXES: readonly Prefix[] = [
  ...'sk-proj- sk-svcacct- sk-admin- sk-ant- sk-or-v1- sk-lf- sk-'
    .split(' ')
    .map((text) => prefix(text, 'word', 16, 260)),
  ...'sk_live_ sk_test_ rk_live_ rk_test_ whsec_ sk_prod_'.split(' ').map((text) => prefix(text, 'word', 14, 250)),
  ...'ghp_ gho_ ghu_ ghs_ ghr_'.split(' ').map((text) => prefix(text, 'word', 30, 260)),
  prefix('github_pat_', 'word', 22, 120),
  ...'xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxo- xapp-'.split(' ').map((text) => prefix(text, 'key', 10, 260)),
  ...'glpat- glptt- gldt- glrt- glcbt- gloas- glsoat-'.split(' ').map((text) => prefix(text, 'word', 18, 64)),
  ...'npm_ hf_ gsk_ r8_ lin_api_ figd_ pul- dckr_pat_ tvly- pplx- xai- nvapi- fw_ lsv2_pt_ lsv2_sk_ phc_ sntrys_ dapi rubygems_ pypi-AgE shpat_ shpss_ shpca_ shppa_ EAAA PMAK- ATATT3x ATCTT3x'
    .split(' ')
    .map((text) => prefix(text, 'word', 20, 400)),
  ...'dop_v1_ doo_v1_ dor_v1_'.split(' ').map((text) => prefix(text, 'hex', 60, 64)),
  prefix('key-', 'hex', 32, 32),
  prefix('SG.', 'dotted', 50, 90),
  ...'ya29. hvs. hvb. 1//0'.split(' ').map((text) => prefix(text, 'dotted', 20, 400)),
  prefix('AGE-SECRET-KEY-1', 'word', 50, 64),
  prefix('sq0atp-', 'word', 22, 22),
  prefix('sq0csp-', 'word', 40, 44),
]

function prefix(text: string, body: Prefix['body'], least: number, most: number): Prefix {
  return { text, body, least, most }
}

/** By hash of the first word of the prefix, where a mark or an underscore ends it; those that run on are looked for by their first four units. */
const BY_WORD = new Map<number, Prefix[]>()
const RUN_ON: Prefix[] = []
for (const each of PREFIXES) {
  const word = /^[A-Za-z0-9]+/.exec(each.text)?.[0] ?? each.text
  if (word.length === each.text.length) {
    RUN_ON.push(each)
    continue
  }
  const list = BY_WORD.get(hashOf(word)) ?? []
  list.push(each)
  BY_WORD.set(hashOf(word), list)
}
const BEGIN = hashOf('BEGIN')
const END_MARK = '-----END'
const SLACK = hashOf('hooks')
const LONGEST = 4096

const SIEVE = sieveOf([], [...BY_WORD.keys(), BEGIN, SLACK])

/** Credentials that show what they are: keys with a provider's prefix, PEM private keys, JSON web tokens, webhooks. */
export const keys: Detector = {
  name: 'secrets/keys',
  finds: ['SECRET'],
  scan(reading, found) {
    const { text, tokens } = reading
    const { count, hash, kind, start, end } = tokens
    let past = 0
    for (let at = 0; at < count; at++) {
      const from = start[at] ?? 0
      if (from < past || ((kind[at] ?? 0) & MARK) !== 0) continue
      const word = hash[at] ?? 0
      const length = (end[at] ?? 0) - from
      if (length < 8 && !passes(SIEVE, word) && text.charCodeAt(from) !== 0x65) continue
      const list = BY_WORD.get(word)
      if (list !== undefined) {
        for (const each of list) {
          const to = keyEnd(text, from, each)
          if (to === 0) continue
          found.push({ start: from, end: to, type: 'SECRET', score: 1, rule: 'secret/prefix' })
          past = to
          break
        }
        if (past > from) continue
      }
      if (length >= 16) past = Math.max(past, longWord(reading, from, end[at] ?? 0, found))
      else if (word === BEGIN && text.charCodeAt(from - 1) === 0x2d) {
        const to = pemEnd(text, from)
        if (to > 0) {
          found.push({ start: from - 5, end: to, type: 'SECRET', score: 1, rule: 'secret/pem' })
          past = to
        }
      } else if (word === SLACK && text.startsWith('hooks.slack.com/services/', from)) {
        let to = from + 25
        while (to - from < 120 && (isOf(text, to, ALNUM) || text.charAt(to) === '/')) to += 1
        if (to - from > 40) {
          found.push({
            start: text.startsWith('https://', from - 8) ? from - 8 : from,
            end: to,
            type: 'SECRET',
            score: 1,
            rule: 'secret/webhook',
          })
          past = to
        }
      } else if (length >= 3 && length <= 15 && text.charCodeAt(from) === 0x65 && text.startsWith('eyJ', from))
        past = Math.max(past, jwt(text, from, found))
      else if (length >= 8 && length <= 10 && text.charCodeAt(end[at] ?? 0) === 0x3a && isOf(text, from, NUMERAL))
        past = Math.max(past, bot(text, from, end[at] ?? 0, found))
    }
  },
}

function keyEnd(text: string, from: number, each: Prefix): number {
  if (
    !text.startsWith(each.text, from) ||
    isWordUnit(text.charCodeAt(from - 1)) ||
    '-_'.includes(text.charAt(from - 1) || ' ')
  )
    return 0
  const begin = from + each.text.length
  let end = begin
  let digits = 0
  let upper = 0
  while (end - begin <= each.most) {
    const unit = text.charCodeAt(end)
    const alnum = isOf(text, end, ALNUM)
    if (!alnum && unit !== 0x5f && unit !== 0x2d && !(unit === 0x2e && each.body === 'dotted')) break
    if (unit >= 48 && unit <= 57) digits += 1
    else if (unit >= 65 && unit <= 90) upper += 1
    end += 1
  }
  while (end > begin && '._-'.includes(text.charAt(end - 1))) end -= 1
  const length = end - begin
  if (length < each.least || length > each.most) return 0
  // `sk-learn-based-classifier`: words with hyphens are no key.
  return digits > 0 || (upper > 1 && length > 20) ? end : 0
}

/** Words of sixteen units or more that are keys by their first units. */
function longWord(reading: Reading, from: number, to: number, found: Span[]): number {
  const { text } = reading
  const length = to - from
  const first = text.slice(from, from + 4)
  if (length === 20 && (first === 'AKIA' || first === 'ASIA' || first === 'ABIA' || first === 'ACCA')) {
    return push(found, from, to, 'secret/prefix')
  }
  if (first === 'AIza') {
    let end = to
    while (end - from < 41 && (isOf(text, end, ALNUM) || text.charAt(end) === '_' || text.charAt(end) === '-')) end += 1
    if (end - from >= 37 && end - from <= 41) return push(found, from, end, 'secret/prefix')
  }
  if (length === 34 && (first.startsWith('AC') || first.startsWith('SK')) && hexFrom(text, from + 2, to))
    return push(found, from, to, 'secret/prefix')
  for (const each of RUN_ON) {
    if (!text.startsWith(each.text, from)) continue
    const end = keyEnd(text, from, each)
    if (end !== 0) return push(found, from, end, 'secret/prefix')
  }
  return first.startsWith('eyJ') ? jwt(text, from, found) : 0
}

function push(found: Span[], start: number, end: number, rule: string): number {
  found.push({ start, end, type: 'SECRET', score: 1, rule })
  return end
}

function hexFrom(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const unit = text.charCodeAt(i)
    if (!((unit >= 48 && unit <= 57) || (unit >= 97 && unit <= 102))) return false
  }
  return true
}

/** Three parts of base64url, the first a JSON object with `alg` (RFC 7519). */
function jwt(text: string, from: number, found: Span[]): number {
  let end = from
  let dots = 0
  let header = 0
  while (end - from < 16_384) {
    const unit = text.charCodeAt(end)
    if (unit === 0x2e) {
      dots += 1
      if (dots === 1) header = end
      if (dots > 4) break
    } else if (!isOf(text, end, ALNUM) && unit !== 0x2d && unit !== 0x5f) break
    end += 1
  }
  while (end > from && text.charCodeAt(end - 1) === 0x2e) end -= 1
  if (dots < 2 || header === 0 || header - from > LONGEST || end - header < 12) return end
  const decoded = Buffer.from(text.slice(from, header), 'base64url').toString('latin1')
  if (!decoded.startsWith('{') || !decoded.includes('"')) return end
  return push(found, from, end, 'secret/jwt')
}

/** Telegram: digits, a colon, 35 units. */
function bot(text: string, from: number, colon: number, found: Span[]): number {
  let end = colon + 1
  while (end - colon <= 36 && (isOf(text, end, ALNUM) || text.charAt(end) === '_' || text.charAt(end) === '-')) end += 1
  if (end - colon !== 36 || isWordUnit(text.charCodeAt(from - 1))) return 0
  return push(found, from, end, 'secret/bot')
}

/** End of a private key that begins with `BEGIN`, 0 if it is none. A key that was cut off goes to the end of the text. */
function pemEnd(text: string, from: number): number {
  if (!text.startsWith('-----', from - 5)) return 0
  const head = text.slice(from, from + 48)
  const name = head.indexOf('PRIVATE KEY')
  if (name < 0) return 0
  const last = text.indexOf(END_MARK, from)
  if (last < 0) return text.length
  const dashes = text.indexOf('-----', last + END_MARK.length)
  if (dashes < 0 || dashes - last > 64) return Math.min(text.length, last + 64)
  return dashes + 5
}
