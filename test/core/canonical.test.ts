import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CANONICAL_MAX_DEPTH, canonical } from '../../src/core/canonical.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/json.ts'

/** IEEE 754 bits and their text: RFC 8785 appendix B. */
const NUMBERS: readonly (readonly [string, string])[] = [
  ['0000000000000000', '0'],
  ['8000000000000000', '0'],
  ['0000000000000001', '5e-324'],
  ['8000000000000001', '-5e-324'],
  ['7fefffffffffffff', '1.7976931348623157e+308'],
  ['ffefffffffffffff', '-1.7976931348623157e+308'],
  ['4340000000000000', '9007199254740992'],
  ['c340000000000000', '-9007199254740992'],
  ['4430000000000000', '295147905179352830000'],
  ['44b52d02c7e14af5', '9.999999999999997e+22'],
  ['44b52d02c7e14af6', '1e+23'],
  ['44b52d02c7e14af7', '1.0000000000000001e+23'],
  ['444b1ae4d6e2ef4e', '999999999999999700000'],
  ['444b1ae4d6e2ef4f', '999999999999999900000'],
  ['444b1ae4d6e2ef50', '1e+21'],
  ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
  ['3eb0c6f7a0b5ed8d', '0.000001'],
  ['41b3de4355555553', '333333333.3333332'],
  ['41b3de4355555554', '333333333.33333325'],
  ['41b3de4355555555', '333333333.3333333'],
  ['41b3de4355555556', '333333333.3333334'],
  ['41b3de4355555557', '333333333.33333343'],
  ['becbf647612f3696', '-0.0000033333333333333333'],
  ['43143ff3c1cb0959', '1424953923781206.2'],
]

describe('RFC 8785', () => {
  test.each(NUMBERS)('appendix B: %s is %s', (bits, text) => {
    expect(canonical(Buffer.from(bits, 'hex').readDoubleBE())).toBe(text)
  })

  test('section 3.2.2 and 3.2.3: the example', () => {
    const text =
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}'
    expect(canonical(JSON.parse(text))).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
  })

  test('section 3.2.3: members are sorted by UTF-16 code units', () => {
    const names = ['\u20ac', '\r', '\ufb33', '1', '\u{1f600}', '\u0080', '\u00f6']
    const value = Object.fromEntries(names.map((name) => [name, 0]))
    expect(Object.keys(JSON.parse(canonical(value)))).toHaveLength(7)
    expect([...canonical(value).matchAll(/"((?:[^"\\]|\\.)+)":/g)].map((match) => JSON.parse(`"${match[1]}"`))).toEqual(
      ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\u{1f600}', '\ufb33'],
    )
  })
})

const json = fc.jsonValue({ maxDepth: 5, stringUnit: 'binary' }).filter((value) => JSON.stringify(value).isWellFormed())

test('agrees with the canonicalize package on any value', () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(canonical(value as Json)).toBe(canonicalize(value))
    }),
    { numRuns: 2_000 },
  )
})

test('a canonical text is its own canonical form, and the same value', () => {
  fc.assert(
    fc.property(json, (value) => {
      const text = canonical(value as Json)
      expect(canonical(JSON.parse(text))).toBe(text)
      expect(JSON.stringify(JSON.parse(text)).length).toBe(text.length)
    }),
  )
})

test('does not depend on the order of members', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.integer()), (value) => {
      expect(canonical(Object.fromEntries(Object.entries(value).reverse()))).toBe(canonical(value))
    }),
  )
})

test('a member named __proto__ is a member like any other', () => {
  expect(canonical(JSON.parse('{"z":1,"__proto__":{"a":2}}'))).toBe('{"__proto__":{"a":2},"z":1}')
})

const nested = (depth: number): Json => {
  let value: Json = 0
  for (let i = 0; i < depth; i++) value = [value]
  return value
}

describe('refuses what has no canonical form', () => {
  test.each<[string, unknown]>([
    ['NaN', Number.NaN],
    ['Infinity', { a: [Number.POSITIVE_INFINITY] }],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['a lone high surrogate', 'a\ud800'],
    ['a lone low surrogate', ['\udc00a']],
    ['a lone surrogate in a name', { '\ud800': 1 }],
    ['undefined', undefined],
    ['a member that is undefined', { a: undefined }],
    ['a hole', [undefined]],
    ['a bigint', 1n],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['a function', () => 0],
    ['too deep a value', nested(CANONICAL_MAX_DEPTH + 1)],
  ])('%s', (_, value) => {
    let thrown: unknown
    try {
      canonical(value as Json)
    } catch (error) {
      thrown = error
    }
    expect(isCustomhouseError(thrown, 'ERR_GATEWAY_INTERNAL')).toBe(true)
  })

  test('the deepest value still has one', () => {
    expect(canonical(nested(CANONICAL_MAX_DEPTH))).toHaveLength(2 * CANONICAL_MAX_DEPTH + 1)
  })
})
