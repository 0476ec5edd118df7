import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RequestInput, TargetInput } from '../../src/core/decision.ts'
import type { Generation } from '../../src/core/generation.ts'
import type { Json } from '../../src/core/json.ts'
import type { Plugin } from '../../src/core/plugin.ts'
import { Memo } from '../../src/policy/memo.ts'
import { play, TARGET } from './scene.ts'

/** What plugins tell is what the policy judges, at this call and not at an earlier one; who cannot tell takes the target out. */

const OTHER = { ...TARGET, id: 'one/other' }

/** Calls through one and the same generation; the policy denies everything, and what it was shown is kept. */
function calls(plugins: readonly Plugin[], limits: Partial<Generation['limits']> = {}, targets = [TARGET]) {
  const shown: TargetInput[][] = []
  let kept: Generation | undefined
  const request = (input: RequestInput) => {
    shown.push([...input.targets])
    const verdict = {
      effect: 'deny' as const,
      reasons: [{ control: 'c', rule: 'c/no', controls: [], message: 'No.' }],
      obligations: [],
    }
    const verdicts = new Map(input.targets.map(({ id }) => [id, verdict]))
    return { id: 'd', phase: 'request' as const, revision: 'r', targets: verdicts, order: [], choose: null, fuel: 1 }
  }
  const once = async () => {
    const played = await play({
      plugins,
      limits,
      targets: targets.map((one) => ({ ...one })),
      decider: { request },
      generation: (made) => {
        kept ??= made
        return kept
      },
    })
    return { ...played, denied: JSON.stringify(played.records.find(({ kind }) => kind === 'call.denied')?.body) }
  }
  return { once, shown }
}

const memo = Memo.of<number>({ paths: [['targets']], whole: false, volatile: false })
const keyOf = (targets: readonly TargetInput[]): string | undefined =>
  memo?.key({ phase: 'request', targets, context: { controls: [] } } as unknown as RequestInput)

describe('a fact is what was told at this call', () => {
  test('a plugin that goes on working on what it told', async () => {
    const live: { level: number; deep: { n: number } } = { level: 0, deep: { n: 0 } }
    const shallow: Readonly<{ deep: { n: number } }> = Object.freeze({ deep: { n: 0 } })
    const { once, shown } = calls([
      { name: 'live', facts: () => live },
      { name: 'shallow', facts: () => shallow },
    ])
    const keys = new Set<string | undefined>()
    for (let n = 0; n < 3; n++) {
      live.level = n
      shallow.deep.n = n
      await once()
      keys.add(keyOf(shown[n] ?? []))
      live.level = 99
      shallow.deep.n = 99
    }
    expect(shown.map(([one]) => one?.facts)).toEqual(
      [0, 1, 2].map((n) => ({ live: { level: n, deep: { n: 0 } }, shallow: { deep: { n } } })),
    )
    expect(keys.size).toBe(3)
  })

  test('whatever is told, by whomever, in whatever order, and changed meanwhile', async () => {
    const value = fc.jsonValue().map((one) => one as Json)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(value, value), { minLength: 2, maxLength: 5 }), async (told) => {
        let turn = 0
        const { once, shown } = calls([
          { name: 'a', facts: () => told[turn]?.[0] ?? null },
          { name: 'b', facts: async () => told[turn]?.[1] ?? null },
        ])
        for (turn = 0; turn < told.length; turn++) await once()
        const texts = shown.map(([one]) => JSON.stringify(one?.facts))
        expect(texts).toEqual(told.map(([a, b]) => JSON.stringify({ a: a ?? null, b: b ?? null })))
      }),
      { numRuns: 50 },
    )
  })

  test('the same frozen fact is the same target; everything of it is frozen', async () => {
    const fact = Object.freeze({ place: Object.freeze(['DE']) })
    const { once, shown } = calls([{ name: 'still', facts: () => fact }])
    await once()
    await once()
    const [[first] = [], [second] = []] = shown
    expect(first).toBe(second)
    expect(first?.facts.still).toBe(fact)
    const open = (one: unknown): boolean =>
      typeof one === 'object' && one !== null && (!Object.isFrozen(one) || Object.values(one).some(open))
    expect(open(first)).toBe(false)
  })
})

describe('who cannot tell takes the target out', () => {
  const never = new Promise<Json>(() => undefined)
  test.each<[string, Plugin['facts']]>([
    ['nothing', (() => undefined) as unknown as Plugin['facts']],
    ['nothing, in the end', (async () => undefined) as unknown as Plugin['facts']],
    ['a function', (() => () => 1) as unknown as Plugin['facts']],
    ['no number', () => Number.NaN],
    [
      'what refers to itself',
      () => {
        const round: Record<string, Json> = {}
        round.round = round
        return round
      },
    ],
    [
      'an error',
      () => {
        throw new Error('no')
      },
    ],
    ['a rejection', () => Promise.reject(new Error('no'))],
    ['too late', () => never],
  ])('%s', async (_, facts) => {
    const teller: Plugin = {
      name: 'odd',
      facts: (call, target) => (target.id === TARGET.id ? (facts?.(call, target) as Json) : 1),
    }
    const { once, shown } = calls([teller], { inspectMs: 50 }, [TARGET, OTHER])
    const { journal, denied } = await once()
    expect(shown.map((targets) => targets.map(({ id }) => id))).toEqual([[OTHER.id]])
    expect(journal).toContain('report facts of odd failed')
    expect(denied).toContain('base/facts-failed')
  })

  test('where none is left the call is denied, in the time that the limit gives', async () => {
    const { once, shown } = calls([{ name: 'late', facts: () => never }], { inspectMs: 50 }, [TARGET, OTHER])
    const from = performance.now()
    const { denied, status } = await once()
    expect(performance.now() - from).toBeLessThan(2_000)
    expect(status).toBe(403)
    expect(shown).toEqual([])
    expect(denied).toContain('base/facts-failed')
  })
})
