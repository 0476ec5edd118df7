import { shifted } from './operate/date.ts'

/** `number`: of the value, from 1. `check`: 32 bits that tell tenants and values apart. `days`: offset of the conversation's dates. */
export type Variation = Readonly<{ number: number; check: number; days: number }>

/**
 * A value of the same form that is nobody's: of ranges that are kept free for it, so that it fails wherever it is used for real. Null where a type has none, or
 * its range is used up: a token is taken then. Names of people and places have none: somebody bears every one of them.
 */
export function surrogateOf(type: string, text: string, { number, check, days }: Variation): string | null {
  switch (type) {
    case 'DATE':
      return shifted(text, days)
    case 'PHONE':
      return phone(text, number)
    case 'EMAIL':
      return `mail${number}.${check.toString(36).padStart(7, '0')}@example.com`
    case 'URL':
      return `https://example.com/${number}/${check.toString(36).padStart(7, '0')}`
    case 'IP':
      return address(text, number)
    case 'CREDIT_CARD':
      return card(text, number)
    case 'IBAN':
      return iban(text, number)
    case 'SSN':
      return number > 9999 ? null : filled(text, `900-00-${String(number).padStart(4, '0')}`.replaceAll('-', ''))
    default:
      return null
  }
}

const DIGIT = /\d/g

/** The digits of `text` replaced in order, all else as it stands; null where there are as many others. */
function filled(text: string, digits: string): string | null {
  if (text.match(DIGIT)?.length !== digits.length || /\p{L}/u.test(text)) return null
  let at = 0
  return text.replaceAll(DIGIT, () => digits.charAt(at++))
}

/** NANP numbers 555-0100 to 555-0199 are kept for fiction (ATIS-0300115), in every area: 100 in each of 202, 203 ... */
function phone(text: string, number: number): string | null {
  const area = 202 + Math.floor((number - 1) / 100)
  if (area > 299) return null
  const digits = `${area}55501${String((number - 1) % 100).padStart(2, '0')}`
  const abroad = text.startsWith('+') && !/^\+1(?!\d{0,9}$)/.test(text)
  const alike = abroad ? null : (filled(text, digits) ?? filled(text, `1${digits}`))
  return alike ?? `+1 ${area} 555 01${digits.slice(-2)}`
}

/** RFC 5737 (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24) and RFC 3849 (2001:db8::/32). */
function address(text: string, number: number): string | null {
  if (text.includes(':')) return `2001:db8::${number.toString(16)}`
  if (text.includes('/')) return null
  const nets = ['192.0.2', '198.51.100', '203.0.113']
  const net = nets[Math.floor((number - 1) / 254)]
  return net === undefined ? null : `${net}.${((number - 1) % 254) + 1}`
}

/** The check digit is right, so that schemas take it; the issuer is not: ISO/IEC 7812-1 gives 9 to countries, and none is 999. */
function card(text: string, number: number): string | null {
  const length = text.match(DIGIT)?.length ?? 0
  if (length < 12 || length > 19 || number > 99_999) return null
  const body = `999999${String(number).padStart(length - 7, '0')}`
  if (body.length !== length - 1) return null
  return filled(text, body + luhn(body))
}

function luhn(body: string): string {
  let sum = 0
  for (let i = 0; i < body.length; i++) {
    const digit = Number(body.charAt(body.length - 1 - i))
    const twice = i % 2 === 0 ? digit * 2 : digit
    sum += twice > 9 ? twice - 9 : twice
  }
  return String((10 - (sum % 10)) % 10)
}

/** The same country and form, with check digits that are right (ISO 13616, mod 97-10): the bank `XXXX` or 0000 is none. */
function iban(text: string, number: number): string | null {
  const compact = text.replaceAll(/[^A-Za-z0-9]/g, '').toUpperCase()
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(compact) || number > 9999) return null
  const bban = compact.slice(4).replaceAll(/[A-Z]/g, 'X').replaceAll(DIGIT, '0')
  const tail = String(number).padStart(4, '0')
  if (!bban.endsWith('0000')) return null
  const body = bban.slice(0, -4) + tail
  const country = compact.slice(0, 2)
  const made = country + String(98 - mod97(`${body}${country}00`)).padStart(2, '0') + body
  let at = 0
  return text.replaceAll(/[A-Za-z0-9]/g, () => made.charAt(at++))
}

function mod97(text: string): number {
  let rest = 0
  for (const character of text) {
    const value = Number.parseInt(character, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest
}
