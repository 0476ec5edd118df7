import { readDate } from './date.ts'
import type { Width } from './operator.ts'

/**
 * First three digits of ZIP codes whose areas hold 20,000 people or fewer (Census 2000), which 45 CFR 164.514(b)(2)(i)(B)(2) has changed to 000: the list
 * of HHS' guidance on de-identification of 26 November 2012.
 */
export const RESTRICTED_ZIP3: ReadonlySet<string> = new Set(
  '036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893'.split(' '),
)

const ZIP = /^(\d{3})\d{2}(?:[- ]?\d{4})?$/
const V4 = /^(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}(?:\/\d{1,2})?$/
/** Ages above this, and all that tells them, are one category (164.514(b)(2)(i)(C)). */
const OLDEST = 89

/** What is still said of a value. Where a type has no wider form, or the value none that is understood: the name of its type. */
export function generalised(type: string, text: string, to: Width | null, thisYear: number): string {
  if (to === 'type') return type
  switch (type) {
    case 'DATE':
      return dateOf(text, to, thisYear) ?? type
    case 'AGE':
      return ageOf(text) ?? type
    case 'ZIP': {
      const three = ZIP.exec(text.trim())?.[1]
      if (three === undefined) return type
      return RESTRICTED_ZIP3.has(three) ? '000' : three
    }
    case 'IP':
      return netOf(text.trim()) ?? type
    default:
      return type
  }
}

function dateOf(text: string, to: Width | null, thisYear: number): string | null {
  const date = readDate(text.trim())
  if (date === null || date.year === null) return null
  // A year of birth that tells an age above 89; which date is one, nobody knows here.
  const first = thisYear - OLDEST
  if (date.year < first) return `before ${first}`
  const year = String(date.year)
  return to === 'month' && date.month !== null ? `${year}-${String(date.month).padStart(2, '0')}` : year
}

/** The age in years as it was written, or `90+`. Of another unit, or in words: null. */
function ageOf(text: string): string | null {
  const numbers = [...text.matchAll(/\d+/g)]
  const [number] = numbers
  if (number === undefined || numbers.length > 1 || number[0].length > 3) return null
  return Number(number[0]) > OLDEST ? '90+' : text
}

/** The /24 of an IPv4 address, the /48 of an IPv6 address (RFC 4291 2.2). */
function netOf(text: string): string | null {
  const v4 = V4.exec(text)
  if (v4 !== null) return `${v4[1]}.0/24`
  const [address = ''] = text.split(/[%/]/)
  if (!/^[0-9a-f:]+$/i.test(address) || address.split('::').length > 2) return null
  const [head = '', tail] = address.split('::')
  const front = head === '' ? [] : head.split(':')
  const groups = tail === undefined ? front : [...front, ...Array<string>(8).fill('0')]
  if ((tail === undefined && front.length !== 8) || front.length > 8) return null
  const three = groups.slice(0, 3).map((group) => Number.parseInt(group, 16).toString(16))
  return three.includes('NaN') ? null : `${three.join(':')}::/48`
}
