import { cueOf, labelBefore } from '../context.ts'
import type { Detector, Reading, Span } from '../detector.ts'
import { hashOf, isWordUnit, MARK, UPPER } from '../tokens.ts'
import { domainFrom } from './domain.ts'
import { ALNUM, IN_URL, isOf, NUMERAL, numeralsFrom } from './units.ts'

const COLON = 0x3a
const SLASH = 0x2f
const DOT = 0x2e
const AT = 0x40
const WWW = hashOf('www')
const LABEL = cueOf(
  'website',
  'web site',
  'site',
  'url',
  'domain',
  'domains',
  'homepage',
  'web',
  'link',
  'visit',
  'sitio',
  'sitio web',
  'página',
  'webseite',
  'sito',
  'siteweb',
  'host',
  'hostname',
)
/** Bare names of these are domains without more. */
const PLAIN = new Set(
  (
    'com org net edu gov mil info biz io ai dev app cloud online site website store shop tech blog uk de fr nl eu us ca au jp cn br mx ru ch se dk fi pl cz pt gr ie nz za ar cl pe ' +
    'hk tw kr sg tr ua ro hu bg hr sk si lt lv ee il ae sa eg ke ng ma vn id ph th my uy'
  ).split(' '),
)
/** Top-level domains that are words of a language, endings of file names or names of members in programs more often. */
const OTHERWISE = new Set(
  'id my th app dev cloud site store shop blog info online us ca ch se pt il ma ar za pe tech ai ee si lt ro hr'.split(
    ' ',
  ),
)

/** Endings of files: a number behind their colon is a line. */
const FILES = new Set('java py rs sh md pl cc zip mov ps so ml ms'.split(' '))

export const url: Detector = {
  name: 'url',
  finds: ['URL', 'SECRET'],
  scan(reading, found) {
    const { text, tokens } = reading
    const { count, hash, kind, start } = tokens
    let past = 0
    for (let at = 1; at < count; at++) {
      const offset = start[at] ?? 0
      if (offset < past || ((kind[at] ?? 0) & MARK) === 0) continue
      if (hash[at] === COLON) {
        if (text.charCodeAt(offset + 1) === SLASH && text.charCodeAt(offset + 2) === SLASH) {
          past = withScheme(reading, at, found)
        }
      } else if (hash[at] === DOT) past = bare(reading, at, past, found)
    }
  },
}

function withScheme(reading: Reading, colon: number, found: Span[]): number {
  const { text, tokens } = reading
  const sign = tokens.start[colon] ?? 0
  let start = sign
  while (start > 0 && sign - start < 24 && (isOf(text, start - 1, ALNUM) || '+-.'.includes(text.charAt(start - 1))))
    start -= 1
  while (start < sign && !isLetter(text, start)) start += 1
  if (sign - start < 2) return sign + 3
  const authority = sign + 3
  const end = urlEnd(text, authority)
  if (end === authority) return authority
  let host = authority
  let secret = false
  for (let i = authority; i < end; i++) {
    const unit = text.charCodeAt(i)
    if (unit === SLASH || unit === 0x3f || unit === 0x23) break
    if (unit === AT) host = i + 1
  }
  if (host > authority) {
    const colonAt = text.indexOf(':', authority)
    secret = colonAt >= 0 && colonAt < host - 2
  }
  if (secret) {
    found.push({ start, end, type: 'SECRET', score: 0.95, rule: 'secret/url-credentials' })
    return end
  }
  found.push({ start, end, type: 'URL', score: hostScore(text, host, sign, start), rule: 'url/scheme' })
  return end
}

function hostScore(text: string, host: number, sign: number, start: number): number {
  if (text.charCodeAt(host) === 0x5b) return 0.95
  const domain = domainFrom(text, host)
  if (domain?.delegated === true || domain?.inside === true) return 1
  if (isOf(text, host, NUMERAL) && domain !== null) return 0.95
  if (text.startsWith('localhost', host)) return 0.9
  const web = sign - start <= 5 && text.startsWith('http', start)
  // A name without a dot is a machine of the house, or nothing (`http://microsoft`).
  return web ? (domain === null && !hasPort(text, host) ? 0.4 : 0.8) : 0.6
}

function hasPort(text: string, host: number): boolean {
  let i = host
  while (i - host < 64 && (isOf(text, i, ALNUM) || text.charAt(i) === '-')) i += 1
  return text.charCodeAt(i) === COLON && isOf(text, i + 1, NUMERAL)
}

/** End of a URL's text: no marks that end a sentence, no bracket or quote that did not open in it. */
function urlEnd(text: string, from: number): number {
  let end = from
  let round = 0
  let square = 0
  while (end < text.length) {
    const unit = text.charCodeAt(end)
    if (unit >= 128 ? !isWordUnit(unit) : !isOf(text, end, IN_URL)) break
    if (unit === 0x28) round += 1
    else if (unit === 0x29) {
      round -= 1
      if (round < 0) break
    } else if (unit === 0x5b) square += 1
    else if (unit === 0x5d) {
      square -= 1
      if (square < 0) break
    }
    end += 1
  }
  while (end > from && ".,;:!?'*_~".includes(text.charAt(end - 1))) end -= 1
  return end
}

/** `www.` and bare domains, from their first dot. */
function bare(reading: Reading, dot: number, past: number, found: Span[]): number {
  const { text, tokens } = reading
  const { kind, hash } = tokens
  const sign = tokens.start[dot] ?? 0
  if (!isWordUnit(text.charCodeAt(sign - 1)) || !isWordUnit(text.charCodeAt(sign + 1))) return past
  let start = sign
  while (
    start > past &&
    sign - start < 64 &&
    (isWordUnit(text.charCodeAt(start - 1)) || text.charCodeAt(start - 1) === 0x2d)
  )
    start -= 1
  const before = text.charCodeAt(start - 1)
  if (
    start > 0 &&
    (before === AT ||
      before === SLASH ||
      before === 0x5c ||
      before === DOT ||
      before === 0x5f ||
      before === 0x23 ||
      before === 0x2b)
  )
    return past
  while (start < sign && text.charCodeAt(start) === 0x2d) start += 1
  if (start === sign) return past
  const domain = domainFrom(text, start)
  if (domain === null) return past
  const next = text.charCodeAt(domain.end)
  if (!domain.delegated) return domain.end
  if (next === AT || next === 0x28 || next === 0x5f) return past
  // `example.com.` ends a sentence; `example.com.x` went on with what is no top-level domain.
  const path = next === SLASH && !(text.charCodeAt(domain.end + 1) <= 32)
  const port = next === COLON && numeralsFrom(text, domain.end + 1, 5).value > 0
  const query = next === 0x3f && isOf(text, domain.end + 1, ALNUM)
  const www = hash[dot - 1] === WWW
  if (www && domain.labels < 3) return domain.end
  let score = 0
  const last = domain.last.toLowerCase()
  if (www) score = 1
  else if (domain.labels === 2 && (port || !path) && FILES.has(last)) score = 0.2
  else if (domain.labels === 2 && last === 'java') score = 0.2
  else if (path || port || query) score = domain.labels > 2 || PLAIN.has(last) ? 0.9 : 0.55
  else if (PLAIN.has(last)) {
    const sentence =
      domain.last !== last && text.slice(start, domain.end) !== text.slice(start, domain.end).toUpperCase()
    score = sentence ? 0 : OTHERWISE.has(last) ? (domain.labels > 2 ? 0.6 : 0.4) : 0.9
  } else if (domain.labels > 2 && domain.last === last && last.length === 2 && ((kind[dot - 1] ?? 0) & UPPER) === 0)
    score = 0.6
  else score = 0.2
  if (score < 0.9 && score > 0 && labelBefore(reading, firstToken(reading, dot, start), LABEL) !== 0)
    score = Math.max(score, 0.8)
  if (score < 0.2) return domain.end
  const end = path || port || query ? urlEnd(text, start) : domain.end
  found.push({ start, end: Math.max(end, domain.end), type: 'URL', score, rule: www ? 'url/www' : 'url/domain' })
  return Math.max(end, domain.end)
}

function firstToken(reading: Reading, at: number, start: number): number {
  let token = at
  while (token > 0 && (reading.tokens.start[token - 1] ?? 0) >= start) token -= 1
  return token
}

function isLetter(text: string, at: number): boolean {
  return isOf(text, at, ALNUM) && !isOf(text, at, NUMERAL)
}
