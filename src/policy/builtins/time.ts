import { parseDuration } from './duration.ts'
import { chunksOf, DAYS } from './layout.ts'
import { formatMoment, type Moment, momentOf } from './moment.ts'
import { numberFromBigInt } from './number.ts'
import { type Builtin, BuiltinError, bigInteger, integer, operand, text } from './operand.ts'
import { parseTime } from './parsetime.ts'
import { isArray, type Value } from './value.ts'
import { secondsOf, toInstant, UTC, zoneOf } from './zone.ts'

/** Nanoseconds must fit 64 bits: from 1677 to 2262. */
function nanoseconds(instant: bigint): Value {
  if (BigInt.asIntN(64, instant) !== instant) throw new BuiltinError('the time is out of range')
  return numberFromBigInt(instant)
}

/** What time functions take: nanoseconds, or [nanoseconds, zone], or [nanoseconds, zone, layout]. */
function momentAt(args: readonly Value[], index: number): { moment: Moment; layout: string } {
  const value = operand(args, index)
  const list = isArray(value) ? value : [value]
  const instant = bigInteger(list, 0)
  if (BigInt.asIntN(64, instant) !== instant) throw new BuiltinError('the time is out of range')
  const zone = list.length > 1 ? zoneOf(text(list, 1)) : UTC
  return { moment: momentOf(instant, zone), layout: list.length > 2 ? text(list, 2) : '' }
}

function addDate(args: readonly Value[]): Value {
  const { moment } = momentAt(args, 0)
  const { year, month, day, hour, minute, second, zone } = moment
  const wall = secondsOf(
    year + integer(args, 1),
    month + integer(args, 2),
    day + integer(args, 3),
    hour,
    minute,
    second,
  )
  return nanoseconds(BigInt(toInstant(wall, zone)) * 1_000_000_000n + BigInt(moment.nanoseconds))
}

const instantOf = ({ seconds, nanoseconds: rest }: Moment): bigint => BigInt(seconds) * 1_000_000_000n + BigInt(rest)

/** Years, months, days, hours, minutes and seconds between two instants, by the first one's clock (time.go, builtinDiff). */
function difference(args: readonly Value[]): Value {
  const one = momentAt(args, 0).moment
  const other = momentOf(instantOf(momentAt(args, 1).moment), one.zone)
  const [a, b] = instantOf(one) > instantOf(other) ? [other, one] : [one, other]
  let year = b.year - a.year
  let month = b.month - a.month
  let day = b.day - a.day
  let hour = b.hour - a.hour
  let minute = b.minute - a.minute
  let second = b.second - a.second
  if (second < 0) {
    second += 60
    minute -= 1
  }
  if (minute < 0) {
    minute += 60
    hour -= 1
  }
  if (hour < 0) {
    hour += 24
    day -= 1
  }
  if (day < 0) {
    const days = new Date(secondsOf(a.year, a.month + 1, 0, 0, 0, 0) * 1000).getUTCDate()
    day += days
    month -= 1
  }
  if (month < 0) {
    month += 12
    year -= 1
  }
  return [year, month, day, hour, minute, second]
}

export const TIME: Readonly<Record<string, Builtin>> = {
  'time.now_ns': (_args, { now }) => numberFromBigInt(now),
  'time.parse_ns': (args) => nanoseconds(parseTime(text(args, 1), chunksOf(text(args, 0)))),
  'time.parse_rfc3339_ns': (args) => nanoseconds(parseTime(text(args, 0), chunksOf('RFC3339'))),
  'time.parse_duration_ns': (args) => numberFromBigInt(parseDuration(text(args, 0))),
  'time.format': (args) => {
    const { moment, layout } = momentAt(args, 0)
    return formatMoment(moment, chunksOf(layout === '' ? 'RFC3339Nano' : layout))
  },
  'time.date': (args) => {
    const { year, month, day } = momentAt(args, 0).moment
    return [year, month, day]
  },
  'time.clock': (args) => {
    const { hour, minute, second } = momentAt(args, 0).moment
    return [hour, minute, second]
  },
  'time.weekday': (args) => DAYS[momentAt(args, 0).moment.weekday] ?? '',
  'time.add_date': addDate,
  'time.diff': difference,
}
