import { describe, expect, test } from 'vitest'
import { bytesNeeded, tooLow } from '../../src/audit/room.ts'
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
  expect(tooLow(4_096)).toMatchObject({ code: 'ERR_LEDGER_UNAVAILABLE', detail: { free: 4_096 } })
})
