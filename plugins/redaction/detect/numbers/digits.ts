import { ENTITIES } from '../../entity.ts'
import type { Reading, Span } from '../detector.ts'
import { ACCOUNTS } from '../finance/accounts.ts'
import { CARDS } from '../finance/cards.ts'
import { SECURITY_NUMBERS } from '../finance/securities.ts'
import { HEALTH_DIGITS } from '../health/providers.ts'
import { KOREAN, NATIONAL_NUMBERS, SWEDISH } from '../national/table.ts'
import { US_NUMBERS } from '../national/us.ts'
import { at, hasContext, labelOf, scoreOf } from './context.ts'
import { DEVICES } from './devices.ts'
import { type DigitForm, shapeOf } from './form.ts'
import { DIGITS, isDigits, isPartOfMore, type Loose, looseGroup, nextGroup, separator } from './run.ts'

const FORMS: readonly DigitForm[] = [
  ...CARDS,
  ...US_NUMBERS,
  ...ACCOUNTS,
  ...SECURITY_NUMBERS,
  ...HEALTH_DIGITS,
  ...DEVICES,
  ...NATIONAL_NUMBERS,
  SWEDISH,
  KOREAN,
]
const MOST_DIGITS = 19
const GROUPS = 8

type Ready = Readonly<{ form: DigitForm; shapes: ReadonlySet<number>; telling: ReadonlySet<number> }>
/** Forms by how many digits they have. */
const BY_COUNT: readonly (readonly Ready[])[] = Array.from({ length: MOST_DIGITS + 1 }, (_, count) =>
  FORMS.filter(({ from, to }) => from <= count && count <= to).map((form) => ({
    form,
    shapes: new Set(form.shapes?.map(shapeOf)),
    telling: new Set(form.telling?.map(shapeOf)),
  })),
)

/** The types that numbers of digits may be. */
export const DIGIT_TYPES: readonly string[] = FORMS.map(({ type }) => type)

/** Every number that begins with the group of digits at a token: this group, and with those behind it. */
export function scanDigits(reading: Reading, token: number, found: Span[]): void {
  const { text, tokens } = reading
  const start = tokens.start[token] ?? 0
  let last = token
  let count = 0
  let shape = 0
  let mark = 0
  const previous = token > 0 && isDigits(tokens, token - 1) && nextGroup(tokens, token - 1) === token
  for (let groups = 1; groups <= GROUPS; groups++) {
    const from = tokens.start[last] ?? 0
    const end = tokens.end[last] ?? 0
    if (count + end - from > MOST_DIGITS) return
    for (let i = from; i < end; i++) DIGITS[count++] = text.charCodeAt(i) - 0x30
    shape = shape * 32 + end - from
    const next = nextGroup(tokens, last)
    const blank = next >= 0 && separator(reading, last, next) === 0x20
    if (count >= 6 && !isPartOfMore(text, start, end)) {
      const inside = groups > 1 && mark === 0x20 && (previous || blank)
      at(token, last)
      judge(text, start, end, count, groups === 1 ? 0 : shape, inside, found)
    }
    if (next < 0) return
    const joins = separator(reading, last, next)
    if (groups > 1 && joins !== mark) return
    mark = joins
    last = next
  }
}

const loose: Loose = { token: -1, mark: 0, breaks: 0 }
const MOST_LOOSE = 19
const LONGEST_LOOSE = 64

/**
 * Groups of digits with what numbers seldom have between them: blanks around hyphens, slashes, dots in the middle, a line break. Only behind its label, or
 * with a checksum that proves it, is such a row one number. Gives the last token of the row, -1 if there is none.
 */
export function scanLoose(reading: Reading, token: number, found: Span[]): number {
  const { tokens, text } = reading
  const start = tokens.start[token] ?? 0
  let last = token
  let count = 0
  let shape = 0
  let mark = 0
  let breaks = 0
  let single = true
  for (let groups = 1; groups <= MOST_LOOSE; groups++) {
    const from = tokens.start[last] ?? 0
    const end = tokens.end[last] ?? 0
    if (count + end - from > MOST_DIGITS || end - start > LONGEST_LOOSE) return last
    for (let i = from; i < end; i++) DIGITS[count++] = text.charCodeAt(i) - 0x30
    shape = (shape * 32 + end - from) % 0x20000000
    single &&= end - from === 1
    looseGroup(tokens, last, loose)
    if (loose.token < 0 || (groups > 1 && mark !== loose.mark)) {
      if (groups === 1) return -1
      if (count < 6 || groups < 3) return last
      at(token, last)
      if (breaks > 1 && labelOf() === 0) return last
      judge(text, start, end, count, single ? 0 : shape, true, found)
      return last
    }
    mark = loose.mark
    breaks += loose.breaks
    last = loose.token
  }
  return last
}

/** Compares the digits of {@link DIGITS} with all forms of as many. `shape` 0: not grouped. The caller has said what is around them. */
export function judge(
  text: string,
  start: number,
  end: number,
  count: number,
  shape: number,
  inside: boolean,
  found: Span[],
): void {
  // A decimal fraction (0.30000000000000004) is no number of anything.
  if (shape !== 0 && DIGITS[0] === 0 && text.charCodeAt(start + 1) === 0x2e) return
  const forms = BY_COUNT[count]
  if (forms === undefined) return
  for (const { form, shapes, telling } of forms) {
    if (shape !== 0 && form.shapes !== null && !shapes.has(shape)) continue
    // A part of a longer row of groups is believed to be a number of its own only behind its label, or with a checksum that proves it.
    if (inside && form.scores.form < 1 && (labelOf() & form.cue) === 0) continue
    if (form.scores.form === 0 && !(shape !== 0 && telling.has(shape)) && !hasContext(form.cue)) continue
    const valid = form.valid(DIGITS, count)
    if (!valid && form.scores.invalid === 0) continue
    const score = scoreOf(form.scores, form.cue, valid, shape === 0 ? 0 : telling.has(shape) ? 2 : 1, inside)
    const { bound } = ENTITIES[form.type]
    if (score > 0 && (bound === null || end - start <= bound))
      found.push({ start, end, type: form.type, score, rule: form.rule })
  }
}
