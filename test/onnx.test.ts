import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Model, names } from '../examples/onnx/names.ts'
import { wordPieces } from '../examples/onnx/wordpiece.ts'
import type { CallFacts, Segment } from '../src/core/call.ts'
import { ROOT } from './house.ts'

/** examples/onnx, but for the runtime and its weights, which are nobody's dependency here: a session of this test marks the pieces of two names. */

const PIECES = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  'ada',
  'love',
  '##lace',
  'un',
  '##aff',
  '##able',
  'jose',
  'x',
  ',',
  '.',
]
const vocabulary = PIECES.join('\n')
const cut = wordPieces(vocabulary)
const told = (text: string) => {
  const { ids, starts, ends } = cut(text)
  return ids.map((id, index) => [PIECES[id], text.slice(starts[index], ends[index])])
}

/** Cut, joined, composed, out of order, without width, halved. */
const UNITS = [
  'l',
  'O',
  've',
  'lace',
  ' ',
  '\n',
  '\u00e9',
  'e\u0301',
  '\u{1d49c}',
  '\ud55c',
  '\u4e2d',
  ',',
  '\u200b',
  '\u0130',
  '\ud800',
]

describe('WordPiece', () => {
  test.each([
    [
      'Unaffable',
      [
        ['un', 'Un'],
        ['##aff', 'aff'],
        ['##able', 'able'],
      ],
    ],
    [
      'Ada Lovelace, x.',
      [
        ['ada', 'Ada'],
        ['love', 'Love'],
        ['##lace', 'lace'],
        [',', ','],
        ['x', 'x'],
        ['.', '.'],
      ],
    ],
    ['JOS\u00c9', [['jose', 'JOS\u00c9']]],
    [
      'Jose\u0301 x',
      [
        ['jose', 'Jose'],
        ['x', 'x'],
      ],
    ],
    ['lace', [['[UNK]', 'lace']]],
    ['x'.repeat(101), [['[UNK]', 'x'.repeat(101)]]],
    [' \t\n', []],
  ])('%j', (text, pieces) => expect(told(text)).toEqual(pieces))

  test('its places lie in the text, in order', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...UNITS) }), (text) => {
        const { ids, starts, ends } = cut(text)
        const lies = ids.every((_, index) => {
          const [before = 0, start = -1, end = -1] = [starts[index - 1], starts[index], ends[index]]
          return start >= before && end > start && end <= text.length
        })
        expect(lies).toBe(true)
      }),
    )
  })
})

const LABELS = { 0: 'O', 1: 'B-SURNAME', 2: 'I-SURNAME', 3: 'B-CITY' }
let runs = 0
const model: Model = {
  vocabulary,
  labels: LABELS,
  types: { SURNAME: 'PERSON' },
  tensor: (ids) => ids,
  session: {
    run: async ({ input_ids: ids }) => {
      runs += 1
      if (!Array.isArray(ids)) throw new TypeError('no ids')
      const logits = ids.flatMap((id: unknown) => {
        const piece = PIECES[Number(id)]
        if (piece === 'ada' || piece === 'love' || piece === '##lace') return [0, 3, 3, 0]
        return piece === 'jose' ? [0, 0, 0, 9] : [9, 0, 0, 0]
      })
      return { logits: { data: Float32Array.from(logits) } }
    },
  },
}

describe('the inspector', () => {
  const facts = {} as CallFacts
  const segment = (text: string): Segment => ({ pointer: '/a', text, role: 'user', channel: 'text' }) as Segment
  const find = (text: string, signal = new AbortController().signal) =>
    names(model).inspect?.('request', [segment(text)], signal, facts)

  test('joins what follows each other, adds the doubt between B and I, and leaves labels without a type', async () => {
    const found = await find('x Ada  Lovelace, Jose')
    expect(found).toMatchObject([{ type: 'PERSON', pointer: '/a', start: 2, end: 15 }])
    expect(found?.[0]?.score).toBeCloseTo((2 * Math.exp(3)) / (2 * Math.exp(3) + 2))
  })

  test.each([253, 254, 255, 222, 238, 239, 476])(
    'finds a name wherever windows part the text: %i pieces before it',
    async (before) => {
      const text = `${'x '.repeat(before)}Ada Lovelace${' x'.repeat(600)}`
      expect(await find(text)).toMatchObject([{ start: before * 2, end: before * 2 + 12 }])
      expect(runs).toBeGreaterThan(3)
    },
  )

  test('whose time is over reads no further, and the next call is read', async () => {
    const plugin = names(model)
    const late = plugin.inspect?.('request', [segment('Ada')], AbortSignal.abort(new Error('late')), facts)
    const next = plugin.inspect?.('request', [segment('Ada')], new AbortController().signal, facts)
    await expect(late).rejects.toThrow('late')
    expect(await next).toHaveLength(1)
  })
})

test('the program on its page names every member of a model that is asked for', () => {
  const page = readFileSync(join(ROOT, 'examples/onnx/README.md'), 'utf8')
  for (const member of Object.keys(model)) expect(page).toMatch(new RegExp(`^  ${member}: `, 'm'))
})
