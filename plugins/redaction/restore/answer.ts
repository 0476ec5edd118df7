import type { Finding } from '../../../src/core/call.ts'
import { CustomhouseError } from '../../../src/core/errors.ts'
import type { Filter, LaneEdit, LaneView } from '../../../src/core/plugin.ts'
import { irreversible } from '../operate/irreversible.ts'
import { NEVER_KEPT, type Operator } from '../operate/operator.ts'
import { operatorFor, type Params, scoreFor } from '../params.ts'
import type { Live } from '../pseudonyms.ts'
import { settled } from '../settled.ts'
import type { TenantKeys } from '../token.ts'
import { escaped } from './json.ts'
import { Literals } from './literals.ts'
import { Pseudonyms, type Reading } from './pseudonyms.ts'

const NONE: readonly LaneEdit[] = []

type Marked = Finding & Readonly<{ operator: Operator }>

/**
 * Does to what was found in an answer, before anything is put back into it, what the params say. `token` and `surrogate` leave the name of the type: nobody would
 * put back what they stand for. What a live pseudonym stands for is the restorer's. `refuse`, and what stands where nothing can be edited, refuse the answer.
 */
export function redactAnswer(params: Params, live: readonly Live[], keys: TenantKeys): Filter {
  const known = new Pseudonyms(live)
  const reading: Reading = { live: null, end: 0, open: false }
  const literals = new Map<string, Literals>()
  /** What was counted, by type and operator: each finding once, however often it is reported. */
  const counted = new Map<string, Set<string>>()
  const thisYear = new Date().getUTCFullYear()

  const asked = (channel: LaneView['channel'], role: LaneView['role']): boolean =>
    (params.channels?.has(channel) ?? true) && (params.roles?.has(role) ?? true)
  const secrets = (operatorFor(params, 'SECRET')?.operator ?? 'keep') !== 'keep'

  /** Where live pseudonyms stand that findings may touch, one behind the other. The text is read once for all of them. */
  function livesOf({ text, json, findings }: LaneView): readonly Range[] {
    const ranges: Range[] = []
    let from = text.length
    let to = 0
    for (const { start, end } of findings) {
      from = Math.min(from, start)
      to = Math.max(to, end)
    }
    for (let at = Math.max(0, from - known.longest); at < to; ) {
      const before = at === 0 ? 0x20 : text.charCodeAt(at - 1)
      if (known.mayBegin(text.charCodeAt(at), before)) {
        known.read(text, at, before, json ? 1 : 0, true, reading)
        if (reading.live !== null) {
          ranges.push({ start: at, end: reading.end })
          at = reading.end
          continue
        }
      }
      at += 1
    }
    return ranges
  }

  function literalsOf(lane: LaneView): Literals {
    const before = literals.get(lane.lane)
    const own = before !== undefined && before.released <= lane.released ? before : new Literals()
    literals.set(lane.lane, own)
    own.read(lane)
    return own
  }

  function count({ lane, released }: LaneView, { type, start }: Finding, { operator }: Operator): void {
    const key = `${type} ${operator}`
    const places = counted.get(key) ?? new Set<string>()
    counted.set(key, places.add(`${lane} ${released + start}`))
  }

  return {
    name: 'redaction.answer',
    hold: secrets ? LONGEST_RUN : 0,
    waits: ({ text, channel, role }) => (secrets && asked(channel, role) ? runAt(text) : 0),
    edit(lane) {
      const own = lane.json ? literalsOf(lane) : null
      if (lane.findings.length === 0) return NONE
      if (!asked(lane.channel, lane.role)) return NONE
      const lives = livesOf(lane)
      const marks: Marked[] = []
      for (const finding of lane.findings) {
        const { type, score } = finding
        const operator = type === 'TOKEN' ? null : operatorFor(params, type)
        if (operator === null || operator.operator === 'keep' || score < scoreFor(params, type)) continue
        if (within(lives, finding)) continue
        if (operator.operator === 'refuse') throw refused(`the answer holds what may not be passed on: ${type}`)
        if (FIXED.test(lane.lane)) throw refused(`${type} stands in the answer where nothing can be edited`)
        // What only touches a pseudonym says more than it: a credential goes whole, of all else what is not the pseudonym.
        const pieces = WHOLE.has(type) ? [finding] : outside(lives, finding, lane.text)
        for (const piece of pieces) marks.push({ ...finding, ...piece, operator })
      }
      const edits: LaneEdit[] = []
      for (const mark of settled(marks, lane.text)) {
        const { type, start, end, operator } = mark
        count(lane, mark, operator)
        const text = standIn(type, lane.text.slice(start, end), operator, keys, thisYear)
        if (own === null || own.isProse) edits.push({ start, end, text })
        else edits.push({ start, end, text: own.within(lane, start, end) ? escaped(text) : JSON.stringify(text) })
      }
      return edits
    },
    notes: () => Object.fromEntries([...counted].map(([key, places]) => [key, places.size])),
  }
}

/**
 * Credentials have no bound (`SECRET` in entity.ts), but blanks end them, and until then nobody can tell what they are: a run without any waits for its end.
 * A private key is found from its first line on, and what was found waits for its end as well.
 */
const LONGEST_RUN = 4_096

/** Of these nothing may be left beside a pseudonym within them. */
const WHOLE: ReadonlySet<string> = new Set([...NEVER_KEPT, 'SECRET'])

/** Units at the end of a text without a blank, a quote or an angle bracket, of ASCII. */
function runAt(text: string): number {
  const least = Math.max(0, text.length - LONGEST_RUN)
  let from = text.length
  while (from > least && isOfRun(text.charCodeAt(from - 1))) from -= 1
  return text.length - from
}

function isOfRun(unit: number): boolean {
  return unit > 0x20 && unit < 0x7f && unit !== 0x22 && unit !== 0x3c && unit !== 0x3e
}

type Range = Readonly<{ start: number; end: number }>

/** How many of these ranges begin before `end`. */
function before(ranges: readonly Range[], end: number): number {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ranges[middle]?.start ?? 0) < end) low = middle + 1
    else high = middle
  }
  return low
}

/** Whether a finding is part of a pseudonym that is put back: the restorer's, and nothing that the model brought up. */
function within(ranges: readonly Range[], { start, end }: Range): boolean {
  const last = ranges[before(ranges, start + 1) - 1]
  return last !== undefined && last.end >= end
}

/** What of a finding is outside of all pseudonyms, as far as it has letters or digits. */
function outside(ranges: readonly Range[], { start, end }: Range, text: string): readonly Range[] {
  const pieces: Range[] = []
  let from = start
  const tell = (to: number): void => {
    while (from < to && text.charCodeAt(from) <= 0x20) from += 1
    let last = to
    while (last > from && text.charCodeAt(last - 1) <= 0x20) last -= 1
    if (/[\p{L}\p{N}]/u.test(text.slice(from, last))) pieces.push({ start: from, end: last })
  }
  for (let at = before(ranges, end) - 1; at >= 0 && (ranges[at]?.end ?? 0) > start; at--) {
    const range = ranges[at]
    if (range !== undefined) pieces.push(range)
  }
  const inner = pieces.splice(0).reverse()
  for (const range of inner) {
    tell(range.start)
    from = range.end
  }
  tell(end)
  return pieces
}

/** Lanes of members' names and of numbers. */
const FIXED = /^@[0-9]+#/

function standIn(type: string, surface: string, operator: Operator, keys: TenantKeys, thisYear: number): string {
  return irreversible(type, surface, operator, keys, thisYear) ?? (operator.operator === 'drop' ? '' : type)
}

function refused(message: string): CustomhouseError {
  const detail = { rule: 'unmet/unredactable' }
  return new CustomhouseError('ERR_POLICY_DENIED', `Not carried out (unmet/unredactable): ${message}.`, { detail })
}
