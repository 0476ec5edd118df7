import { randomFillSync } from 'node:crypto'

const POOL = Buffer.allocUnsafe(16 * 256)
let used = POOL.length
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function hex(offset: number, length: number): string {
  let text = ''
  for (let i = offset; i < offset + length; i++) text += HEX[POOL[i] ?? 0]
  return text
}

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
  return `${hex(at, 4)}-${hex(at + 4, 2)}-${hex(at + 6, 2)}-${hex(at + 8, 2)}-${hex(at + 10, 6)}`
}
