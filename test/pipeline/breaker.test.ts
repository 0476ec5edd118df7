import { expect, test } from 'vitest'
import { Breaker } from '../../src/pipeline/breaker.ts'

const limits = { failures: 2, windowMs: 100, restMs: 500, retryAfterMs: 300_000 }

/** One that has opened at the instant 10. */
function opened(): Breaker {
  const breaker = new Breaker()
  for (const now of [0, 10]) breaker.failed('k', 'connect', breaker.enter('k'), now, limits)
  return breaker
}

test('it opens after failures in a row within the window, and no others', () => {
  expect(opened().rest('k', 10)).toEqual({ ms: 500, kind: 'connect' })
  const slow = new Breaker()
  for (const now of [0, 100, 200]) slow.failed('k', 'connect', false, now, limits)
  expect(slow.rest('k', 200)).toBeNull()
  const mixed = new Breaker()
  for (const now of [0, 1, 2, 3]) {
    mixed.failed('k', 'timeout', false, now, limits)
    mixed.answered('k', now)
  }
  expect([mixed.rest('k', 3), mixed.size]).toEqual([null, 0])
  for (const kind of ['throttled', 'conflict', 'credential'] as const)
    for (const now of [4, 5, 6]) mixed.failed('k', kind, false, now, limits)
  expect(mixed.rest('k', 6)).toBeNull()
})

test('after its rest one call tries it, and no herd', () => {
  const breaker = opened()
  expect([breaker.state('k', 509), breaker.state('k', 510)]).toEqual(['open', 'half_open'])
  expect(breaker.rest('k', 510)).toBeNull()
  expect(breaker.enter('k')).toBe(true)
  for (let other = 0; other < 100; other++) expect(breaker.rest('k', 510 + other)).not.toBeNull()
})

test('a trial that fails opens it anew; one that is answered closes it, and one failure more opens it', () => {
  const failing = opened()
  failing.failed('k', 'server_error', failing.enter('k'), 600, limits)
  expect(failing.rest('k', 600)).toEqual({ ms: 500, kind: 'server_error' })
  const mending = opened()
  mending.began('k', mending.enter('k'), 600, limits)
  expect([mending.rest('k', 600), mending.state('k', 600)]).toEqual([null, 'closed'])
  mending.failed('k', 'connect', false, 601, limits)
  expect(mending.state('k', 601)).toBe('open')
})

test('a trial whose client leaves locks nothing', () => {
  const breaker = opened()
  breaker.left('k', breaker.enter('k'))
  expect([breaker.rest('k', 600), breaker.enter('k')]).toEqual([null, true])
})

test('calls that were under way when it opened make its rest no longer', () => {
  const breaker = opened()
  for (const now of [11, 11]) breaker.failed('k', 'connect', false, now, limits)
  expect(breaker.rest('k', 11)?.ms).toBe(499)
})

test('what has only asked for a slower pace is forgotten when its time is over', () => {
  const breaker = new Breaker()
  for (let tenant = 0; tenant < 20; tenant++) breaker.throttled(`k ${tenant}`, 'throttled', 1_000, 0, limits)
  expect([breaker.rest('k 0', 999)?.ms, breaker.size]).toEqual([1, 20])
  for (let tenant = 0; tenant < 20; tenant++) expect(breaker.rest(`k ${tenant}`, 1_000)).toBeNull()
  expect(breaker.size).toBe(0)
})

test('however many keys fail, no more than so many are kept', () => {
  const breaker = new Breaker()
  for (let key = 0; key < 40_000; key++) breaker.failed(String(key), 'connect', false, key, limits)
  expect(breaker.size).toBe(16_384)
})
