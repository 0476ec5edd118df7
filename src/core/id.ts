import { randomFillSync } from 'node:crypto'

const POOL = Buffer.allocUnsafe(16 * 256)
let used = POOL.length
/** A UUID of version 7 (RFC 9562 5.7): 48 bits of Unix milliseconds, the rest random. Randomness is drawn in bulk: it is asked for twice a call. */
export function newId(now: number = Date.now()): string {
  if (used === POOL.length) {
    randomFillSync(POOL)
    used = 0
  }
  const at = used
  used += 16
  POOL.writeUIntBE(now, at, 6)
  POOL[at + 6] = ((POOL[at + 6] ?? 0) & 0x0f) | 0x70
  POOL[at + 8] = ((POOL[at + 8] ?? 0) & 0x3f) | 0x80
  const hex = POOL.toString('hex', at, at + 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
