import { CustomhouseError } from '../../core/errors.ts'

/** A cursor over WebAssembly bytes (WebAssembly Core 5.2: LEB128 integers, vectors, names). */
export type Cursor = { readonly bytes: Uint8Array; at: number }

export type Section = Readonly<{ id: number; start: number; end: number }>

export function malformed(what: string, at: number): CustomhouseError {
  return new CustomhouseError(
    'ERR_POLICY_BUNDLE',
    `policy.wasm is not a module that can be metered: ${what} at byte ${at}.`,
  )
}

export function readByte(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.at]
  if (byte === undefined) throw malformed('unexpected end', cursor.at)
  cursor.at += 1
  return byte
}

/** An unsigned LEB128 of at most 32 bits. */
export function readU32(cursor: Cursor): number {
  let value = 0
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = readByte(cursor)
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) {
      if (value > 0xffff_ffff) throw malformed('an integer beyond 32 bits', cursor.at)
      return value
    }
  }
  throw malformed('an integer beyond 32 bits', cursor.at)
}

/** Passes over a LEB128 of any sign, of at most `bits` bits. */
export function skipLeb(cursor: Cursor, bits: 33 | 64): void {
  const longest = bits === 33 ? 5 : 10
  for (let count = 0; count < longest; count += 1) if (readByte(cursor) < 0x80) return
  throw malformed(`an integer beyond ${bits} bits`, cursor.at)
}

export function skip(cursor: Cursor, count: number): void {
  if (cursor.at + count > cursor.bytes.length) throw malformed('unexpected end', cursor.at)
  cursor.at += count
}

export function readName(cursor: Cursor): string {
  const length = readU32(cursor)
  const start = cursor.at
  skip(cursor, length)
  return Buffer.from(cursor.bytes.buffer, cursor.bytes.byteOffset + start, length).toString('utf8')
}

export function u32(value: number): number[] {
  const out: number[] = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    out.push(rest > 0 ? low | 0x80 : low)
  } while (rest > 0)
  return out
}

/** The sections of a module, in the order of the file. */
export function sectionsOf(bytes: Uint8Array): Section[] {
  const magic = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
  if (magic.some((byte, index) => bytes[index] !== byte)) throw malformed('no WebAssembly 1 header', 0)
  const cursor: Cursor = { bytes, at: 8 }
  const sections: Section[] = []
  while (cursor.at < bytes.length) {
    const id = readByte(cursor)
    const length = readU32(cursor)
    const start = cursor.at
    skip(cursor, length)
    sections.push({ id, start, end: cursor.at })
  }
  return sections
}
