import { passes, sieveOf } from '../contact/sieve.ts'
import { cueOf, labelBefore, nearestBefore } from '../context.ts'
import type { Detector, Reading, Span } from '../detector.ts'
import { isOf, NUMERAL, numeralsFrom } from '../network/units.ts'
import { BEYOND, DIGIT, isWordUnit, LOWER, MARK, UPPER } from '../tokens.ts'
import { dateWords, isDay, isEnglishWeekday, isYear, monthOf } from './months.ts'
import { named } from './named.ts'
import { bareYear } from './year.ts'

const DATE = cueOf(
  ...(
    'date,dated,dob,d o b,born,birth,birthday,birthdate,today,on,since,until,till,by,from,due,expires,expiry,admitted,discharged,deceased,died,death,visit,appointment,scheduled,when,day,as of,effective,issued,seen,signed,' +
    'fecha,nacimiento,nacido,nacida,ingreso,alta,el,día,desde,hasta,hoy,datum,geboren,geburtsdatum,geb,am,vom,seit,bis,heute,naissance,né,née,le,du,depuis,data,nato,nata,nascita,il,dal,nascimento,nascido,nascida,em,desde,geboortedatum,geboren,op,vanaf,timestamp'
  ).split(','),
)
const STRONG = cueOf(
  ...'dob,d o b,born,birth,birthdate,date of birth,date,fecha,fecha de nacimiento,nacimiento,geburtsdatum,geboren,geb,datum,date de naissance,né,née,data di nascita,nato,nata,data de nascimento,nascido,nascida,geboortedatum'.split(
    ',',
  ),
)

const SIEVE = sieveOf([], dateWords())

/** Calendar dates, whole and partial, with the time of day that ISO 8601 joins to them. */
export const date: Detector = {
  name: 'date',
  finds: ['DATE'],
  scan(reading, found) {
    const { count, hash, kind, start, end } = reading.tokens
    let past = 0
    for (let at = 0; at < count; at++) {
      const is = kind[at] ?? 0
      const from = start[at] ?? 0
      if ((is & MARK) !== 0 || from < past) continue
      if ((is & DIGIT) === 0) {
        if ((is & (LOWER | UPPER | BEYOND)) === 0) continue
        if (!passes(SIEVE, hash[at] ?? 0)) continue
        const month = monthOf(hash[at] ?? 0)
        if (month !== 0) past = Math.max(past, named(reading, at, month, found))
        else if (isEnglishWeekday(hash[at] ?? 0) && isOf(reading.text, from, 4) && (is & UPPER) !== 0) {
          found.push({ start: from, end: end[at] ?? 0, type: 'DATE', score: 0.5, rule: 'date/weekday' })
        }
        continue
      }
      if ((is & BEYOND) !== 0) {
        past = Math.max(past, ideographic(reading, from, end[at] ?? 0, found))
        continue
      }
      if (!isOf(reading.text, from, NUMERAL)) continue
      past = Math.max(past, numeric(reading, at, found))
    }
  },
}

/** Numbers with `-`, `/` or `.` between; the offset behind what was read. */
function numeric(reading: Reading, at: number, found: Span[]): number {
  const { text } = reading
  const start = reading.tokens.start[at] ?? 0
  const before = text.charCodeAt(start - 1)
  // The second number of a fraction, of a version, of a longer row.
  if ((before === 0x2e || before === 0x2f || before === 0x2d) && isOf(text, start - 2, NUMERAL)) return 0
  if (before === 0x24 || before === 0x20ac || before === 0xa3 || before === 0x5f) return 0
  const a = numeralsFrom(text, start, 9)
  const width = a.end - start
  if (width === 8) return compact(reading, at, start, a.end, found)
  if (width > 4 || width === 3) return 0
  let i = a.end
  const gap = text.charCodeAt(i) === 32 ? 1 : 0
  const separator = text.charCodeAt(i + gap)
  if (separator !== 0x2d && separator !== 0x2f && separator !== 0x2e)
    return width === 4 && gap <= 1 ? bareYear(reading, at, a.value, a.end, found) : 0
  i += gap + 1
  const b = numeralsFrom(text, i, 5)
  if (b.value < 0)
    return width === 4 && !isWordUnit(text.charCodeAt(i)) && gap === 0
      ? bareYear(reading, at, a.value, a.end, found)
      : 0
  const bWidth = b.end - i
  i = b.end
  const gap2 = text.charCodeAt(i) === 32 && text.charCodeAt(i + 1) === separator ? 1 : 0
  if (text.charCodeAt(i + gap2) !== separator || !isOf(text, i + gap2 + 1, NUMERAL)) {
    return gap === 0 ? partial(reading, at, start, a.value, width, b.value, bWidth, b.end, separator, found) : 0
  }
  i += gap2 + 1
  const c = numeralsFrom(text, i, 5)
  const cWidth = c.end - i
  const next = text.charCodeAt(c.end)
  const spaced = gap + gap2 > 0
  if (spaced && (width === 4 || cWidth !== 4)) return 0
  if ((next === separator || (next === 0x2e && separator !== 0x2d)) && isOf(text, c.end + 1, NUMERAL)) return c.end
  let year = 0
  let valid = false
  let score = 0
  if (width === 4) {
    if (bWidth > 2 || cWidth > 2) return 0
    year = a.value
    valid = isYear(year) && (isDay(year, b.value, c.value) || isDay(year, c.value, b.value))
    score = 0.95
  } else {
    if (bWidth > 2 || (cWidth !== 4 && cWidth !== 2)) return 0
    year = c.value
    valid = (cWidth === 2 || isYear(year)) && (isDay(year, b.value, a.value) || isDay(year, a.value, b.value))
    score = cWidth === 4 ? 0.95 : separator === 0x2f ? 0.8 : 0.6
  }
  const timed =
    width === 4 && separator === 0x2d && (next === 0x54 || next === 0x74 || next === 32) ? timeEnd(text, c.end + 1) : 0
  if (timed === 0 && isWordUnit(next)) return 0
  const end = timed === 0 ? c.end : timed
  if (!valid) {
    // A slip of the pen where a date must be is a date still.
    if (labelBefore(reading, at, STRONG) === 0 || (cWidth !== 4 && width !== 4)) return 0
    found.push({ start, end, type: 'DATE', score: 0.6, rule: 'date/label' })
    return end
  }
  if (spaced && labelBefore(reading, at, DATE) === 0) score = 0.6
  if (score < 0.9 && labelBefore(reading, at, DATE) !== 0) score = 0.95
  found.push({ start, end, type: 'DATE', score, rule: 'date/numeric' })
  return end
}

/** `5/2021`, `2021-05`, `21/5`. */
function partial(
  reading: Reading,
  at: number,
  start: number,
  a: number,
  aWidth: number,
  b: number,
  bWidth: number,
  end: number,
  separator: number,
  found: Span[],
): number {
  const { text } = reading
  const next = text.charCodeAt(end)
  if (isWordUnit(next) || next === 0x25) return 0
  if ((next === 0x2e || next === 0x2c || next === 0x2d || next === 0x2f) && isOf(text, end + 1, NUMERAL)) return 0
  if (separator === 0x2e && bWidth !== 4) return 0
  let score = 0
  if (aWidth <= 2 && bWidth === 4 && isYear(b) && a >= 1 && a <= 12) score = separator === 0x2f ? 0.75 : 0.45
  else if (aWidth === 4 && bWidth === 2 && separator === 0x2d && isYear(a) && b >= 1 && b <= 12) score = 0.6
  else if (aWidth <= 2 && bWidth <= 2 && separator !== 0x2e && (isDay(0, a, b) || isDay(0, b, a)))
    score = separator === 0x2f ? 0.35 : 0.1
  else return aWidth === 4 ? bareYear(reading, at, a, start + aWidth, found) : 0
  if (score < 0.9 && nearestBefore(reading, at, DATE, bWidth === 4 || separator === 0x2f ? 3 : 1) !== 0) score += 0.25
  if (score < 0.2) return 0
  found.push({ start, end, type: 'DATE', score, rule: 'date/partial' })
  return end
}

/** `19900312` behind a label (HL7, member names). */
function compact(reading: Reading, at: number, start: number, end: number, found: Span[]): number {
  const { text } = reading
  if (isWordUnit(text.charCodeAt(end)) || isWordUnit(text.charCodeAt(start - 1))) return 0
  const value = Number(text.slice(start, end))
  const iso =
    isYear(Math.floor(value / 10_000)) && isDay(Math.floor(value / 10_000), Math.floor(value / 100) % 100, value % 100)
  const turned =
    isYear(value % 10_000) &&
    (isDay(value % 10_000, Math.floor(value / 10_000) % 100, Math.floor(value / 1_000_000)) ||
      isDay(value % 10_000, Math.floor(value / 1_000_000), Math.floor(value / 10_000) % 100))
  if (!(iso || turned) || labelBefore(reading, at, STRONG) === 0) return 0
  found.push({ start, end, type: 'DATE', score: 0.85, rule: 'date/compact' })
  return end
}

/** End of a time of day, ISO 8601 extended form with seconds, fraction and zone if there; 0 if there is none. */
function timeEnd(text: string, at: number): number {
  const hour = numeralsFrom(text, at, 2)
  if (hour.end !== at + 2 || hour.value > 24 || text.charCodeAt(hour.end) !== 0x3a) return 0
  const minute = numeralsFrom(text, hour.end + 1, 2)
  if (minute.end !== hour.end + 3 || minute.value > 59) return 0
  let end = minute.end
  if (text.charCodeAt(end) === 0x3a) {
    const second = numeralsFrom(text, end + 1, 2)
    if (second.end === end + 3 && second.value <= 60) {
      end = second.end
      const mark = text.charCodeAt(end)
      if (mark === 0x2e || mark === 0x2c) {
        const fraction = numeralsFrom(text, end + 1, 9)
        if (fraction.value >= 0) end = fraction.end
      }
    }
  }
  const zone = text.charCodeAt(end)
  if (zone === 0x5a || zone === 0x7a) return end + 1
  if (zone === 0x2b || zone === 0x2d) {
    const hours = numeralsFrom(text, end + 1, 2)
    if (hours.end === end + 3) {
      const colon = text.charCodeAt(hours.end) === 0x3a ? 1 : 0
      const minutes = numeralsFrom(text, hours.end + colon, 2)
      if (minutes.end === hours.end + colon + 2) return minutes.end
      if (colon === 0) return hours.end
    }
  }
  return end
}

/** `2021年5月3日`, `5月3日`. */
function ideographic(reading: Reading, from: number, to: number, found: Span[]): number {
  const { text } = reading
  for (let i = from; i < to; i++) {
    if (!isOf(text, i, NUMERAL)) continue
    const first = numeralsFrom(text, i, 5)
    let end = first.end
    let parts = 0
    let at = i
    for (const mark of ['年', '月', '日']) {
      const read = numeralsFrom(text, at, 4)
      if (read.value < 0 || text.charAt(read.end) !== mark) continue
      at = read.end + 1
      end = at
      parts += 1
    }
    if (parts >= 2) {
      found.push({ start: i, end, type: 'DATE', score: 0.9, rule: 'date/ideographic' })
      return end
    }
    i = end
  }
  return 0
}
