import { describe, expect, test } from 'vitest'
import type { ModelEvent, Target } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Filter, Plugin } from '../../src/core/plugin.ts'
import type { Codec, Decoder } from '../../src/core/port.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { Lanes } from '../../src/pipeline/lanes.ts'
import { openaiAnswer, openaiStream } from '../kit/index.ts'
import { type Played, play, type Scene, TARGET } from './scene.ts'

/** Text that a provider has signed is read but never edited; lanes that have ended hold nothing back; a target may be some tenants' only. */

const SAID = 'one two three four five six'
const kinds = ({ records }: Played): readonly string[] => records.map(({ kind }) => kind)
const rules = ({ records }: Played): unknown => records.at(-1)?.body.reasons

/** The codec as it ships, with what its decoder gives out changed. */
function changed(change: (event: ModelEvent) => ModelEvent): Partial<Codec> {
  return {
    decode: (...args): Decoder => {
      const decoder = openaiChat.decode(...args)
      return { push: (chunk) => decoder.push(chunk).map(change), end: () => decoder.end().map(change) }
    },
  }
}

const signing = changed((event) => ({
  ...event,
  parts: event.parts.map((part) => (part.lane === 'choices/0/content' ? { ...part, signed: true } : part)),
}))

/** Leaves a filter for the answer, as a redaction does that puts back what it took out. */
const leaving = (filter: Filter): Plugin => ({
  name: 'leaving',
  discharge: { leave: { stage: 'redact', request: () => ({ met: true, filter }) } },
})
const obligations = [{ type: 'leave', params: {} }]
const editing: Filter = {
  name: 'editing',
  hold: 8,
  edit: ({ text }) => [...text.matchAll(/four/g)].map(({ index }) => ({ start: index, end: index + 4, text: '4' })),
}
const forms = [
  ['whole', { streamed: false, chunks: [JSON.stringify(openaiAnswer({ texts: [SAID] }))] }],
  ['streamed', { streamed: true, chunks: openaiStream({ texts: [SAID] }) }],
] satisfies readonly (readonly [string, Scene])[]

describe.each(forms)('%s', (_, form) => {
  test('an edit of signed text ends the answer, and nothing of that text comes after it', async () => {
    const played = await play({ ...form, codec: signing, plugins: [leaving(editing)], obligations })
    expect(kinds(played)).toEqual(['call.intent', 'call.outcome'])
    expect(rules(played)).toMatchObject([{ rule: 'base/signed-text', message: expect.stringContaining('editing') }])
    expect(played.outcomes[0]?.body.ending).toBe(form.streamed ? 'cut_off' : 'denied')
    expect(played.text).not.toContain('four')
  })

  test('a filter that leaves signed text alone is told that it is signed, and the text passes unchanged', async () => {
    const told = new Set<boolean>()
    const careful: Filter = {
      name: 'careful',
      hold: 8,
      edit: (lane) => {
        if (lane.text.includes('four')) told.add(lane.signed)
        return lane.signed ? [] : (editing.edit?.(lane) ?? [])
      },
    }
    const signed = await play({ ...form, codec: signing, plugins: [leaving(careful)], obligations })
    expect([...told]).toEqual([true])
    expect(signed.outcomes[0]?.body.ending).toBe('complete')
    expect(signed.text).toContain('four')
    const plain = await play({ ...form, plugins: [leaving(careful)], obligations })
    expect(plain.outcomes[0]?.body.ending).toBe('complete')
    expect(plain.text).not.toContain('four')
  })

  test.each([
    ['a call whose redaction would change what is signed', 'signed-text'],
    ['a call that asks for another place', 'place'],
  ])('%s is denied on record by its own rule, and nothing is sent', async (_, rule) => {
    const codec: Partial<Codec> = {
      write: () => {
        throw new CustomhouseError('ERR_POLICY_DENIED', 'The block at /messages/1 is signed.', { detail: { rule } })
      },
    }
    const played = await play({ ...form, codec })
    expect(kinds(played)).toEqual(['call.denied'])
    expect(rules(played)).toMatchObject([{ rule: `base/${rule}` }])
    expect([played.status, played.text.includes('is signed')]).toEqual([403, true])
  })

  test('where the first target cannot be written to, the next one is', async () => {
    const second: Target = { ...TARGET, id: 'one/gpt-4o-mini', model: 'gpt-4o-mini' }
    const codec: Partial<Codec> = {
      write: (call, target, ...rest) => {
        if (target.id === TARGET.id) throw new CustomhouseError('ERR_POLICY_DENIED', 'The block is signed.')
        return openaiChat.write(call, target, ...rest)
      },
    }
    const played = await play({ ...form, codec, targets: [TARGET, second] })
    expect(kinds(played)).toEqual(['call.intent', 'call.outcome'])
    expect(played.status).toBe(200)
  })

  test('a codec that fails with anything else is a fault of ours, not a denial', async () => {
    const codec: Partial<Codec> = {
      write: () => {
        throw new Error('broken')
      },
    }
    const played = await play({ ...form, codec })
    expect(played.status).toBe(500)
    expect(rules(played)).toMatchObject([{ rule: 'base/failed' }])
  })

  const only = (tenants: readonly string[] | null, id = TARGET.id): Target => ({ ...TARGET, id, tenants })
  test.each([
    ['any tenant', [only(null)], 200],
    ['this tenant', [only(['lab', 'claims'])], 200],
    ['another tenant', [only(['lab'])], 403],
    ['no tenant', [only([])], 403],
    ['another tenant first, then this one', [only(['lab']), only(['claims'], 'one/second')], 200],
  ])('a target with a credential for %s', async (_name, targets, status) => {
    const played = await play({ ...form, targets })
    expect(played.status).toBe(status)
    if (status === 200) expect(played.records[0]?.body.target).toMatchObject({ id: targets.at(-1)?.id })
    else expect(rules(played)).toMatchObject([{ rule: 'base/no-credential' }])
  })
})

describe('lanes that end', () => {
  const delta = (lane: string, text: string, closes?: readonly string[]): ModelEvent => ({
    kind: 'delta',
    frame: text,
    parts: [{ lane, pointer: '/x', role: 'assistant', channel: 'text', text }],
    ...(closes === undefined ? {} : { closes }),
  })
  const released = (lanes: Lanes, filters: readonly Filter[], hold: number): readonly unknown[] => {
    lanes.settle(filters, hold, false)
    return lanes.release().map(({ event }) => event.frame)
  }

  test.each([
    ['an inspector', [], 100],
    ['a filter', [{ name: 'f', hold: 100 }], 0],
  ] as const)('hold nothing back for %s: what stands behind them goes on', (_, filters, hold) => {
    const lanes = new Lanes()
    lanes.add(delta('a', 'said'))
    expect(released(lanes, filters, hold)).toEqual([])
    lanes.add(delta('a', ' all', ['a']))
    lanes.add(delta('b', 'more'))
    expect(released(lanes, filters, hold)).toEqual(['said', ' all'])
    expect(lanes.segments().map(({ pointer, text }) => [pointer, text])).toEqual([['b', 'more']])
  })

  test('but for an answer that is held whole', () => {
    const lanes = new Lanes()
    lanes.add(delta('a', 'said', ['a']))
    expect(released(lanes, [{ name: 'f', hold: 'whole' }], 0)).toEqual([])
  })

  test('a filter hears that a lane has ended, and its edit at the very end is made', () => {
    const finals: boolean[] = []
    const tail: Filter = {
      name: 'tail',
      hold: 3,
      edit: ({ text, final }) => {
        finals.push(final)
        return final ? [{ start: text.length, end: text.length, text: '.' }] : []
      },
    }
    const lanes = new Lanes()
    lanes.add(delta('a', 'sa'))
    lanes.settle([tail], 0, false)
    lanes.add(delta('a', 'id', ['a']))
    lanes.settle([tail], 0, false)
    expect(finals).toEqual([false, true])
    expect(lanes.release().map(({ texts }) => texts)).toEqual([undefined, ['id.']])
  })

  test('closing a lane that was released already, or that never was, is nothing', () => {
    const lanes = new Lanes()
    lanes.add(delta('a', 'said'))
    expect(released(lanes, [], 0)).toEqual(['said'])
    lanes.add({ kind: 'delta', frame: 'stop', parts: [], closes: ['a', 'never'] })
    expect(released(lanes, [], 100)).toEqual(['stop'])
  })
})
