import { loadPolicy } from '@open-policy-agent/opa-wasm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { meter } from '../../src/policy/engine/meter.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'

const SOURCE = `package m

words := [w | some w in split(input.text, " "); w != ""]

deep := {k: v | some k, v in input.object; is_number(v)}

total := sum([x | some x in input.list; x > 0])

nested := [[i, j] | some i in input.list; some j in input.list; i < j]

all := {"words": words, "deep": deep, "total": total, "nested": nested, "match": regex.match("^[a-z ]*$", input.text), "glob": glob.match("*.x", ["."], input.text)}
`
const toolchain = openToolchain()
afterAll(() => toolchain.close())

let wasm: Uint8Array
beforeAll(async () => {
  wasm = (await toolchain.build({ files: { 'm.rego': SOURCE }, entrypoints: ['m/all'] })).wasm
})

describe('metering', () => {
  it('writes a valid module, the same each time', () => {
    const { wasm: metered, globals, memory } = meter(wasm)
    expect(WebAssembly.validate(metered)).toBe(true)
    expect(Buffer.from(metered).equals(meter(wasm).wasm)).toBe(true)
    expect(globals.length).toBeGreaterThan(0)
    expect(memory.minimum).toBeGreaterThan(0)
  })

  it('changes no answer', async () => {
    const bare = await loadPolicy(Buffer.from(wasm))
    const metered = await loadPolicy(Buffer.from(meter(wasm).wasm))
    const fuel = metered.wasmInstance.exports.customhouse_fuel
    const input = fc.record({
      text: fc.string({ unit: 'grapheme' }),
      list: fc.array(fc.integer({ min: -50, max: 50 }), { maxLength: 12 }),
      object: fc.dictionary(fc.string(), fc.oneof(fc.integer(), fc.string()), { maxKeys: 6 }),
    })
    fc.assert(
      fc.property(input, (facts) => {
        if (fuel instanceof WebAssembly.Global) fuel.value = 10_000_000
        expect(metered.evaluate(facts)).toEqual(bare.evaluate(facts))
        if (fuel instanceof WebAssembly.Global) expect(fuel.value).toBeLessThan(10_000_000)
      }),
    )
  })

  it.each<[string, number[]]>([
    ['a loop without end', [0x03, 0x40, 0x0c, 0x00, 0x0b, 0x0b]],
    ['a recursion without end', [0x10, 0x00, 0x0b]],
  ])('stops %s', (_name, code) => {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(meter(tiny(code)).wasm), {
      env: { memory: new WebAssembly.Memory({ initial: 1 }) },
    })
    const fuel = exports.customhouse_fuel
    if (!(fuel instanceof WebAssembly.Global) || typeof exports.run !== 'function') throw new Error('nothing to run')
    fuel.value = 5_000
    const { run } = exports
    expect(() => run()).toThrow(WebAssembly.RuntimeError)
    expect(fuel.value).toBe(0)
  })

  it.each<[string, number[]]>([
    ['an instruction of another proposal (table.grow)', [0xd0, 0x70, 0x41, 0x01, 0xfc, 0x0f, 0x00, 0x1a, 0x0b]],
    ['a global that will be the fuel', [0x41, 0x7f, 0x24, 0x00, 0x0b]],
    ['a bulk memory instruction', [0x41, 0, 0x41, 0, 0x41, 1, 0xfc, 0x0b, 0, 0x0b]],
    ['a tail call', [0x12, 0x00, 0x0b]],
    ['an exception', [0x06, 0x40, 0x0b, 0x0b]],
    ['an atomic', [0xfe, 0x03, 0x00, 0x0b]],
    ['a vector', [0xfd, 0x0c, 0x0b]],
    ['a body that does not end', [0x41]],
  ])('refuses %s', (_name, code) => {
    expect(() => meter(tiny(code))).toThrow(expect.objectContaining({ code: 'ERR_POLICY_BUNDLE' }))
  })

  it('refuses a module with a memory of its own, or imports from elsewhere', () => {
    const own = [...HEADER, ...section(5, [1, 0, 1])]
    expect(() => meter(Uint8Array.from(own))).toThrow(/a memory of its own/)
    const elsewhere = [...HEADER, ...section(2, [1, ...name('wasi'), ...name('memory'), 2, 0, 1])]
    expect(() => meter(Uint8Array.from(elsewhere))).toThrow(/an import from "wasi"/)
    const table = [...HEADER, ...section(2, [1, ...name('env'), ...name('table'), 1, 0x70, 0, 1])]
    expect(() => meter(Uint8Array.from(table))).toThrow(/the import of "table"/)
  })
})

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
const section = (id: number, body: number[]): number[] => [id, body.length, ...body]
const name = (text: string): number[] => [text.length, ...Buffer.from(text)]

/** A module with one function, exported as `run`, that takes and gives nothing. */
function tiny(code: number[]): Uint8Array {
  return Uint8Array.from([
    ...HEADER,
    ...section(1, [1, 0x60, 0, 0]),
    ...section(2, [1, ...name('env'), ...name('memory'), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name('run'), 0, 0]),
    ...section(10, [1, code.length + 1, 0, ...code]),
  ])
}
