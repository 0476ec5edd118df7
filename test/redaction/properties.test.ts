import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Finding, Segment } from '../../src/core/call.ts'
import type { Json } from '../../src/core/json.ts'
import { redacted, restored } from './discharge-order.ts'

/** Values by type. None of them is part of another's, of a filling or of a token. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  PERSON: [
    'Ada Lovelace',
    'Lovelace',
    'ADA LOVELACE',
    'Jürgen Müller',
    'María-José O’Neill',
    '张伟明先',
    'Zoë "Zed" Ünal',
    'Zed',
  ],
  EMAIL: ['ada@lovelace.net', 'Ada@Lovelace.net', 'j.mueller@post.test'],
  PHONE: ['(415) 867-5309', '415-867-5309', '+49 30 901820'],
  CREDIT_CARD: ['4111 1111 1111 1111', '5555-5555-5555-4444', '4111111111111111'],
  IBAN: ['GB29 NWBK 6016 1331 9268 19', 'DE89370400440532013000'],
  DATE: ['1987-03-12', '03/12/1987', '12 March 1987', 'March 13, 1987', 'last Whitsun'],
  SSN: ['123-45-6789', '123 45 6789'],
  IP: ['8.8.4.4', '2a00:1450:4001::200e'],
  CUSTOMER_NO: ['KD-77-1234\\5', 'KD/"quoted"/1'],
}
const FILLINGS = [
  '',
  ' ',
  ', ',
  ' and ',
  ' \n',
  '. ',
  ' — ',
  ' 😀 ',
  ' e\u0301 ',
  ' (',
  ') ',
  ' <b> ',
  ' PERSON_1 ',
  ' _',
  ' \\ ',
  ' "',
  '" ',
  ' ü ',
]

type Piece = Readonly<{ type: string; value: string; before: string }>
type Turn = Readonly<{ pieces: readonly Piece[]; after: string; kind: 'text' | 'json' }>

const TYPES = Object.keys(VALUES)
const piece: fc.Arbitrary<Piece> = fc.constantFrom(...TYPES).chain((type) =>
  fc.record({
    type: fc.constant(type),
    value: fc.constantFrom(...(VALUES[type] ?? [])),
    before: fc.tuple(fc.constantFrom(...FILLINGS), fc.constantFrom(...FILLINGS)).map((parts) => parts.join('')),
  }),
)
const turn: fc.Arbitrary<Turn> = fc.record({
  pieces: fc.array(piece, { maxLength: 6 }),
  after: fc.constantFrom(...FILLINGS),
  kind: fc.constantFrom('text', 'json'),
})
const turns = fc.array(turn, { minLength: 1, maxLength: 6 })

/** Segments of turns with what was found in them. A value of a JSON text is one string of it, and found as it is written there. */
function built(all: readonly Turn[]): Readonly<{ segments: readonly Segment[]; findings: readonly Finding[] }> {
  const segments: Segment[] = []
  const findings: Finding[] = []
  all.forEach(({ pieces, after, kind }, i) => {
    const json = kind === 'json'
    const pointer = json ? `/messages/${i}/tool_calls/0/function/arguments` : `/messages/${i}/content`
    const written = (text: string): string => (json ? JSON.stringify(text).slice(1, -1) : text)
    let text = json ? '{"said":"' : ''
    for (const { type, value, before } of pieces) {
      // Values that touch would be one: a detector finds whole words.
      text += `${written(before)} `
      const start = text.length
      text += written(value)
      findings.push({ type, pointer, start, end: text.length, score: 1 })
      text += ' '
    }
    text += written(after) + (json ? '","n":1}' : '')
    segments.push(
      json
        ? { pointer, role: 'assistant', channel: 'tool', text, json, tool: 'send' }
        : { pointer, role: 'user', channel: 'text', text },
    )
  })
  return { segments, findings }
}

const params = (operator: Json): Readonly<Record<string, Json>> => ({ types: { '*': operator } })

async function sent(all: readonly Turn[], operator: Json, tenant = 't') {
  const { segments, findings } = built(all)
  return { segments, findings, ...(await redacted({ segments, findings, tenant, params: params(operator) })) }
}

function lane({ json, tool, channel }: Segment) {
  return { json: json === true, tool: tool ?? null, channel, role: 'assistant' as const }
}

/** Everything in order of pieces: the token of each, as it was sent. */
function standIns(made: Awaited<ReturnType<typeof sent>>): readonly string[] {
  return made.findings.map(
    ({ pointer, start }) => made.edits.find((edit) => edit.pointer === pointer && edit.start === start)?.text ?? '',
  )
}

const REVERSIBLE = ['token', 'surrogate'] as const
const ALL = ['token', 'surrogate', 'mask', 'hash', 'drop', { operator: 'generalise', to: 'type' }] as const

describe('for any texts, entities and order', () => {
  test.each(REVERSIBLE)('restore(redact(x)) = x for %s', async (operator) => {
    await fc.assert(
      fc.asyncProperty(turns, async (all) => {
        const { segments, texts, filter } = await sent(all, operator)
        texts.forEach((text, i) => {
          const segment = segments[i]
          if (segment !== undefined) expect(restored(filter, text, lane(segment))).toBe(segment.text)
        })
      }),
      { numRuns: 300 },
    )
  })

  test.each(REVERSIBLE)('no two values have one %s, and a value that is written alike has one', async (operator) => {
    await fc.assert(
      fc.asyncProperty(turns, async (all) => {
        const made = await sent(all, operator)
        const values = all.flatMap(({ pieces }) => pieces.map(({ type, value }) => `${type} ${value}`))
        const byToken = new Map<string, Set<string>>()
        standIns(made).forEach((token, i) => {
          byToken.set(token, (byToken.get(token) ?? new Set()).add(values[i] ?? ''))
        })
        for (const same of byToken.values()) expect(same.size).toBe(1)
        expect(byToken.size).toBe(new Set(values).size)
      }),
      { numRuns: 200 },
    )
  })

  test.each(REVERSIBLE)(
    'the same call with more turns is sent in the same bytes as far as it goes: %s',
    async (operator) => {
      await fc.assert(
        fc.asyncProperty(turns, turns, async (all, more) => {
          const before = await sent(all, operator)
          const after = await sent([...all, ...more], operator)
          expect(after.texts.slice(0, all.length)).toEqual(before.texts)
        }),
        { numRuns: 200 },
      )
    },
  )

  test('a token of another tenant or of a history with other numbers is put back only where type, number and value are the same', async () => {
    await fc.assert(
      fc.asyncProperty(turns, turns, fc.boolean(), async (all, others, same) => {
        const mine = await sent(all, 'token')
        const theirs = await sent(others, 'token', same ? 't' : 'u')
        const values = others.flatMap(({ pieces }) => pieces.map(({ value }) => value))
        standIns(theirs).forEach((token, i) => {
          const back = restored(mine.filter, token)
          if (back !== token) expect([same, back]).toEqual([true, values[i]])
        })
      }),
      { numRuns: 200 },
    )
  })

  test.each(ALL)('nothing of a value is left where its type is listed, and JSON stays JSON: %j', async (operator) => {
    await fc.assert(
      fc.asyncProperty(turns, async (all) => {
        const { segments, texts } = await sent(all, operator)
        const values = all.flatMap(({ pieces }) => pieces.map(({ value }) => value)).filter(({ length }) => length > 3)
        texts.forEach((text, i) => {
          for (const value of values) {
            expect(text).not.toContain(value)
            expect(text).not.toContain(JSON.stringify(value).slice(1, -1))
          }
          if (segments[i]?.json === true) expect(JSON.parse(text)).toMatchObject({ n: 1 })
        })
      }),
      { numRuns: 150 },
    )
  })

  test('no value stands in what is recorded of it, or in what is said where it cannot be done', async () => {
    await fc.assert(
      fc.asyncProperty(turns, fc.constantFrom(...ALL, 'refuse'), async (all, operator) => {
        const { segments, findings } = built(all)
        const said = await redacted({ segments, findings, params: params(operator) }).then(
          ({ done }) => JSON.stringify('notes' in done ? done.notes : null),
          (error: unknown) => String(error),
        )
        for (const { value } of all.flatMap(({ pieces }) => pieces)) expect(said).not.toContain(value)
      }),
      { numRuns: 100 },
    )
  })
})
