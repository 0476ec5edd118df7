/** Whether the letters and digits of a match prove it. */
export type Checksum = (text: string) => boolean

/** ISO/IEC 7812-1, annex B: the digits of a match, from the right every second one doubled. */
function luhn(text: string): boolean {
  const digits = text.replace(/\D/g, '')
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 0x30
    const weighed = i % 2 === 0 ? digit : digit * 2
    sum += weighed > 9 ? weighed - 9 : weighed
  }
  return digits.length > 1 && sum % 10 === 0
}

/** ISO/IEC 7064, MOD 97-10: letters are 10 to 35, the whole is 1 modulo 97. */
function mod97(text: string): boolean {
  const characters = text.toUpperCase().replace(/[^0-9A-Z]/g, '')
  let rest = 0
  for (const character of characters) {
    const value = Number.parseInt(character, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return characters.length > 2 && rest === 1
}

export const CHECKSUMS = { luhn, mod97 } as const satisfies Readonly<Record<string, Checksum>>

export function isChecksum(name: unknown): name is keyof typeof CHECKSUMS | 'none' {
  return typeof name === 'string' && (name === 'none' || Object.hasOwn(CHECKSUMS, name))
}
