import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Finding, ModelEvent, Part } from '../../src/core/call.ts'
import type { Filter, LaneEdit } from '../../src/core/plugin.ts'
import { applyEdits, mergeEdits } from '../../src/pipeline/edits.ts'
import { Lanes, type Released } from '../../src/pipeline/lanes.ts'

/** A pattern that is bounded and looks at nothing outside of itself, and what a filter makes of its matches. */
type Rule = Readonly<{ pattern: RegExp; bound: number; edits: (start: number, end: number) => LaneEdit[] }>

const replaced = (text: string) => (start: number, end: number) => [{ start, end, text }]
const RULES: readonly Rule[] = [
  { pattern: /<[0-9]{1,2}>/g, bound: 4, edits: replaced('#') },
  { pattern: /<[0-9]{1,2}>/g, bound: 4, edits: replaced('') },
  { pattern: /a{2,4}/g, bound: 4, edits: replaced('######') },
  { pattern: /ab/g, bound: 2, edits: replaced('#') },
  { pattern: /1/g, bound: 1, edits: replaced('') },
  { pattern: /\u{1f600}/gu, bound: 2, edits: replaced('#') },
  { pattern: /b<?1/g, bound: 3, edits: replaced('##') },
]
/**
 * An insertion does not say which text it depends on, so a release may end in the middle of that text: what is inserted may depend
 * on text to its right, or on the one unit to its left. Whoever needs more replaces a match by itself and something.
 */
const INSERTIONS: readonly Rule[] = [
  { pattern: /ab?/g, bound: 2, edits: (start) => [{ start, end: start, text: '#' }] },
  { pattern: /b/g, bound: 1, edits: (_, end) => [{ start: end, end, text: '#' }] },
  {
    pattern: /</g,
    bound: 1,
    edits: (start, end) => [
      { start, end: start, text: '#' },
      { start: end, end, text: '##' },
    ],
  },
]

function editsOf({ pattern, edits }: Rule, text: string): LaneEdit[] {
  return [...text.matchAll(pattern)].flatMap((match) => edits(match.index, match.index + match[0].length))
}

const filterOf = (rule: Rule, extra: number): Filter => ({
  name: String(rule.pattern),
  hold: rule.bound + extra,
  edit: ({ text }) => editsOf(rule, text),
})

/** Units that make and break matches, a surrogate pair among them, which may be cut in two. */
const unit = fc.constantFrom('a', 'a', 'b', '<', '>', '1', '2', ' ', '\ud83d', '\ude00')
const piece = fc.array(unit, { maxLength: 6 }).map((units) => units.join(''))
const lane = fc.constantFrom('choices/0/content', 'choices/1/content', 'choices/0/tool', '@')
const events = fc
  .array(fc.array(fc.record({ lane, text: piece }), { maxLength: 3 }), { maxLength: 30 })
  .map((list) => list.map((parts, index) => eventOf(parts, index)))
const single = fc
  .array(unit, { maxLength: 60 })
  .map((units) => units.map((text, index) => eventOf([{ lane: 'choices/0/content', text }], index)))

function eventOf(parts: readonly Readonly<{ lane: string; text: string }>[], index: number): ModelEvent {
  return {
    kind: 'delta',
    frame: index,
    parts: parts.map(
      ({ lane: name, text }, at): Part => ({
        // A lane with `@` is complete in its one event.
        lane: name === '@' ? `@${index}/${at}` : name,
        pointer: `/${at}`,
        role: 'assistant',
        channel: 'text',
        text,
      }),
    ),
  }
}

type Run = Readonly<{ released: readonly Released[]; cuts: ReadonlyMap<string, readonly number[]>; lanes: Lanes }>

/** Lets events pass, a window of `every` at a time, and keeps where in each lane a release ended. */
function pass(
  list: readonly ModelEvent[],
  filters: readonly Filter[],
  options: Readonly<{ hold?: number; every?: number; inspector?: Rule }> = {},
): Run {
  const { hold = 0, every = 1, inspector } = options
  const lanes = new Lanes()
  const released: Released[] = []
  const cuts = new Map<string, number[]>()
  const at = new Map<string, number>()
  const look = (final: boolean): void => {
    if (inspector !== undefined) lanes.found(findings(lanes, inspector))
    lanes.settle(filters, hold, final)
    const out = lanes.release()
    released.push(...out)
    for (const { event } of out) {
      for (const { lane: name, text } of event.parts) at.set(name, (at.get(name) ?? 0) + text.length)
    }
    for (const [name, end] of at) cuts.set(name, [...(cuts.get(name) ?? []), end])
  }
  for (const [index, event] of list.entries()) {
    lanes.add(event)
    if (index % every === every - 1) look(false)
  }
  look(true)
  return { released, cuts, lanes }
}

function findings(lanes: Lanes, { pattern }: Rule): Finding[] {
  return lanes.segments().flatMap(({ pointer, text }) =>
    [...text.matchAll(pattern)].map((match) => ({
      type: 'X',
      pointer,
      start: match.index,
      end: match.index + match[0].length,
      score: 1,
    })),
  )
}

/** Text of each lane: as it came, and as it went out. */
function textsOf(list: readonly Released[]): Map<string, { came: string; went: string }> {
  const texts = new Map<string, { came: string; went: string }>()
  for (const { event, texts: changed } of list) {
    for (const [at, part] of event.parts.entries()) {
      const text = texts.get(part.lane) ?? { came: '', went: '' }
      text.came += part.text
      text.went += changed === undefined ? part.text : (changed[at] ?? '(missing)')
      texts.set(part.lane, text)
    }
  }
  return texts
}

function expectNothingLeft({ lanes, released }: Run, list: readonly ModelEvent[]): void {
  expect(released.map(({ event }) => event)).toEqual(list)
  expect(lanes.holding).toBe(0)
  expect(lanes.heldCharacters()).toBe(0)
  expect(lanes.segments()).toEqual([])
  expect(lanes.characters).toBe(list.flatMap(({ parts }) => parts).reduce((sum, { text }) => sum + text.length, 0))
  expect(lanes.release()).toEqual([])
}

const windows = fc.record({ extra: fc.nat(4), every: fc.integer({ min: 1, max: 4 }), hold: fc.nat(6) })
const cut = fc.oneof(events, single)
const RUNS = { numRuns: 1_500 }

describe('whatever the cut into events', () => {
  test('one filter: what went out is the edit of the whole text, in order, nothing lost or doubled', () => {
    fc.assert(
      fc.property(cut, fc.constantFrom(...RULES, ...INSERTIONS), windows, (list, rule, { extra, every, hold }) => {
        const run = pass(list, [filterOf(rule, extra)], { hold, every })
        for (const { came, went } of textsOf(run.released).values()) {
          expect(went).toBe(applyEdits(came, editsOf(rule, came)))
        }
        expectNothingLeft(run, list)
      }),
      RUNS,
    )
  })

  test('two filters whose edits overlap: what one of them takes out is never released, the rest is', () => {
    const two = fc.tuple(fc.constantFrom(...RULES), fc.constantFrom(...RULES))
    fc.assert(
      fc.property(cut, two, windows, (list, rules, { extra, every, hold }) => {
        const run = pass(
          list,
          rules.map((rule) => filterOf(rule, extra)),
          { hold, every },
        )
        for (const { came, went } of textsOf(run.released).values()) {
          const taken = rules.flatMap((rule) => editsOf(rule, came))
          const kept = came.split('').filter((_, at) => !taken.some(({ start, end }) => start <= at && at < end))
          expect(went.replaceAll('#', '')).toBe(kept.join(''))
          expect(went).toBe(applyEdits(came, mergeEdits(taken)))
        }
        expectNothingLeft(run, list)
      }),
      RUNS,
    )
  })

  test('a filter that replaces beside one that inserts', () => {
    const two = fc.tuple(fc.constantFrom(...RULES), fc.constantFrom(...INSERTIONS))
    fc.assert(
      fc.property(cut, two, windows, (list, rules, { extra, every }) => {
        const run = pass(
          list,
          rules.map((rule) => filterOf(rule, extra)),
          { every },
        )
        for (const { came, went } of textsOf(run.released).values()) {
          expect(went).toBe(applyEdits(came, mergeEdits(rules.flatMap((rule) => editsOf(rule, came)))))
        }
        expectNothingLeft(run, list)
      }),
      RUNS,
    )
  })

  test('no release ends inside of a match or a finding', () => {
    fc.assert(
      fc.property(
        cut,
        fc.constantFrom(...RULES),
        fc.constantFrom(...RULES),
        windows,
        (list, rule, inspector, { extra, every }) => {
          const run = pass(list, [filterOf(rule, extra)], { hold: inspector.bound, every, inspector })
          for (const [name, { came }] of textsOf(run.released)) {
            const whole = [rule, inspector].flatMap(({ pattern }) =>
              [...came.matchAll(pattern)].map((match) => [match.index, match.index + match[0].length] as const),
            )
            for (const end of run.cuts.get(name) ?? []) {
              expect(whole.filter(([start, stop]) => start < end && end < stop)).toEqual([])
            }
          }
          expectNothingLeft(run, list)
          // Each finding is counted once, however often its text was looked at.
          const all = [...textsOf(run.released).values()].flatMap(({ came }) => [...came.matchAll(inspector.pattern)])
          expect(run.lanes.facts().reduce((sum, { count }) => sum + count, 0)).toBe(all.length)
        },
      ),
      RUNS,
    )
  })

  test('held whole: nothing before the end, then everything', () => {
    fc.assert(
      fc.property(cut, fc.constantFrom(...RULES), (list, rule) => {
        const lanes = new Lanes()
        const filters = [filterOf(rule, 0), { name: 'whole', hold: 'whole' } as const]
        for (const event of list) {
          lanes.add(event)
          lanes.settle(filters, 0, false)
          // Events without text in front of the first text have nothing to be held for.
          for (const { event: early } of lanes.release())
            expect(early.parts.every(({ text }) => text === '')).toBe(true)
        }
        lanes.settle(filters, 0, true)
        for (const { came, went } of textsOf(lanes.release()).values()) {
          expect(went).toBe(applyEdits(came, editsOf(rule, came)))
        }
        expect(lanes.holding).toBe(0)
      }),
      { numRuns: 300 },
    )
  })
})

describe('time to the first token', () => {
  test('no more is held than the larger of the two bounds, and lanes with `@` are not held at all', () => {
    const lanes = new Lanes()
    const filter = filterOf({ pattern: /<[0-9]>/g, bound: 3, edits: replaced('#') }, 0)
    const went = [...'abcdefghij'].map((text, index) => {
      lanes.add(
        eventOf(
          [
            { lane: 'l', text },
            { lane: '@', text: 'gpt-4o' },
          ],
          index,
        ),
      )
      lanes.settle([filter], 2, false)
      return lanes.release().length
    })
    expect(went).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 1, 1])
    expect(lanes.heldCharacters()).toBe(3 + 3 * 'gpt-4o'.length)
  })
})

test.each([
  ['behind the text', { start: 0, end: 4, text: '' }],
  ['before it', { start: -1, end: 1, text: '' }],
  ['backwards', { start: 2, end: 1, text: '' }],
  ['at no whole place', { start: 0.5, end: 1, text: '' }],
])('an edit %s stops the answer', (_, edit) => {
  const lanes = new Lanes()
  lanes.add(eventOf([{ lane: 'l', text: 'abc' }], 0))
  expect(() => lanes.settle([{ name: 'wrong', hold: 0, edit: () => [edit] }], 0, false)).toThrow(/wrong/)
})

test('lanes that have ended are forgotten: a long stream costs each of its events the same', () => {
  const lanes = new Lanes()
  const began = performance.now()
  for (let index = 0; index < 40_000; index++) {
    lanes.add(
      eventOf(
        [
          { lane: '@', text: index % 2 === 0 ? '' : 'x' },
          { lane: '@', text: '' },
        ],
        index,
      ),
    )
    lanes.settle([], 8, false)
    expect(lanes.release().length).toBe(1)
    expect(lanes.heldCharacters()).toBe(0)
  }
  // With all lanes kept this is 1.6 billion steps: two minutes (measured).
  expect(performance.now() - began).toBeLessThan(5_000)
})

describe('a look costs what is new', () => {
  const MANY = 20_000
  /** One lane waits for more, and everything behind it with it: a lane of its own in each event. */
  const waiting = (lanes: Lanes, index: number): void => {
    lanes.add(eventOf([index === 0 ? { lane: 'first', text: 'a' } : { lane: '@', text: `${index} x@y` }], index))
  }

  test('inspectors are shown a text again only where it has grown; what they found stays', () => {
    const lanes = new Lanes()
    const began = performance.now()
    let shown = 0
    for (let index = 0; index < MANY; index++) {
      waiting(lanes, index)
      const segments = lanes.segments()
      shown += segments.length
      lanes.found(
        segments
          .filter(({ text }) => text.endsWith('x@y'))
          .map(({ pointer }) => ({ type: 'email', pointer, start: 0, end: 1, score: index / MANY })),
      )
      expect(lanes.facts()[0]?.count ?? 0).toBe(index)
      lanes.settle([], 8, false)
      expect(lanes.release()).toEqual([])
    }
    expect(shown).toBe(MANY)
    expect(lanes.facts()).toEqual([
      { type: 'email', count: MANY - 1, roles: ['assistant'], max_score: (MANY - 1) / MANY },
    ])
    expect(lanes.facts()).toBe(lanes.facts())
    lanes.settle([], 8, true)
    expect(lanes.release()).toHaveLength(MANY)
    expect(lanes.facts()[0]?.count).toBe(MANY - 1)
    // With all lanes and findings gone over at each look this is 400 million steps.
    expect(performance.now() - began).toBeLessThan(5_000)
  })

  test('filters are asked again only where a lane has grown or ended, where they are others, and at the end', () => {
    const lanes = new Lanes()
    const asked: string[] = []
    const filters: readonly Filter[] = [
      {
        name: 'counting',
        hold: 8,
        edit: ({ lane: name }) => {
          asked.push(name)
          return []
        },
      },
    ]
    const look = (given: readonly Filter[], final = false): readonly string[] => {
      asked.length = 0
      lanes.settle(given, 0, final)
      return [...asked]
    }
    for (const [index, name] of ['a', 'b', 'c'].entries()) lanes.add(eventOf([{ lane: name, text: 'x' }], index))
    expect(look(filters)).toEqual(['a', 'b', 'c'])
    expect(look(filters)).toEqual([])
    lanes.add(eventOf([{ lane: 'b', text: 'y' }], 3))
    lanes.add({ ...eventOf([], 4), closes: ['c'] })
    expect(look(filters)).toEqual(['b', 'c'])
    expect(look([...filters])).toEqual([])
    const more = [...filters, { name: 'another', hold: 2 }]
    expect(look(more)).toEqual(['a', 'b', 'c'])
    expect(look(more)).toEqual([])
    expect(look([...more, { name: 'longer', hold: 9 }])).toEqual(['a', 'b', 'c'])
    expect(look(filters, true)).toEqual(['a', 'b', 'c'])
    expect(lanes.release()).toHaveLength(5)
  })

  test('where one finding lies over the next, nothing is gone over again that cannot leave', () => {
    const lanes = new Lanes()
    const spans = [
      [0, 4],
      [3, 8],
      [7, 11],
    ] as const
    lanes.add(eventOf([{ lane: 'l', text: '012' }], 0))
    lanes.add(eventOf([{ lane: 'l', text: '3456789ab' }], 1))
    lanes.segments()
    lanes.found(spans.map(([start, end]) => ({ type: 'X', pointer: 'l', start, end, score: 1 })))
    lanes.settle([], 2, false)
    expect(lanes.release()).toEqual([])
    lanes.settle([], 2, true)
    expect(lanes.release()).toHaveLength(2)
  })
})
