import { type Chunk, DAYS, MONTHS } from './layout.ts'
import { BuiltinError } from './operand.ts'
import { secondsOf } from './zone.ts'

type Parts = {
  year: number
  month: number
  day: number
  yearDay: number
  hour: number
  minute: number
  second: number
  nanoseconds: number
  offset: number
  half: 'am' | 'pm' | null
}

type Reader = { rest: string }

function bad(): BuiltinError {
  return new BuiltinError('the text does not fit the layout')
}

function take(reader: Reader, shape: RegExp): string {
  const found = shape.exec(reader.rest)?.[0]
  if (found === undefined) throw bad()
  reader.rest = reader.rest.slice(found.length)
  return found
}

function takeNumber(reader: Reader, shape: RegExp, least: number, most: number): number {
  const value = Number(take(reader, shape))
  if (value < least || value > most) throw bad()
  return value
}

function takeName(reader: Reader, names: readonly string[], length?: number): number {
  const lower = reader.rest.toLowerCase()
  const index = names.findIndex((name) => lower.startsWith(name.slice(0, length).toLowerCase()))
  if (index < 0) throw bad()
  reader.rest = reader.rest.slice(length ?? names[index]?.length)
  return index
}

/** A literal: a run of spaces stands for any run of spaces, none included at the end. */
function skip(reader: Reader, prefix: string): void {
  let left = prefix
  while (left !== '') {
    if (left.startsWith(' ')) {
      if (reader.rest !== '' && !reader.rest.startsWith(' ')) throw bad()
      left = left.replace(/^ +/, '')
      reader.rest = reader.rest.replace(/^ +/, '')
    } else {
      if (reader.rest[0] !== left[0] || reader.rest === '') throw bad()
      left = left.slice(1)
      reader.rest = reader.rest.slice(1)
    }
  }
}

const nanosecondsOf = (text: string): number => Number(text.slice(1, 10).padEnd(9, '0'))

function takeOffset(reader: Reader, element: string): number {
  if (element.startsWith('Z') && reader.rest.startsWith('Z')) {
    take(reader, /^Z/)
    return 0
  }
  const colon = element.includes(':') ? ':' : ''
  const count = element.length <= 3 ? 0 : element.length > 6 ? 2 : 1
  const text = take(reader, new RegExp(`^[+-]\\d\\d(?:${colon}\\d\\d){${count}}`))
  const [hours = 0, minutes = 0, seconds = 0] = (text.match(/\d\d/g) ?? []).map(Number)
  if (hours > 24 || minutes > 60 || seconds > 60) throw bad()
  const size = (hours * 60 + minutes) * 60 + seconds
  return text.startsWith('-') ? -size : size
}

/** A zone's abbreviation says nothing that can be relied on: Go, on a machine that runs on UTC, takes it for a name of UTC, GMT+3 included. */
function takeZoneName(reader: Reader): void {
  const name =
    /^UTC|^(?:ChST|MeST)|^GMT(?:[+-](?:[01]?\d|2[0-3])(?!\d))?|^[+-](?:[01]?\d|2[0-3])(?!\d)|^(?:[A-Z]{4}T|[A-Z]{3}T|WITA|[A-Z]{3})(?![A-Z])/
  take(reader, name)
}

function takeSecond(reader: Reader, parts: Parts, shape: RegExp, next: Chunk | undefined): void {
  parts.second = takeNumber(reader, shape, 0, 59)
  const fractional = next?.element === 'fraction0' || next?.element === 'fraction9'
  if (fractional || !/^[.,]\d/.test(reader.rest)) return
  // Go reads a fraction of a second that the layout does not have.
  parts.nanoseconds = nanosecondsOf(take(reader, /^[.,]\d+/))
}

const ONE_OR_TWO = /^\d{1,2}/
const TWO = /^\d\d/

function takeElement(reader: Reader, parts: Parts, chunk: Chunk, next: Chunk | undefined): void {
  switch (chunk.element) {
    case null:
      if (reader.rest !== '') throw bad()
      break
    case '2006':
      parts.year = takeNumber(reader, /^\d{4}/, 0, 9999)
      break
    case '06': {
      const year = takeNumber(reader, TWO, 0, 99)
      parts.year = year >= 69 ? year + 1900 : year + 2000
      break
    }
    case 'January':
      parts.month = takeName(reader, MONTHS) + 1
      break
    case 'Jan':
      parts.month = takeName(reader, MONTHS, 3) + 1
      break
    case '1':
    case '01':
      parts.month = takeNumber(reader, chunk.element === '01' ? TWO : ONE_OR_TWO, 1, 12)
      break
    case 'Monday':
      takeName(reader, DAYS)
      break
    case 'Mon':
      takeName(reader, DAYS, 3)
      break
    case '_2':
    case '_2006':
      parts.day = takeNumber(reader, /^ ?\d{1,2}/, 0, 99)
      break
    case '2':
    case '02':
      parts.day = takeNumber(reader, chunk.element === '02' ? TWO : ONE_OR_TWO, 0, 99)
      break
    case '__2':
      parts.yearDay = takeNumber(reader, /^ {0,2}\d{1,3}/, 0, 999)
      break
    case '002':
      parts.yearDay = takeNumber(reader, /^\d{3}/, 0, 999)
      break
    case '15':
      parts.hour = takeNumber(reader, ONE_OR_TWO, 0, 23)
      break
    case '3':
    case '03':
      parts.hour = takeNumber(reader, chunk.element === '03' ? TWO : ONE_OR_TWO, 0, 12)
      break
    case '4':
    case '04':
      parts.minute = takeNumber(reader, chunk.element === '04' ? TWO : ONE_OR_TWO, 0, 59)
      break
    case '5':
    case '05':
      takeSecond(reader, parts, chunk.element === '05' ? TWO : ONE_OR_TWO, next)
      break
    case 'PM':
      parts.half = take(reader, /^[AP]M/) === 'PM' ? 'pm' : 'am'
      break
    case 'pm':
      parts.half = take(reader, /^[ap]m/) === 'pm' ? 'pm' : 'am'
      break
    case 'MST':
      takeZoneName(reader)
      break
    case 'fraction0':
      parts.nanoseconds = nanosecondsOf(take(reader, new RegExp(`^[.,]\\d{${chunk.digits}}`)))
      break
    case 'fraction9':
      if (/^[.,]\d/.test(reader.rest)) parts.nanoseconds = nanosecondsOf(take(reader, /^[.,]\d+/))
      break
    default:
      parts.offset = takeOffset(reader, chunk.element)
  }
}

function daysIn(month: number, year: number): number {
  return new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()
}

function applyYearDay(parts: Parts): void {
  const first = secondsOf(parts.year, 1, parts.yearDay, 0, 0, 0)
  const date = new Date(first * 1000)
  if (parts.yearDay < 1 || date.getUTCFullYear() !== parts.year) throw bad()
  const month = date.getUTCMonth() + 1
  const day = date.getUTCDate()
  if ((parts.month >= 0 && parts.month !== month) || (parts.day >= 0 && parts.day !== day)) throw bad()
  parts.month = month
  parts.day = day
}

/** Go's time.Parse on a machine that runs on UTC: nanoseconds since 1970. */
export function parseTime(text: string, chunks: readonly Chunk[]): bigint {
  const parts: Parts = {
    year: 0,
    month: -1,
    day: -1,
    yearDay: -1,
    hour: 0,
    minute: 0,
    second: 0,
    nanoseconds: 0,
    offset: 0,
    half: null,
  }
  const reader: Reader = { rest: text }
  for (const [index, chunk] of chunks.entries()) {
    skip(reader, chunk.prefix)
    // The layout's rest begins with a literal where the next element's prefix is not empty.
    takeElement(reader, parts, chunk, chunks[index + 1])
  }
  if (parts.half === 'pm' && parts.hour < 12) parts.hour += 12
  else if (parts.half === 'am' && parts.hour === 12) parts.hour = 0
  if (parts.yearDay >= 0) applyYearDay(parts)
  const month = parts.month < 0 ? 1 : parts.month
  const day = parts.day < 0 ? 1 : parts.day
  if (day < 1 || day > daysIn(month, parts.year)) throw bad()
  const seconds = secondsOf(parts.year, month, day, parts.hour, parts.minute, parts.second) - parts.offset
  return BigInt(seconds) * 1_000_000_000n + BigInt(parts.nanoseconds)
}
