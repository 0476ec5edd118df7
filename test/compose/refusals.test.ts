import { afterEach, expect, test } from 'vitest'
import { Refusals } from '../../src/compose/refusals.ts'
import { CustomhouseError, ERROR_CODES, type ErrorCode } from '../../src/core/errors.ts'
import type { AuditDraft, Ledger, Receipt } from '../../src/core/record.ts'

/** What is counted of strangers: no count is lost while the ledger has no room, and none is told twice. */

let refusals: Refusals | undefined
afterEach(() => refusals?.stop())

/** A ledger's port, with a volume that can be without room. */
function volume() {
  const written: AuditDraft[] = []
  const state = { room: true, slow: null as Promise<void> | null }
  const ledger: Pick<Ledger, 'append'> = {
    append: async (draft): Promise<Receipt> => {
      await state.slow
      if (!state.room) throw new CustomhouseError('ERR_LEDGER_UNAVAILABLE', 'no room')
      written.push(draft)
      return { seq: written.length, tseq: 0, id: '' }
    },
  }
  refusals = new Refusals(
    { ...ledger, failed: new Promise(() => undefined), health: () => 'ok', close: async () => undefined },
    3_600_000,
  )
  return { written, state, refusals }
}

const told = (written: readonly AuditDraft[]) => written.map(({ tenant, body }) => [tenant, body.counts])

test('a window has its begin and its end', async () => {
  const { written, refusals } = volume()
  const from = Date.now()
  refusals.count('ERR_IDENTITY_INVALID', null)
  await refusals.flush()
  const { since, until } = written[0]?.body ?? {}
  expect(Date.parse(String(since))).toBeGreaterThanOrEqual(from)
  expect(Date.parse(String(until))).toBeGreaterThanOrEqual(Date.parse(String(since)))
  expect(Date.parse(String(until))).toBeLessThanOrEqual(Date.now())
  expect(String(since)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
})

test('without room counts stay, with the begin that they had, and are written once there is some', async () => {
  const { written, state, refusals } = volume()
  const from = Date.now()
  state.room = false
  refusals.count('ERR_IDENTITY_INVALID', null)
  refusals.count('ERR_CALL_MALFORMED', 'claims')
  await refusals.flush()
  await refusals.flush()
  refusals.count('ERR_IDENTITY_INVALID', null)
  expect([written, refusals.pending]).toEqual([[], 3])
  const full = Date.now()
  await expect.poll(() => Date.now()).toBeGreaterThan(full)
  state.room = true
  await refusals.flush()
  expect(told(written)).toEqual([
    ['_gateway', { ERR_IDENTITY_INVALID: 2 }],
    ['claims', { ERR_CALL_MALFORMED: 1 }],
  ])
  const since = Date.parse(String(written[0]?.body.since))
  expect(since).toBeGreaterThanOrEqual(from)
  expect(since).toBeLessThanOrEqual(full)
  expect(refusals.pending).toBe(0)
  await refusals.flush()
  expect(written).toHaveLength(2)
})

test('a flush waits for the one before it, so that the last one has what that could not write', async () => {
  const { written, state, refusals } = volume()
  const hold = Promise.withResolvers<void>()
  state.slow = hold.promise
  state.room = false
  refusals.count('ERR_IDENTITY_MISSING', null)
  const first = refusals.flush()
  const last = refusals.flush()
  hold.resolve()
  await first
  state.room = true
  await last
  expect(told(written)).toEqual([['_gateway', { ERR_IDENTITY_MISSING: 1 }]])
})

test('what is kept has a bound: a number for each code and tenant, however many calls there are', async () => {
  const { written, state, refusals } = volume()
  state.room = false
  const codes = Object.keys(ERROR_CODES) as ErrorCode[]
  for (let i = 0; i < 200_000; i++)
    refusals.count(codes[i % codes.length] ?? 'ERR_CALL_MALFORMED', i % 3 === 0 ? null : 'claims')
  await refusals.flush()
  state.room = true
  await refusals.flush()
  expect(written).toHaveLength(2)
  const sizes = written.map(({ body }) => JSON.stringify(body).length)
  expect(Math.max(...sizes)).toBeLessThan(codes.length * 48 + 200)
  const all = written.flatMap(({ body }) => Object.values(body.counts as Record<string, number>))
  expect(all.reduce((sum, count) => sum + count, 0)).toBe(200_000)
})
