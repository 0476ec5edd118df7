import { type Cursor, malformed, readByte, readU32, skip, skipLeb } from './module.ts'

export const LOOP = 0x03
export const CALL = 0x10
export const CALL_INDIRECT = 0x11

/**
 * Reads one instruction and answers its opcode (WebAssembly Core 5.4). Known: the MVP, sign extension and saturating
 * conversion; these are what LLVM and OPA emit. Anything else is refused, since what cannot be read cannot be metered. So is table.grow and
 * its like: the only thing that a policy may grow is its capped memory.
 *
 * @param globals how many globals there are. One beyond them is refused here: the engine would take it for the fuel that is added.
 */
export function readInstruction(cursor: Cursor, globals: number): number {
  const at = cursor.at
  const opcode = readByte(cursor)
  if (opcode >= 0x45 && opcode <= 0xc4) return opcode
  if (opcode >= 0x20 && opcode <= 0x24) {
    const index = readU32(cursor)
    if (opcode >= 0x23 && index >= globals) throw malformed('a global that there is not', at)
    return opcode
  }
  if (opcode >= 0x28 && opcode <= 0x3e) {
    if (readU32(cursor) > 4) throw malformed('an alignment that means another memory', at)
    readU32(cursor)
    return opcode
  }
  switch (opcode) {
    case 0x00:
    case 0x01:
    case 0x05:
    case 0x0b:
    case 0x0f:
    case 0x1a:
    case 0x1b:
      return opcode
    case 0x02:
    case LOOP:
    case 0x04:
      skipLeb(cursor, 33)
      return opcode
    case 0x0c:
    case 0x0d:
    case CALL:
      readU32(cursor)
      return opcode
    case 0x0e:
      for (let left = readU32(cursor); left >= 0; left -= 1) readU32(cursor)
      return opcode
    case CALL_INDIRECT:
      readU32(cursor)
      readU32(cursor)
      return opcode
    case 0x3f:
    case 0x40:
      skip(cursor, 1)
      return opcode
    case 0x41:
      skipLeb(cursor, 33)
      return opcode
    case 0x42:
      skipLeb(cursor, 64)
      return opcode
    case 0x43:
      skip(cursor, 4)
      return opcode
    case 0x44:
      skip(cursor, 8)
      return opcode
    case 0xfc:
      readExtended(cursor, at)
      return opcode
    default:
      throw malformed(`opcode 0x${opcode.toString(16)}`, at)
  }
}

/** Saturating conversions (0 to 7). Bulk memory is refused: one instruction of it may touch all memory, and OPA's compiler emits none. */
function readExtended(cursor: Cursor, at: number): void {
  const code = readU32(cursor)
  if (code > 7) throw malformed(`opcode 0xfc ${code}`, at)
}
