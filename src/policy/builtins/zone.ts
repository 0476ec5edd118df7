import { BuiltinError } from './operand.ts'

/** A place's clock: its offset from UTC in seconds, at an instant in seconds since 1970. */
export type Zone = Readonly<{ name: string; offsetAt: (seconds: number) => number }>

export const UTC: Zone = { name: 'UTC', offsetAt: () => 0 }

const zones = new Map<string, Zone>()
/** Names come from the policy, its data or its input: the table must not grow with them. */
const MOST_ZONES = 1_000

/** A zone of the IANA database by its name. `Local`, the place of the machine, is refused: a decision must not hang on it. */
export function zoneOf(name: string): Zone {
  if (name === '' || name === 'UTC') return UTC
  const known = zones.get(name)
  if (known !== undefined) return known
  if (name === 'Local' || !/^[A-Za-z]/.test(name)) throw new BuiltinError('no such time zone')
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch (error) {
    throw new BuiltinError('no such time zone', { cause: error })
  }
  const zone: Zone = { name, offsetAt: (seconds) => wallClock(format, seconds) - seconds }
  if (zones.size >= MOST_ZONES) zones.clear()
  zones.set(name, zone)
  return zone
}

function wallClock(format: Intl.DateTimeFormat, seconds: number): number {
  const parts = new Map(format.formatToParts(seconds * 1000).map(({ type, value }) => [type, Number(value)]))
  const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0
  return secondsOf(part('year'), part('month'), part('day'), part('hour'), part('minute'), part('second'))
}

/** Seconds since 1970 of a date and time in UTC, days and months beyond their range carried over, as Go's time.Date does. */
export function secondsOf(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number {
  const date = new Date(0)
  // Date.UTC takes the years 0 to 99 for 1900 to 1999; this does not.
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second)
  const milliseconds = date.getTime()
  if (Number.isNaN(milliseconds)) throw new BuiltinError('the date is out of range')
  return milliseconds / 1000
}

/** Wall-clock seconds to seconds since 1970, at the edges of summer time as Go's time.Date chooses. */
export function toInstant(wall: number, zone: Zone): number {
  const first = zone.offsetAt(wall)
  if (first === 0) return wall
  return wall - zone.offsetAt(wall - first)
}
