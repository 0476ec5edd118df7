import { describe, expect, test } from 'vitest'
import type { ModelEvent } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/json.ts'
import type { Discharged, Filter, LaneView, Plugin } from '../../src/core/plugin.ts'
import { Lanes } from '../../src/pipeline/lanes.ts'
import { openaiAnswer, openaiStream } from '../kit/index.ts'
import { type Played, play, type Scene } from './scene.ts'

/** What plugins say of an attempt is on record; a filter says of each lane how much waits, and may refuse; who reads answers only where asked. */

const SAID = 'one two three four five six'
const obligations = [{ type: 'leave', params: {} }]
const forms = [
  ['whole', { streamed: false, chunks: [JSON.stringify(openaiAnswer({ texts: [SAID] }))] }],
  ['streamed', { streamed: true, chunks: openaiStream({ texts: [SAID] }) }],
] satisfies readonly (readonly [string, Scene])[]

const leaving = (done: Partial<Extract<Discharged, { met: true }>>, more: Partial<Plugin> = {}): Plugin => ({
  name: 'leaving',
  ...more,
  discharge: { leave: { stage: 'redact', request: () => ({ met: true, ...done }) } },
})
const body = ({ records }: Played, kind: string) => records.find((record) => record.kind === kind)?.body
const large = { much: 'x'.repeat(2_000) }
const filterOf = (notes: () => Readonly<Record<string, Json>>): Filter => ({ name: 'filter', hold: 0, notes })

describe.each(forms)('%s', (_, form) => {
  test('of a discharge in the intent, of a filter in the outcome', async () => {
    const plugins = [leaving({ notes: { PERSON: { token: 2 } }, filter: filterOf(() => ({ restored: 3 })) })]
    const played = await play({ ...form, plugins, obligations: [...obligations, { type: 'leave', params: { a: 1 } }] })
    const twice = { leaving: { PERSON: { token: 2 } }, 'leaving.2': { PERSON: { token: 2 } } }
    expect(body(played, 'call.intent')?.notes).toEqual(twice)
    expect(body(played, 'call.outcome')?.notes).toEqual({ filter: { restored: 3 }, 'filter.2': { restored: 3 } })
  })

  test('nobody says anything: no member', async () => {
    const played = await play(form)
    expect(body(played, 'call.intent')).not.toHaveProperty('notes')
    expect(body(played, 'call.outcome')).not.toHaveProperty('notes')
  })

  test('more of a discharge than a record has room for: nothing is sent', async () => {
    const played = await play({ ...form, plugins: [leaving({ notes: large })], obligations })
    expect(body(played, 'call.intent')).toBeUndefined()
    expect(played.status).toBe(500)
  })

  test.each<[string, () => Readonly<Record<string, Json>>]>([
    ['more', () => large],
    ['no JSON', () => ({ sum: Number.NaN })],
    [
      'a failure',
      () => {
        throw new Error('a sum gone wrong')
      },
    ],
  ])('%s of a filter: the outcome is on record without it', async (_, notes) => {
    const filters = leaving({ filter: filterOf(notes) })
    const played = await play({ ...form, plugins: [filters], obligations })
    expect(body(played, 'call.outcome')).toMatchObject({ ending: 'complete' })
    expect(body(played, 'call.outcome')).not.toHaveProperty('notes')
  })

  test('a filter that refuses denies the answer, or cuts it off, with its rule', async () => {
    const filter: Filter = {
      name: 'refusing',
      hold: 0,
      edit: ({ text }) => {
        if (!text.includes('four')) return []
        throw new CustomhouseError('ERR_POLICY_DENIED', 'not that one', { detail: { rule: 'unmet/unredactable' } })
      },
    }
    const played = await play({ ...form, plugins: [leaving({ filter })], obligations })
    expect(body(played, 'call.outcome')).toMatchObject({
      ending: form.streamed ? 'cut_off' : 'denied',
      reasons: [{ rule: 'unmet/unredactable', message: 'not that one' }],
    })
    expect(played.text).not.toContain('four')
  })

  test('a filter that fails is our failure', async () => {
    const filter: Filter = {
      name: 'failing',
      hold: 0,
      edit: () => {
        throw new Error('broken')
      },
    }
    const played = await play({ ...form, plugins: [leaving({ filter })], obligations })
    expect(body(played, 'call.outcome')).toMatchObject({ ending: 'failed' })
    expect(played.text).not.toContain('one')
  })

  test('an inspector that reads answers where asked reads none else, and holds nothing back', async () => {
    const read: string[] = []
    const asked: Partial<Plugin> = {
      answers: 'asked',
      span: 1_000,
      inspect: async (phase, segments) => {
        if (phase === 'response') read.push(...segments.map(({ text }) => text))
        return []
      },
    }
    const unasked = await play({ ...form, plugins: [leaving({}, asked)], obligations })
    expect(read).toEqual([])
    expect(unasked.text).toContain('six')
    await play({ ...form, plugins: [leaving({ inspects: true }, asked)], obligations })
    expect(read.join('')).toContain('three')
  })
})

const event = (text: string, more: Readonly<{ closes?: readonly string[] }> = {}): ModelEvent => ({
  kind: 'delta',
  frame: text,
  parts: [{ lane: 'l', pointer: '/l', role: 'assistant', channel: 'text', text }],
  ...more,
})
const frames = (lanes: Lanes): readonly unknown[] => lanes.release().map(({ event: { frame } }) => frame)

describe('how much of a lane waits', () => {
  test('is what the filter says of it, and not its hold', () => {
    const filter: Filter = { name: 'f', hold: 100, edit: () => [], waits: ({ text }) => (text.endsWith('x') ? 1 : 0) }
    const lanes = new Lanes()
    const look = (text: string) => {
      lanes.add(event(text))
      lanes.settle([filter], 0, false)
      return frames(lanes)
    }
    expect(look('ab')).toEqual(['ab'])
    expect(look('cx')).toEqual([])
    expect(look('d')).toEqual(['cx', 'd'])
  })

  test('is at least what others hold', () => {
    const filter: Filter = { name: 'f', hold: 100, edit: () => [], waits: () => 0 }
    for (const [filters, hold] of [
      [[filter], 3],
      [[filter, { name: 'g', hold: 3 }], 0],
    ] as const) {
      const lanes = new Lanes()
      lanes.add(event('ab'))
      lanes.settle(filters, hold, false)
      expect(frames(lanes)).toEqual([])
      lanes.add(event('cde'))
      lanes.settle(filters, hold, false)
      expect(frames(lanes)).toEqual(['ab'])
    }
  })

  test('ends with the lane', () => {
    const filter: Filter = { name: 'f', hold: 100, edit: () => [], waits: () => 100 }
    const lanes = new Lanes()
    lanes.add(event('ab', { closes: ['l'] }))
    lanes.settle([filter], 0, false)
    expect(frames(lanes)).toEqual(['ab'])
  })

  test.each([101, -1, 0.5, Number.NaN])('%d is none: nothing is released', (waits) => {
    const lanes = new Lanes()
    lanes.add(event('ab'))
    const filter: Filter = { name: 'f', hold: 100, edit: () => [], waits: () => waits }
    expect(() => lanes.settle([filter], 0, false)).toThrow(/no length within its hold/)
    expect(frames(lanes)).toEqual([])
  })
})

test('a filter is told where in its lane a text begins: also of a lane that emptied; one that begins anew after its end begins at 0', () => {
  const told: Pick<LaneView, 'text' | 'released' | 'final'>[] = []
  const filter: Filter = {
    name: 'f',
    hold: 0,
    edit: ({ text, released, final }) => {
      told.push({ text, released, final })
      return []
    },
  }
  const lanes = new Lanes()
  for (const one of [event('abc'), event('de', { closes: ['l'] }), event('f')]) {
    lanes.add(one)
    lanes.settle([filter], 0, false)
    lanes.release()
  }
  expect(told).toEqual([
    { text: 'abc', released: 0, final: false },
    { text: 'de', released: 3, final: true },
    { text: 'f', released: 0, final: false },
  ])
})
