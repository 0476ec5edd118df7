import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { retryAfterOf } from '../../src/pipeline/failures.ts'

const WALL = Date.parse('1994-11-06T08:49:00Z')

describe('what is no number and no HTTP date asks for nothing; a fraction is rounded up', () => {
  test.each([
    ['retry-after', '0', 0],
    ['retry-after', '7', 7_000],
    ['retry-after', '1.5', 1_500],
    ['retry-after', '0.5', 500],
    ['retry-after', '30.0', 30_000],
    ['retry-after', '0.0001', 1],
    ['retry-after', '999999999', 999_999_999_000],
    ['retry-after', '9999999999', null],
    ['retry-after', '-1', null],
    ['retry-after', '+1', null],
    ['retry-after', '1.', null],
    ['retry-after', '.5', null],
    ['retry-after', '1e3', null],
    ['retry-after', '5, 5', null],
    ['retry-after', '12s', null],
    ['retry-after', '10 s', null],
    ['retry-after', '1m', null],
    ['retry-after', ' 7', null],
    ['retry-after', '', null],
    ['retry-after', 'infinity', null],
    ['retry-after', '1994-11-06T08:49:37Z', null],
    ['retry-after', '1994-11-06', null],
    ['retry-after', 'Sun, 06 Nov 1994 08:49:37 GMT', 37_000],
    ['retry-after', 'Sunday, 06-Nov-94 08:49:37 GMT', 37_000],
    ['retry-after', 'Sun Nov  6 08:49:37 1994', 37_000],
    ['retry-after', 'Sun, 06 Nov 1994 08:48:37 GMT', 0],
    ['retry-after', 'Sun, 06 Nov 1994 08:49:37', null],
    ['retry-after', 'Sun, 06 Nov 1994 08:49:77 GMT', null],
    ['retry-after', 'Sun, 46 Nov 1994 08:49:37 GMT', null],
    ['retry-after-ms', '1500.25', 1_501],
    ['retry-after-ms', '70', 70],
    ['retry-after-ms', '-1', null],
    ['x-amz-retry-after', '0.5', 1],
  ])('%s: %j', (name, text, expected) => {
    expect(retryAfterOf({ [name]: text }, WALL)).toBe(expected)
  })

  test('a finer word that cannot be understood leaves the coarser one', () => {
    expect(retryAfterOf({ 'retry-after-ms': '-5', 'retry-after': '2' }, WALL)).toBe(2_000)
  })

  test('whatever a provider says: nothing, or a whole time that is not over already', () => {
    const names = fc.constantFrom('retry-after', 'retry-after-ms', 'x-amz-retry-after')
    const word = fc.oneof(
      fc.string(),
      fc.stringMatching(/^[-+]?[0-9]{0,11}[.,]?[0-9]{0,8}[a-z ]?$/),
      fc.double().map(String),
    )
    fc.assert(
      fc.property(names, word, (name, text) => {
        const ms = retryAfterOf({ [name]: text }, WALL)
        const asks = /^[0-9]{1,9}(\.[0-9]{1,6})?$/.test(text)
        if (!asks) return ms === null
        return ms !== null && Number.isInteger(ms) && ms >= Number(text) * (name === 'retry-after' ? 1_000 : 1)
      }),
    )
  })
})
