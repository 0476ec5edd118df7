import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LaneEdit } from '../../src/core/plugin.ts'
import { applyEdits, fits, mergeEdits } from '../../src/pipeline/edits.ts'

/** A text of distinct units, so that each unit of a result tells where it came from; new texts are of other units. */
const TEXT = Array.from({ length: 24 }, (_, i) => String.fromCharCode(0x61 + i)).join('')
const edit: fc.Arbitrary<LaneEdit> = fc
  .tuple(fc.nat(TEXT.length), fc.nat(TEXT.length), fc.constantFrom('', '0', '12'))
  .map(([a, b, text]) => ({ start: Math.min(a, b), end: Math.max(a, b), text }))

describe('mergeEdits', () => {
  test.each<[string, LaneEdit[], string]>([
    ['none', [], 'abcdef'],
    [
      'apart',
      [
        { start: 4, end: 5, text: '2' },
        { start: 0, end: 1, text: '1' },
      ],
      '1bcd2f',
    ],
    [
      'that touch stay two',
      [
        { start: 0, end: 2, text: '1' },
        { start: 2, end: 4, text: '2' },
      ],
      '12ef',
    ],
    [
      'that overlap: the earlier text over both',
      [
        { start: 0, end: 3, text: '1' },
        { start: 2, end: 5, text: '2' },
      ],
      '1f',
    ],
    [
      'one inside of the other',
      [
        { start: 2, end: 3, text: '2' },
        { start: 1, end: 5, text: '1' },
      ],
      'a1f',
    ],
    [
      'of one place: the longer first',
      [
        { start: 1, end: 2, text: '2' },
        { start: 1, end: 4, text: '1' },
      ],
      'a1ef',
    ],
    [
      'insertions at the two ends',
      [
        { start: 6, end: 6, text: '2' },
        { start: 0, end: 0, text: '1' },
      ],
      '1abcdef2',
    ],
    [
      'two insertions at one place',
      [
        { start: 3, end: 3, text: '1' },
        { start: 3, end: 3, text: '2' },
      ],
      'abc12def',
    ],
    [
      'an insertion inside of what is taken out',
      [
        { start: 1, end: 4, text: '1' },
        { start: 2, end: 2, text: '2' },
      ],
      'a1ef',
    ],
    [
      'an insertion after what is taken out',
      [
        { start: 1, end: 4, text: '1' },
        { start: 4, end: 4, text: '2' },
      ],
      'a12ef',
    ],
  ])('edits %s', (_, edits, wanted) => {
    expect(applyEdits('abcdef', mergeEdits(edits))).toBe(wanted)
  })

  test('any edits: sorted, apart, and exactly what no edit takes out stays', () => {
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 8 }), (edits) => {
        const given = structuredClone(edits)
        const merged = mergeEdits(edits)
        expect(edits).toEqual(given)
        for (let i = 1; i < merged.length; i++) {
          expect(merged[i]?.start).toBeGreaterThanOrEqual(merged[i - 1]?.end ?? 0)
        }
        const kept = [...TEXT].filter((_, at) => !edits.some(({ start, end }) => start <= at && at < end)).join('')
        expect(applyEdits(TEXT, merged).replaceAll(/[0-9]/g, '')).toBe(kept)
        expect(mergeEdits(merged)).toEqual(merged)
      }),
      { numRuns: 1_000 },
    )
  })
})

test.each<[LaneEdit, boolean]>([
  [{ start: 0, end: 0, text: '' }, true],
  [{ start: 0, end: 5, text: '' }, true],
  [{ start: 5, end: 5, text: 'x' }, true],
  [{ start: 0, end: 6, text: '' }, false],
  [{ start: -1, end: 2, text: '' }, false],
  [{ start: 3, end: 2, text: '' }, false],
  [{ start: 0.5, end: 2, text: '' }, false],
  [{ start: 0, end: Number.NaN, text: '' }, false],
  [{ start: 0, end: Number.POSITIVE_INFINITY, text: '' }, false],
])('%o within five units: %s', (candidate, wanted) => {
  expect(fits(candidate, 5)).toBe(wanted)
})
