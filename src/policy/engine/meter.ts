import { CALL, CALL_INDIRECT, LOOP, readInstruction } from './instruction.ts'
import {
  type Cursor,
  malformed,
  readByte,
  readName,
  readU32,
  type Section,
  sectionsOf,
  skipLeb,
  u32,
} from './module.ts'

/** Name of the exported global that holds what is left of the budget. */
export const FUEL = 'customhouse_fuel'
/** Prefix of the exports by which the host resets the module's own mutable globals (the C stack pointer above all). */
export const GLOBAL = 'customhouse_global_'

/** 2^31-1 in signed LEB128: what a fresh module may spend on its start function and on loading data. */
const LOADING = [0xff, 0xff, 0xff, 0xff, 0x07]

export type Metered = Readonly<{
  wasm: Uint8Array
  /** Limits of the imported memory, in pages of 64 KiB. */
  memory: Readonly<{ minimum: number; maximum: number | null }>
  /** Names of the exported mutable globals of the module itself. */
  globals: readonly string[]
}>

const SECTION = {
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  code: 10,
} as const

/**
 * Rewrites a policy module so that it cannot run forever: each function entry and each turn of a loop takes one unit from a global,
 * and at zero it traps (`unreachable`). Source and result are WebAssembly binaries.
 *
 * A function that neither calls nor loops is left alone: it runs for at most its own length, and whoever calls it has paid. Such
 * leaves (tag tests, comparisons) are what the hot path of a policy is made of.
 *
 * The module may import one memory and functions of `env`, nothing else. Errors: ERR_POLICY_BUNDLE.
 */
export function meter(wasm: Uint8Array): Metered {
  const sections = sectionsOf(wasm)
  const find = (id: number): Section | undefined => sections.find((section) => section.id === id)
  if (find(SECTION.memory) !== undefined) throw malformed('a memory of its own', 0)
  const imports = readImports(wasm, find(SECTION.import))
  const globals = readGlobals(wasm, find(SECTION.global))
  const fuel = imports.globals + globals.length
  const exported = globals.flatMap((mutable, index) => (mutable ? [index] : []))

  const out: Uint8Array[] = [wasm.subarray(0, 8)]
  let globalWritten = false
  let exportWritten = false
  const put = (id: number, body: readonly Uint8Array[]): void => {
    const length = body.reduce((sum, part) => sum + part.length, 0)
    out.push(Uint8Array.of(id, ...u32(length)), ...body)
  }
  const putGlobals = (): void => {
    const section = find(SECTION.global)
    const rest = section === undefined ? new Uint8Array() : afterCount(wasm, section)
    put(SECTION.global, [
      Uint8Array.from(u32(globals.length + 1)),
      rest,
      Uint8Array.of(0x7f, 0x01, 0x41, ...LOADING, 0x0b),
    ])
    globalWritten = true
  }
  const putExports = (): void => {
    const section = find(SECTION.export)
    const rest = section === undefined ? new Uint8Array() : afterCount(wasm, section)
    const count = section === undefined ? 0 : readU32({ bytes: wasm, at: section.start })
    const added = [
      exportGlobal(FUEL, fuel),
      ...exported.map((index) => exportGlobal(GLOBAL + index, imports.globals + index)),
    ]
    put(SECTION.export, [Uint8Array.from(u32(count + added.length)), rest, ...added])
    exportWritten = true
  }

  for (const section of sections) {
    if (section.id === 0) continue
    if (!globalWritten && order(section.id) > order(SECTION.global)) putGlobals()
    if (!exportWritten && order(section.id) > order(SECTION.export)) putExports()
    if (section.id === SECTION.global) putGlobals()
    else if (section.id === SECTION.export) putExports()
    else if (section.id === SECTION.code) put(section.id, meterCode(wasm, section, fuel))
    else put(section.id, [wasm.subarray(section.start, section.end)])
  }
  return { wasm: join(out), memory: imports.memory, globals: exported.map((index) => GLOBAL + index) }
}

/** Sections stand in the order of their ids, but for the data count (12), which comes before code (Core 5.5.16). */
function order(id: number): number {
  return id === 12 ? 9.5 : id
}

function exportGlobal(name: string, index: number): Uint8Array {
  const text = Buffer.from(name, 'utf8')
  return Uint8Array.of(...u32(text.length), ...text, 0x03, ...u32(index))
}

function afterCount(bytes: Uint8Array, section: Section): Uint8Array {
  const cursor: Cursor = { bytes, at: section.start }
  readU32(cursor)
  return bytes.subarray(cursor.at, section.end)
}

function readLimits(cursor: Cursor): { minimum: number; maximum: number | null } {
  const flags = readByte(cursor)
  if (flags > 1) throw malformed('a shared or 64-bit memory', cursor.at)
  const minimum = readU32(cursor)
  return { minimum, maximum: flags === 1 ? readU32(cursor) : null }
}

function readImports(bytes: Uint8Array, section: Section | undefined): { globals: number; memory: Metered['memory'] } {
  if (section === undefined) throw malformed('no imports', 0)
  const cursor: Cursor = { bytes, at: section.start }
  let memory: Metered['memory'] | undefined
  for (let left = readU32(cursor); left > 0; left -= 1) {
    const from = readName(cursor)
    const name = readName(cursor)
    const kind = readByte(cursor)
    if (from !== 'env') throw malformed(`an import from ${JSON.stringify(from)}`, cursor.at)
    if (kind === 0) readU32(cursor)
    else if (kind === 2 && name === 'memory' && memory === undefined) memory = readLimits(cursor)
    else throw malformed(`the import of ${JSON.stringify(name)}`, cursor.at)
  }
  if (memory === undefined) throw malformed('no imported memory', section.start)
  return { globals: 0, memory }
}

/** Mutability of each global that the module defines. */
function readGlobals(bytes: Uint8Array, section: Section | undefined): boolean[] {
  if (section === undefined) return []
  const cursor: Cursor = { bytes, at: section.start }
  const globals: boolean[] = []
  for (let left = readU32(cursor); left > 0; left -= 1) {
    const type = readByte(cursor)
    const mutable = readByte(cursor) === 1
    if (mutable && type !== 0x7f) throw malformed('a mutable global that is no i32', cursor.at)
    globals.push(mutable)
    let opcode = readInstruction(cursor, 0)
    while (opcode !== 0x0b) opcode = readInstruction(cursor, 0)
  }
  return globals
}

/** `if (fuel == 0) unreachable; fuel -= 1` */
function toll(fuel: number): Uint8Array {
  const index = u32(fuel)
  return Uint8Array.of(0x23, ...index, 0x45, 0x04, 0x40, 0x00, 0x0b, 0x23, ...index, 0x41, 0x01, 0x6b, 0x24, ...index)
}

function meterCode(bytes: Uint8Array, section: Section, fuel: number): Uint8Array[] {
  const cursor: Cursor = { bytes, at: section.start }
  const charge = toll(fuel)
  const count = readU32(cursor)
  const out: Uint8Array[] = [Uint8Array.from(u32(count))]
  for (let left = count; left > 0; left -= 1) {
    const length = readU32(cursor)
    const start = cursor.at
    const parts = meterBody(cursor, start + length, charge, fuel)
    out.push(Uint8Array.from(u32(parts.reduce((sum, part) => sum + part.length, 0))), ...parts)
  }
  return out
}

function meterBody(cursor: Cursor, end: number, charge: Uint8Array, globals: number): Uint8Array[] {
  const { bytes } = cursor
  const start = cursor.at
  for (let groups = readU32(cursor); groups > 0; groups -= 1) {
    readU32(cursor)
    skipLeb(cursor, 33)
  }
  const entry = cursor.at
  const loops: number[] = []
  let calls = false
  while (cursor.at < end) {
    const opcode = readInstruction(cursor, globals)
    if (opcode === LOOP) loops.push(cursor.at)
    else if (opcode === CALL || opcode === CALL_INDIRECT) calls = true
  }
  if (cursor.at !== end) throw malformed('a function body of another length', start)
  if (!calls && loops.length === 0) return [bytes.subarray(start, end)]
  const parts: Uint8Array[] = [bytes.subarray(start, entry), charge]
  let from = entry
  for (const loop of loops) {
    parts.push(bytes.subarray(from, loop), charge)
    from = loop
  }
  parts.push(bytes.subarray(from, end))
  return parts
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
