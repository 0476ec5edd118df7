/** Check digits over numbers as their decimal digits, `count` of them. */

/** ISO/IEC 7812-1 annex B. */
export function luhn(digits: Uint8Array, count: number, sum = 0): boolean {
  for (let i = count - 1, twice = false; i >= 0; i--, twice = !twice) {
    let digit = digits[i] ?? 0
    if (twice) {
      digit *= 2
      if (digit > 9) digit -= 9
    }
    sum += digit
  }
  return sum % 10 === 0
}

/** Whether the weighted sum of the digits is a multiple. */
export function weighted(digits: Uint8Array, weights: readonly number[], modulus: number): boolean {
  let sum = 0
  for (let i = 0; i < weights.length; i++) sum += (digits[i] ?? 0) * (weights[i] ?? 0)
  return sum % modulus === 0
}

/** Whether all digits are the same: an example or a filler, and valid under most schemes. */
export function uniform(digits: Uint8Array, count: number): boolean {
  for (let i = 1; i < count; i++) if (digits[i] !== digits[0]) return false
  return true
}

/** The number that digits from `at` on make. */
export function valueAt(digits: Uint8Array, at: number, length: number): number {
  let value = 0
  for (let i = at; i < at + length; i++) value = value * 10 + (digits[i] ?? 0)
  return value
}

/** ISO 7064 mod 97-10 over letters and digits, the first `rotate` of which are read last. */
export function mod97(code: string, rotate: number): number {
  let rest = 0
  for (let i = 0; i < code.length; i++) {
    const unit = code.charCodeAt((i + rotate) % code.length)
    const value = unit <= 0x39 ? unit - 0x30 : (unit | 0x20) - 0x61 + 10
    rest = (value > 9 ? rest * 100 + value : rest * 10 + value) % 97
  }
  return rest
}

/** Luhn over a code whose letters stand for the two digits of 10 to 35 (ISO 6166). */
export function luhnOfCode(code: string): boolean {
  let sum = 0
  let twice = false
  for (let i = code.length - 1; i >= 0; i--) {
    const value = Number.parseInt(code.charAt(i), 36)
    for (let rest = value, first = true; first || rest > 0; rest = Math.trunc(rest / 10), first = false) {
      let digit = rest % 10
      if (twice) digit = digit > 4 ? digit * 2 - 9 : digit * 2
      sum += digit
      twice = !twice
    }
  }
  return sum % 10 === 0
}
