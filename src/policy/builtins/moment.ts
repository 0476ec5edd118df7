import { type Chunk, DAYS, MONTHS } from './layout.ts'
import { BuiltinError } from './operand.ts'
import { UTC, type Zone } from './zone.ts'

/** An instant as the clocks of a place show it. */
export type Moment = Readonly<{
  zone: Zone
  /** Seconds east of UTC. */
  offset: number
  seconds: number
  nanoseconds: number
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  weekday: number
  yearDay: number
}>

export function momentOf(instant: bigint, zone: Zone): Moment {
  const nanoseconds = Number(((instant % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n)
  const seconds = Number((instant - BigInt(nanoseconds)) / 1_000_000_000n)
  const offset = zone.offsetAt(seconds)
  const wall = new Date((seconds + offset) * 1000)
  const year = wall.getUTCFullYear()
  return {
    zone,
    offset,
    seconds,
    nanoseconds,
    year,
    month: wall.getUTCMonth() + 1,
    day: wall.getUTCDate(),
    hour: wall.getUTCHours(),
    minute: wall.getUTCMinutes(),
    second: wall.getUTCSeconds(),
    weekday: wall.getUTCDay(),
    yearDay: Math.floor((Date.UTC(year, wall.getUTCMonth(), wall.getUTCDate()) - Date.UTC(year, 0, 0)) / 86_400_000),
  }
}

const two = (value: number): string => String(value).padStart(2, '0')

function offsetText(offset: number, element: string): string {
  if (element.startsWith('Z') && offset === 0) return 'Z'
  const size = Math.abs(offset)
  const colon = element.includes(':') ? ':' : ''
  const parts = [two(Math.floor(size / 3600))]
  if (element.length > 3) parts.push(two(Math.floor(size / 60) % 60))
  if (element.length > 6) parts.push(two(size % 60))
  return (offset < 0 ? '-' : '+') + parts.join(colon)
}

function fractionText({ nanoseconds }: Moment, { element, digits, mark }: Chunk): string {
  const text = String(nanoseconds).padStart(9, '0').slice(0, digits).padEnd(digits, '0')
  if (element === 'fraction0') return mark + text
  const short = text.replace(/0+$/, '')
  return short === '' ? '' : mark + short
}

function elementText(moment: Moment, chunk: Chunk): string {
  const { year, month, day, hour, minute, second, weekday, yearDay, zone } = moment
  const twelve = hour % 12 === 0 ? 12 : hour % 12
  const monthName = MONTHS[month - 1] ?? ''
  const dayName = DAYS[weekday] ?? ''
  switch (chunk.element) {
    case null:
      return ''
    case '2006':
      return String(year).padStart(4, '0')
    case '06':
      return two(year % 100)
    case 'January':
      return monthName
    case 'Jan':
      return monthName.slice(0, 3)
    case '1':
      return String(month)
    case '01':
      return two(month)
    case 'Monday':
      return dayName
    case 'Mon':
      return dayName.slice(0, 3)
    case '2':
      return String(day)
    case '_2':
    case '_2006':
      return String(day).padStart(2)
    case '02':
      return two(day)
    case '__2':
      return String(yearDay).padStart(3)
    case '002':
      return String(yearDay).padStart(3, '0')
    case '15':
      return two(hour)
    case '3':
      return String(twelve)
    case '03':
      return two(twelve)
    case '4':
      return String(minute)
    case '04':
      return two(minute)
    case '5':
      return String(second)
    case '05':
      return two(second)
    case 'PM':
      return hour >= 12 ? 'PM' : 'AM'
    case 'pm':
      return hour >= 12 ? 'pm' : 'am'
    case 'MST':
      // Intl does not know the abbreviations of the IANA database: better undefined than another name.
      if (zone !== UTC) throw new BuiltinError('abbreviations of time zones other than UTC are not supported')
      return 'UTC'
    case 'fraction0':
    case 'fraction9':
      return fractionText(moment, chunk)
    default:
      return offsetText(moment.offset, chunk.element)
  }
}

/** Go's Time.Format. */
export function formatMoment(moment: Moment, chunks: readonly Chunk[]): string {
  return chunks.map((chunk) => chunk.prefix + elementText(moment, chunk)).join('')
}
