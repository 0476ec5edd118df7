import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Residency } from '../../src/core/call.ts'
import { within } from './index.ts'

const only = (place: string): Residency => ({ endpoint: [place], processing: [place], storage: [place] })

describe('within', () => {
  const places = fc.uniqueArray(fc.constantFrom('DE', 'FR', 'CH', 'US', '*'), { maxLength: 4 })
  const somewhere = fc.uniqueArray(fc.constantFrom('DE', 'FR', 'CH', 'US', '*'), { minLength: 1, maxLength: 4 })
  const known: fc.Arbitrary<Residency> = fc.record({ endpoint: somewhere, processing: somewhere, storage: places })
  const any: fc.Arbitrary<Residency> = fc.record({
    endpoint: fc.option(places),
    processing: fc.option(places),
    storage: fc.option(places),
  })
  const everywhere: Residency = only('*')

  it('is reflexive for the known, and `*` admits all of it', () => {
    fc.assert(
      fc.property(known, (a) => {
        expect(within(a, a)).toBe(true)
        expect(within(a, everywhere)).toBe(true)
      }),
    )
  })
  it('is transitive', () => {
    fc.assert(
      fc.property(any, any, any, (a, b, c) => !(within(a, b) && within(b, c)) || within(a, c)),
      { numRuns: 2000 },
    )
  })
  it('never admits the unknown, nor anything within the unknown', () => {
    fc.assert(
      fc.property(any, any, fc.constantFrom('endpoint', 'processing', 'storage'), (a, b, facet) => {
        expect(within({ ...a, [facet]: null }, b)).toBe(false)
        expect(within(a, { ...b, [facet]: null })).toBe(false)
      }),
    )
  })
  it('shrinks with the inner set and grows with the outer one', () => {
    fc.assert(
      fc.property(known, known, fc.constantFrom('DE', 'US', '*'), (a, b, place) => {
        const wider = { ...b, processing: [...(b.processing ?? []), place] }
        expect(within(a, b) && !within(a, wider)).toBe(false)
        const narrower = { ...a, processing: (a.processing ?? []).slice(0, 1) }
        expect(within(a, b) && !within(narrower, b)).toBe(false)
      }),
    )
  })
  it('admits `*` only in `*`, and an empty set for storage only', () => {
    expect(within(only('*'), only('DE'))).toBe(false)
    expect(within({ ...only('DE'), storage: [] }, only('DE'))).toBe(true)
    expect(within({ ...only('DE'), processing: [] }, only('DE'))).toBe(false)
    expect(within({ ...only('DE'), endpoint: [] }, everywhere)).toBe(false)
    expect(within(only('DE'), { ...only('DE'), storage: [] })).toBe(false)
  })
})
