import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Finding } from '../../src/core/call.ts'
import type { FindingFact } from '../../src/core/decision.ts'
import { Tally } from '../../src/pipeline/tally.ts'

type Seen = Readonly<{ finding: Finding; role: string }>

const seen = fc
  .record({
    type: fc.constantFrom('email', 'iban', '__proto__'),
    score: fc.constantFrom(0, 0.25, 0.5, 1),
    role: fc.constantFrom('assistant', 'none', 'tool'),
  })
  .map(({ type, score, role }): Seen => ({ finding: { type, score, pointer: '/a', start: 0, end: 1 }, role }))

/** The same from the whole list, each time anew. */
function summed(list: readonly Seen[]): FindingFact[] {
  const types = [...new Set(list.map(({ finding }) => finding.type))].sort()
  return types.map((type) => {
    const own = list.filter(({ finding }) => finding.type === type)
    return {
      type,
      count: own.length,
      roles: [...new Set(own.map(({ role }) => role))].sort(),
      max_score: Math.max(...own.map(({ finding }) => finding.score)),
    }
  })
}

test('whatever comes, goes and stays: the facts are those of the whole list', () => {
  const steps = fc.array(
    fc.record({ what: fc.constantFrom('add', 'add', 'remove', 'keep' as const), seen, at: fc.nat() }),
  )
  fc.assert(
    fc.property(steps, (list) => {
      const tally = new Tally()
      const waiting: Seen[] = []
      const past: Seen[] = []
      expect(tally.facts()).toEqual([])
      for (const step of list) {
        const [one] = step.what === 'add' ? [step.seen] : waiting.splice(step.at % (waiting.length || 1), 1)
        if (one === undefined) continue
        const before = tally.facts()
        if (step.what === 'add') {
          tally.add(one.finding, one.role)
          waiting.push(one)
        } else if (step.what === 'remove') tally.remove(one.finding, one.role)
        else {
          tally.keep(one.finding)
          past.push(one)
          expect(tally.facts()).toBe(before)
        }
        expect(tally.facts()).toEqual(summed([...past, ...waiting]))
      }
    }),
    { numRuns: 500 },
  )
})
