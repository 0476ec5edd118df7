import { describe, expect, test } from 'vitest'
import { bytesNeeded, KEYS_MIN_BYTES, tooLow, wantFor } from '../../src/audit/room.ts'
import { type AuditDraft, CLOSING_KINDS, LEAF_MAX_BYTES, type RecordKind } from '../../src/core/record.ts'

/** What may still be written when the volume is almost full, and in which order kinds of records are refused. */

const MIN_FREE = 16 * 1024 * 1024
/** What the end of one open call is given. */
const END = bytesNeeded('call.intent', MIN_FREE, 1) - bytesNeeded('call.intent', MIN_FREE, 0)

const BEGINNING: readonly RecordKind[] = ['call.intent', 'call.denied', 'access.refused']
const OWN: readonly RecordKind[] = [
  'call.progress',
  'policy.activated',
  'policy.rejected',
  'config.activated',
  'config.rejected',
  'ledger.opened',
  'ledger.closed',
  'ledger.restored',
]

describe('the free bytes without which a record is refused', () => {
  test.each(CLOSING_KINDS)('%s, an end: none, whatever the mark and however many are open', (kind) => {
    for (const minFree of [0, 1, MIN_FREE, Number.MAX_SAFE_INTEGER])
      for (const open of [0, 1, 10_000]) expect(bytesNeeded(kind, minFree, open)).toBeLessThan(0)
  })

  test.each(BEGINNING)('%s, a beginning: the mark, and room for the end of each open call', (kind) => {
    expect(bytesNeeded(kind, MIN_FREE, 0)).toBe(MIN_FREE)
    expect(bytesNeeded(kind, MIN_FREE, 3)).toBe(MIN_FREE + 3 * END)
    expect(bytesNeeded(kind, 0, 3)).toBe(3 * END)
  })

  test.each(OWN)("%s, the gateway's own: below the mark, but never out of the room of the ends", (kind) => {
    const alone = bytesNeeded(kind, MIN_FREE, 0)
    expect(alone).toBeLessThan(MIN_FREE)
    // At its largest it fits.
    expect(alone).toBeGreaterThanOrEqual(LEAF_MAX_BYTES)
    expect(bytesNeeded(kind, MIN_FREE, 3)).toBe(alone + 3 * END)
    // A mark that is lower still is the mark.
    expect(bytesNeeded(kind, 1, 0)).toBe(1)
  })

  test('the room for an end is more than the largest one of ours takes', () => {
    const end: AuditDraft['body'] = {
      ending: 'client_gone',
      status: 499,
      code: 'x'.repeat(64),
      message: 'x'.repeat(2_000),
    }
    expect(END).toBeGreaterThan(JSON.stringify(end).length * 2)
  })
})

test('a want of room says how much there is, and is told from a failure by it', () => {
  const want = tooLow("The ledger's volume", 'state', 4_096)
  expect(want).toMatchObject({ code: 'ERR_LEDGER_UNAVAILABLE', detail: { free: 4_096, volume: 'state' } })
})

test.each<[string, number, number, (string | undefined)[]]>([
  ['both have room', 2 * MIN_FREE, KEYS_MIN_BYTES, [undefined, undefined, undefined]],
  ['the log lacks it', 0, KEYS_MIN_BYTES, ['state', 'state', undefined]],
  ['the keys lack it', 2 * MIN_FREE, KEYS_MIN_BYTES - 1, ['keys', undefined, undefined]],
])('of the two volumes %s: a beginning, our own, an end', (_, free, keysFree, volumes) => {
  const kinds: readonly RecordKind[] = ['call.intent', 'policy.activated', 'call.outcome']
  expect(kinds.map((kind) => wantFor(kind, { free, keysFree }, MIN_FREE, 0)?.detail.volume)).toEqual(volumes)
})
