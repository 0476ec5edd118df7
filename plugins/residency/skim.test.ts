import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { membersIn } from './skim.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)

describe('skimming', () => {
  it('says what JSON.parse says, or nothing', () => {
    const noise = fc.oneof(
      fc.json(),
      fc.constantFrom('"', '{', '}', ',', ':', '\\u006d', '1e', '"model":"x"', '\u0000', '"Model":1'),
    )
    const text = fc.oneof(
      fc.tuple(noise, fc.string()).map(([value, name]) => `{"a":${value},"model":${JSON.stringify(name)}}`),
      fc.tuple(noise, fc.nat(20), noise).map(([one, cut, two]) => `{"model":"x","b":[${one}]}`.slice(0, cut) + two),
    )
    fc.assert(
      fc.property(text, (json) => {
        const found = membersIn(bytes(json), ['model'])
        if (found === null) return
        const parsed: unknown = JSON.parse(json)
        const said = Object(parsed).model
        expect(found.get('model')).toEqual(typeof said === 'string' ? said : found.has('model') ? null : undefined)
      }),
      { numRuns: 3000 },
    )
    expect(membersIn(bytes('{"\\u006dodel":"x"}'), ['model'])?.get('model')).toBe('x')
  })
})
