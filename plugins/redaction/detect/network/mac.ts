import type { Detector } from '../detector.ts'
import { isWordUnit, MARK } from '../tokens.ts'
import { HEX, isOf } from './units.ts'

/** EUI-48 and EUI-64 with `:` or `-`, and three groups of four with dots. Not the broadcast address, not all noughts. */
export const mac: Detector = {
  name: 'mac',
  finds: ['MAC'],
  scan({ text, tokens }, found) {
    const { count, start, end, kind } = tokens
    let past = 0
    for (let at = 0; at < count; at++) {
      const from = start[at] ?? 0
      const width = (end[at] ?? 0) - from
      if ((width !== 2 && width !== 4) || from < past || ((kind[at] ?? 0) & MARK) !== 0) continue
      const separator = text.charCodeAt(from + width)
      if (width === 2 ? separator !== 0x3a && separator !== 0x2d : separator !== 0x2e) continue
      const before = text.charCodeAt(from - 1)
      if (from > 0 && (before === separator || isWordUnit(before))) continue
      let i = from
      let groups = 0
      let or = 0
      let and = 0xff
      let letters = false
      for (;;) {
        let digits = 0
        while (digits < width && isOf(text, i + digits, HEX)) {
          const value = Number.parseInt(text.charAt(i + digits), 16)
          or |= value
          and &= value
          letters ||= value > 9
          digits += 1
        }
        if (digits < width) {
          groups = 0
          break
        }
        i += width
        groups += 1
        if (text.charCodeAt(i) !== separator || groups > 8) break
        if (!isOf(text, i + 1, HEX)) break
        i += 1
      }
      past = i
      if (!(width === 2 ? groups === 6 || groups === 8 : groups === 3)) continue
      if (or === 0 || and === 15 || isWordUnit(text.charCodeAt(i))) continue
      found.push({ start: from, end: i, type: 'MAC', score: width === 4 && !letters ? 0.8 : 0.95, rule: 'mac' })
    }
  },
}
