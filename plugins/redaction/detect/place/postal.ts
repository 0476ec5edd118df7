import { PATTERNS } from '../contact/patterns.ts'
import { cueOf, cueOfWord, labelBefore, lexiconOf } from '../context.ts'
import type { Detector, Reading, Span } from '../detector.ts'
import { isOf, NUMERAL } from '../network/units.ts'
import { AFTER_BLANK, AFTER_BREAK, BEYOND, DIGIT, hashOf, isWordUnit, LOWER, MARK, UPPER } from '../tokens.ts'

const STATES = new Set(
  'AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR GU VI AA AE AP'
    .split(' ')
    .map(hashOf),
)
const STATE_NAMES = cueOf(
  ...'alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia washington wisconsin wyoming jersey york mexico carolina dakota hampshire'.split(
    ' ',
  ),
)
const LABEL = lexiconOf({
  zip: 'zip,zip code,zipcode,postal code,postalcode,postcode,post code,postal,cp,c p,código postal,plz,postleitzahl,code postal,cap,cep,código postal,postnummer,eircode,pin code,pincode'.split(
    ',',
  ),
})
const STREETS = cueOf(
  ...'calle,avda,avenida,av,c,plaza,paseo,rue,via,straße,strasse,str,weg,platz,allee,straat,laan,avenue,rua,domicilio,adresse,address,dirección,hospital,universitario'.split(
    ',',
  ),
)

/** Postal codes: with a state, a label, a form that little else has, or between a street and a town. */
export const postal: Detector = {
  name: 'postal',
  finds: ['ZIP'],
  scan(reading, found) {
    const { text, tokens } = reading
    const { count, kind, start, end, hash } = tokens
    for (let at = 0; at < count; at++) {
      const is = kind[at] ?? 0
      if ((is & (DIGIT | MARK)) !== DIGIT) continue
      const from = start[at] ?? 0
      const width = (end[at] ?? 0) - from
      if (width > 8) continue
      if ((is & UPPER) !== 0) {
        if ((is & (LOWER | BEYOND)) === 0) british(reading, at, found)
        continue
      }
      if ((is & (LOWER | BEYOND)) !== 0 || width < 4 || width > 6) continue
      const before = text.charCodeAt(from - 1)
      if (
        before === 0x24 ||
        before === 0x2e ||
        before === 0x40 ||
        before === 0x23 ||
        before === 0x5f ||
        (before === 0x2d && width !== 5)
      )
        continue
      const to = end[at] ?? 0
      const next = text.charCodeAt(to)
      if (next === 0x25 || ((next === 0x2e || next === 0x2c) && isOf(text, to + 1, NUMERAL))) continue
      let last = to
      let plus4 = false
      if (
        width === 5 &&
        next === 0x2d &&
        (end[at + 2] ?? 0) - (start[at + 2] ?? 0) === 4 &&
        ((kind[at + 2] ?? 0) & 31) === DIGIT &&
        text.charCodeAt(end[at + 2] ?? 0) !== 0x2d
      ) {
        last = end[at + 2] ?? 0
        plus4 = before !== 0x2d
      } else if (
        width === 5 &&
        next === 0x2d &&
        (end[at + 2] ?? 0) - (start[at + 2] ?? 0) === 3 &&
        ((kind[at + 2] ?? 0) & 31) === DIGIT
      ) {
        // Brazil: 01310-100.
        last = end[at + 2] ?? 0
      } else if (next === 0x2d && isOf(text, to + 1, NUMERAL)) continue
      const label = labelBefore(reading, at, LABEL) !== 0
      if (label) found.push({ start: from, end: last, type: 'ZIP', score: 0.9, rule: 'zip/label' })
      else if (width === 5 && behindState(reading, at))
        found.push({ start: from, end: last, type: 'ZIP', score: 0.9, rule: 'zip/state' })
      else if (plus4) found.push({ start: from, end: last, type: 'ZIP', score: 0.6, rule: 'zip/plus-four' })
      else if (width === 4 && dutch(reading, at))
        found.push({ start: from, end: end[at + 1] ?? to, type: 'ZIP', score: 0.6, rule: 'zip/form' })
      else if (width === 5 && last === to && beforeTown(reading, at))
        found.push({ start: from, end: to, type: 'ZIP', score: 0.55, rule: 'zip/town' })
      else if (width === 5 && last === to && endsLine(reading, at))
        found.push({ start: from, end: to, type: 'ZIP', score: 0.5, rule: 'zip/line' })
      else if (
        width === 5 &&
        last === to &&
        at > 0 &&
        hash[at - 1] === 0x2d &&
        ((kind[at - 2] ?? 0) & UPPER) !== 0 &&
        short(reading, at - 2)
      )
        found.push({ start: from, end: to, type: 'ZIP', score: 0.6, rule: 'zip/country' })
    }
  },
}

/** `Nicaragua 33575`, alone on its line with lines in front: the last of an address. */
function endsLine(reading: Reading, at: number): boolean {
  const { kind, count } = reading.tokens
  if (at + 1 < count && ((kind[at + 1] ?? 0) & (AFTER_BREAK | MARK)) === 0) return false
  if (((kind[at] ?? 0) & AFTER_BREAK) !== 0) return false
  let token = at - 1
  for (; token > 0 && at - token <= 5; token--) {
    if (((kind[token] ?? 0) & MARK) !== 0 || ((kind[token] ?? 0) & UPPER) === 0) return false
    if (((kind[token] ?? 0) & AFTER_BREAK) !== 0) return true
  }
  return false
}

/** `E-47005`, `D-10115`. */
function short(reading: Reading, at: number): boolean {
  return (reading.tokens.end[at] ?? 0) - (reading.tokens.start[at] ?? 0) <= 2
}

/** Whether the state's abbreviation or name stands in front. */
function behindState(reading: Reading, at: number): boolean {
  const { hash, kind, start, end } = reading.tokens
  if (at < 1 || ((kind[at] ?? 0) & AFTER_BREAK) !== 0) return false
  let state = at - 1
  if (hash[state] === 0x2c || hash[state] === 0x2e) state -= 1
  if (state < 0 || ((kind[state] ?? 0) & UPPER) === 0) return false
  if ((end[state] ?? 0) - (start[state] ?? 0) === 2)
    return ((kind[state] ?? 0) & LOWER) === 0 && STATES.has(hash[state] ?? 0)
  return state > 0 && labelBefore(reading, state + 1, STATE_NAMES) !== 0
}

/** `1012 AB` with a town behind. */
function dutch(reading: Reading, at: number): boolean {
  const { kind, start, end, count } = reading.tokens
  const letters = at + 1
  if (letters >= count || ((kind[letters] ?? 0) & 31) !== UPPER || (end[letters] ?? 0) - (start[letters] ?? 0) !== 2)
    return false
  const town = letters + 1
  return (
    town < count &&
    ((kind[town] ?? 0) & (UPPER | LOWER | MARK | AFTER_BREAK)) === (UPPER | LOWER) &&
    (start[letters] ?? 0) - (end[at] ?? 0) <= 1 &&
    !STATES.has(reading.tokens.hash[letters] ?? 0)
  )
}

/** `..., 28046 Madrid`: five digits between a mark, a line's beginning or a house number and a name. */
function beforeTown(reading: Reading, at: number): boolean {
  const { hash, kind, count, start, end } = reading.tokens
  let town = at + 1
  if (hash[town] === 0x2d || hash[town] === 0x2c) town += 1
  if (
    town >= count ||
    ((kind[town] ?? 0) & (UPPER | MARK | AFTER_BREAK | DIGIT)) !== UPPER ||
    (end[town] ?? 0) - (start[town] ?? 0) < 3
  )
    return false
  if (((kind[town] ?? 0) & AFTER_BLANK) === 0 && town === at + 1) return false
  if (at === 0) return false
  const before = hash[at - 1] ?? 0
  const mark = ((kind[at - 1] ?? 0) & MARK) !== 0
  const breaks = ((kind[at] ?? 0) & AFTER_BREAK) !== 0
  if (
    !(
      breaks ||
      (mark && (before === 0x2c || before === 0x2e || before === 0x29 || before === 0x2d)) ||
      ((kind[at - 1] ?? 0) & DIGIT) !== 0
    )
  )
    return false
  // Only where a street is on the line, or the line in front.
  return streetBefore(reading, at)
}

function streetBefore(reading: Reading, at: number): boolean {
  const { hash, kind } = reading.tokens
  let lines = 0
  for (let token = at - 1; token >= 0 && at - token <= 14; token--) {
    if (((kind[token] ?? 0) & MARK) === 0 && isStreet(reading, token)) return true
    if (((kind[token] ?? 0) & AFTER_BREAK) !== 0) lines += 1
    if (lines > 1) return false
    if (hash[token] === 0x3f) return false
  }
  return false
}

function isStreet(reading: Reading, token: number): boolean {
  if (cueOfWord(reading.tokens.hash[token] ?? 0, STREETS) !== 0) return true
  const { text } = reading
  const end = reading.tokens.end[token] ?? 0
  const tail = text.slice(Math.max(reading.tokens.start[token] ?? 0, end - 6), end).toLowerCase()
  return (
    tail.endsWith('straße') ||
    tail.endsWith('trasse') ||
    tail.endsWith('weg') ||
    tail.endsWith('platz') ||
    tail.endsWith('gasse') ||
    tail.endsWith('straat') ||
    tail.endsWith('allee')
  )
}

/** UK: an outward and an inward code; Canada: A1A 1A1. Together or with a blank. */
function british(reading: Reading, at: number, found: Span[]): void {
  const { text, tokens } = reading
  const start = tokens.start[at] ?? 0
  const end = tokens.end[at] ?? 0
  const next = at + 1
  const length = end - start
  if (isWordUnit(text.charCodeAt(start - 1)) || text.charAt(start - 1) === '-' || text.charAt(start - 1) === '_') return
  let whole = text.slice(start, end)
  let to = end
  if (
    length >= 2 &&
    length <= 4 &&
    next < tokens.count &&
    ((tokens.kind[next] ?? 0) & 31) === (UPPER | DIGIT) &&
    (tokens.end[next] ?? 0) - (tokens.start[next] ?? 0) === 3 &&
    (tokens.start[next] ?? 0) - end === 1
  ) {
    to = tokens.end[next] ?? 0
    whole = `${whole} ${text.slice(to - 3, to)}`
  }
  if (text.charAt(to) === '-' || text.charAt(to) === '_') return
  if (PATTERNS.ukPostcode.test(whole) && whole.length >= 5) {
    const spaced = whole.includes(' ')
    const label = labelBefore(reading, at, LABEL) !== 0
    found.push({ start, end: to, type: 'ZIP', score: label ? 0.95 : spaced ? 0.85 : 0.5, rule: 'zip/uk' })
  } else if (PATTERNS.canadianPostcode.test(whole)) {
    found.push({
      start,
      end: to,
      type: 'ZIP',
      score: whole.includes(' ') ? 0.85 : labelBefore(reading, at, LABEL) !== 0 ? 0.9 : 0.2,
      rule: 'zip/canada',
    })
  }
}

/** Last token of `, City, ST 12345[-6789]` that begins at a token, over one line break at most; 0 if there is none. */
export function stateZipEnd(reading: Reading, from: number): number {
  const { hash, kind, start, end, count } = reading.tokens
  let breaks = 0
  let words = 0
  for (let at = from; at < count && at - from < 8; at++) {
    const is = kind[at] ?? 0
    if ((is & AFTER_BREAK) !== 0) breaks += 1
    if (breaks > 1) return 0
    if ((is & MARK) !== 0) {
      const mark = hash[at]
      if (mark === 0x2c || mark === 0x2e) continue
      return 0
    }
    if ((is & DIGIT) !== 0) {
      if (words === 0 || (end[at] ?? 0) - (start[at] ?? 0) !== 5 || !behindState(reading, at)) return 0
      return hash[at + 1] === 0x2d &&
        (end[at + 2] ?? 0) - (start[at + 2] ?? 0) === 4 &&
        ((kind[at + 2] ?? 0) & 31) === DIGIT
        ? at + 2
        : at
    }
    if ((is & UPPER) === 0) return 0
    words += 1
  }
  return 0
}
