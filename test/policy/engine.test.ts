import { loadPolicy } from '@open-policy-agent/opa-wasm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ErrorCode, isCustomhouseError } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/json.ts'
import { type EngineOptions, loadEngine, type PolicyEngine } from '../../src/policy/index.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'

const SOURCE = `package p

role if input.role == "admin"

echo := input

second := data.list[1]

grade := 1 if input.a

grade := 2 if input.b

replaced := replace(input.text, input.pattern, "y")

pairs := count([1 | some i in numbers.range(1, input.n); some j in numbers.range(1, input.n); i != j])

clock := [sprintf("%d", [time.now_ns()]), sprintf("%d", [time.now_ns()]), time.format(time.now_ns())]

huge := 9007199254740993

sum := input.x + 1

divided := 1 / input.x

decoded := hex.decode(input.text)

rest if not decoded

number := to_number(input.text)

matched := regex.match(input.pattern, "a")

expanded := net.cidr_expand(input.text)

digest := crypto.sha256(base64.decode(input.text))

strange := {1: "a", null: {"b", "a"}}

ids := [uuid.rfc4122("a"), uuid.rfc4122("a"), uuid.rfc4122("b")]
`
const RULES = [
  'role',
  'echo',
  'second',
  'grade',
  'replaced',
  'pairs',
  'clock',
  'huge',
  'sum',
  'divided',
  'decoded',
  'rest',
  'number',
  'matched',
  'expanded',
  'digest',
  'strange',
  'ids',
]

const toolchain = openToolchain()
afterAll(() => toolchain.close())

let wasm: Uint8Array
let engine: PolicyEngine
beforeAll(async () => {
  const built = await toolchain.build({ files: { 'p.rego': SOURCE }, entrypoints: RULES.map((rule) => `p/${rule}`) })
  wasm = built.wasm
  engine = await load()
})

const load = (options: Partial<EngineOptions> = {}): Promise<PolicyEngine> =>
  loadEngine({ wasm, data: { list: [1, 2] }, ...options })

const now = 1732430822123456789n
const code = (expected: ErrorCode): unknown => expect.objectContaining({ code: expected })
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

function value(rule: string, input: Json | Uint8Array, on: PolicyEngine = engine): Json | undefined {
  const answer = on.evaluate(`p/${rule}`, input, { now })
  return answer.defined ? answer.value : undefined
}

/** The engine answers as ever after whatever came before. */
function healthy(on: PolicyEngine = engine): void {
  expect(value('second', {}, on)).toBe(2)
  expect(value('echo', { a: ['ü', null, 1.5] }, on)).toEqual({ a: ['ü', null, 1.5] })
}

describe('an evaluation', () => {
  it('answers a value, or undefined', () => {
    expect(value('role', { role: 'admin' })).toBe(true)
    expect(value('role', { role: 'other' })).toBeUndefined()
  })

  it.each([0, false, '', null])('takes the input %j for an input', (input) => {
    expect(value('echo', input)).toBe(input)
  })

  it('takes bytes for JSON', () => {
    expect(value('role', text('{"role": "admin"}'))).toBe(true)
    expect(value('role', Buffer.from(' {"role": "admin"} ').subarray(1))).toBe(true)
  })

  it('keeps numbers of bytes exact inside, and refuses to round them outside', () => {
    expect(() => value('echo', text('12345678901234567890'))).toThrow(code('ERR_POLICY_MALFORMED'))
    expect(() => value('huge', {})).toThrow(code('ERR_POLICY_MALFORMED'))
    expect(() => value('sum', text('{"x": 9007199254740992}'))).toThrow(code('ERR_POLICY_MALFORMED'))
    expect(value('echo', text('"12345678901234567890 1e5"'))).toBe('12345678901234567890 1e5')
    expect(value('sum', { x: 9007199254740990 })).toBe(9007199254740991)
  })

  it('freezes time and random values', () => {
    expect(value('clock', {})).toEqual([String(now), String(now), '2024-11-24T06:47:02.123456789Z'])
    const clock = engine.evaluate('p/clock', {}, { now: new Date(1000) })
    expect(clock).toMatchObject({ value: ['1000000000', '1000000000', '1970-01-01T00:00:01Z'] })
    const ids = value('ids', {})
    expect(ids).toEqual(value('ids', {}))
    expect(engine.evaluate('p/ids', {}, { now, seed: 'other' })).not.toMatchObject({ value: ids })
  })

  it('leaves an expression undefined whose built-in cannot answer, the module and the host alike', () => {
    expect(value('divided', { x: 0 })).toBeUndefined()
    expect(value('number', { text: 'abc' })).toBeUndefined()
    expect(value('matched', { pattern: '(?=a)' })).toBeUndefined()
    expect(value('decoded', { text: 'zz' })).toBeUndefined()
    expect(value('rest', { text: 'zz' })).toBe(true)
    // Bytes that are no UTF-8 reach no built-in of the host in another form.
    expect(value('digest', { text: '/w==' })).toBeUndefined()
    expect(value('digest', { text: 'YQ==' })).toBe('ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb')
  })

  it('writes sets and keys of other types as JSON', () => {
    expect(value('strange', {})).toEqual({ 1: 'a', null: expect.arrayContaining(['a', 'b']) })
  })

  it('costs the same fuel each time', () => {
    const costs = [1, 2, 3].map(() => engine.evaluate('p/role', { role: 'admin' }, { now }).fuel)
    expect(new Set(costs).size).toBe(1)
    expect(costs[0]).toBeGreaterThan(10)
  })
})

describe('what fails in silence in opa-wasm fails aloud here', () => {
  it.each<[string, string, Json | Uint8Array, ErrorCode]>([
    ['malformed JSON', 'echo', text('{"a":'), 'ERR_POLICY_MALFORMED'],
    ['something after the JSON', 'echo', text('{} {}'), 'ERR_POLICY_MALFORMED'],
    ['no JSON at all', 'echo', text(''), 'ERR_POLICY_MALFORMED'],
    ['bytes that are no UTF-8', 'echo', Uint8Array.of(0x22, 0xff, 0x22), 'ERR_POLICY_MALFORMED'],
    ['Rego syntax for a set', 'echo', text('{1, 2}'), 'ERR_POLICY_MALFORMED'],
    ['a lone surrogate', 'echo', '\ud800', 'ERR_POLICY_THREW'],
    ['an unknown entrypoint', 'nope', {}, 'ERR_POLICY_UNDEFINED'],
    ['a conflict of rules', 'grade', { a: true, b: true }, 'ERR_POLICY_THREW'],
    ['an endless replace', 'replaced', { text: 'aaa', pattern: '' }, 'ERR_POLICY_OUT_OF_FUEL'],
    ['four million turns', 'pairs', { n: 2000 }, 'ERR_POLICY_OUT_OF_FUEL'],
    ['nesting 20,000 deep', 'echo', text('['.repeat(20_000) + ']'.repeat(20_000)), 'ERR_POLICY_THREW'],
    ['a built-in that would answer too much', 'expanded', { text: '10.0.0.0/8' }, 'ERR_POLICY_THREW'],
  ])('%s', (_name, rule, input, expected) => {
    expect(() => value(rule, input)).toThrow(code(expected))
    healthy()
  })

  it('a value that is no plain data', () => {
    const loop: Record<string, Json> = {}
    loop.self = loop
    expect(() => value('echo', loop)).toThrow(code('ERR_POLICY_MALFORMED'))
    healthy()
  })

  it('memory: a cap, and growth that is given back', async () => {
    const small = await load({ maxPages: 64, fuel: 2_000_000_000 })
    expect(() => value('pairs', { n: 2000 }, small)).toThrow(code('ERR_POLICY_OUT_OF_MEMORY'))
    healthy(small)
    expect(small.renewals).toBe(1)
    expect(() => value('echo', 'x'.repeat(8 * 2 ** 20), small)).toThrow(code('ERR_POLICY_OUT_OF_MEMORY'))
    healthy(small)
    const large = await load({ fuel: 2_000_000_000 })
    expect(value('echo', 'x'.repeat(6 * 2 ** 20), large)).toHaveLength(6 * 2 ** 20)
    expect(large.renewals).toBe(1)
    healthy(large)
  })

  it('10,000 evaluations of changing size keep memory within the high-water mark, and answer as ever', async () => {
    const busy = await load({ fuel: 2_000_000_000 })
    const before = busy.pages
    const sizes = fc.sample(
      fc.oneof(
        { weight: 20, arbitrary: fc.nat(2_000) },
        { weight: 2, arbitrary: fc.nat(50_000) },
        { weight: 1, arbitrary: fc.nat(300_000) },
      ),
      { numRuns: 9_900, seed: 7 },
    )
    let most = 0
    for (const [turn, size] of sizes.entries()) {
      if (turn % 660 === 0) {
        // Nested comprehensions: the larger ones keep more pages than one evaluation may.
        expect(value('pairs', { n: 200 + (turn % 200) }, busy)).toBeGreaterThan(39_000)
      } else expect(value('echo', 'x'.repeat(size), busy)).toHaveLength(size)
      most = Math.max(most, busy.pages)
    }
    // HIGH_WATER: 256 pages (16 MiB) beyond what it was loaded with.
    expect(most).toBeLessThanOrEqual(before + 256)
    expect(most).toBeGreaterThan(before)
    expect(busy.renewals).toBeGreaterThan(0)
    healthy(busy)
  })

  it('an input of 300 KB after the other needs no new instance, and no more memory than the first', async () => {
    const busy = await load()
    const input = { text: Array.from({ length: 3_000 }, (_, index) => `${index}`.padEnd(96, 'x')) }
    expect(value('echo', input, busy)).toEqual(input)
    const { pages } = busy
    for (let turn = 0; turn < 200; turn += 1) value('echo', input, busy)
    expect(busy.pages).toBe(pages)
    expect(busy.renewals).toBe(0)
  })

  it.each<[string, ErrorCode, string, Json, number?]>([
    ['all of it when it is out', 'ERR_POLICY_OUT_OF_FUEL', 'pairs', { n: 2000 }, 500_000],
    ['what it came to when it threw', 'ERR_POLICY_THREW', 'grade', { a: true, b: true }],
    ['what it came to when the answer could not be read', 'ERR_POLICY_MALFORMED', 'huge', {}],
  ])('the fuel of a failed evaluation is told: %s', (_name, expected, rule, input, budget) => {
    const failed = (fuel: number): number => {
      try {
        engine.evaluate(`p/${rule}`, input, { now, fuel })
      } catch (error) {
        expect(error).toEqual(code(expected))
        if (isCustomhouseError(error)) return Number(error.detail.fuel)
      }
      throw new Error('it did not fail')
    }
    const fuel = failed(budget ?? 1_000_000)
    if (budget !== undefined) expect(fuel).toBe(budget)
    else {
      expect(fuel).toBeGreaterThan(10)
      expect(fuel).toBeLessThan(100_000)
      expect(failed(2_000_000)).toBe(fuel)
    }
  })

  it.each<[string, Uint8Array | Json]>([
    ['truncated', text('{"list": [1, 2')],
    ['followed by more', text('{"list": [1, 2]} x')],
    ['not UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
  ])('data that is %s', async (_name, data) => {
    await expect(load({ data })).rejects.toThrow(code('ERR_POLICY_BUNDLE'))
  })

  it('data beyond the memory cap', async () => {
    const data = { list: Array.from({ length: 50_000 }, (_, index) => ({ index })) }
    await expect(load({ data, maxPages: 32 })).rejects.toThrow(code('ERR_POLICY_OUT_OF_MEMORY'))
  })

  it('many throws in a row leave no trace', () => {
    const before = engine.evaluate('p/role', { role: 'admin' }, { now }).fuel
    for (let turn = 0; turn < 3_000; turn += 1) {
      expect(() => value('grade', { a: true, b: true })).toThrow(code('ERR_POLICY_THREW'))
    }
    for (let turn = 0; turn < 20; turn += 1) {
      expect(() => engine.evaluate('p/pairs', { n: 300 }, { now, fuel: 20_000 + turn })).toThrow(
        code('ERR_POLICY_OUT_OF_FUEL'),
      )
    }
    expect(engine.evaluate('p/role', { role: 'admin' }, { now }).fuel).toBe(before)
    healthy()
  })

  it('a trap at any point of an evaluation leaves an instance as new', () => {
    const input = { role: 'admin', a: true, list: [1, 'x', { y: null }] }
    const whole = engine.evaluate('p/echo', input, { now })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: whole.fuel - 1 }), (fuel) => {
        expect(() => engine.evaluate('p/echo', input, { now, fuel })).toThrow(code('ERR_POLICY_OUT_OF_FUEL'))
        expect(engine.evaluate('p/echo', input, { now })).toEqual(whole)
      }),
    )
  })

  it('a closed engine', async () => {
    const closed = await load()
    closed.close()
    expect(() => value('echo', {}, closed)).toThrow(code('ERR_POLICY_THREW'))
  })
})

describe('loading', () => {
  it('names every built-in that the gateway does not supply', async () => {
    const { wasm: other } = await toolchain.build({
      files: { 'p.rego': 'package p\n\nx := time.now_ns()' },
      entrypoints: ['p/x'],
    })
    // The names stand in the module's data; a name of the same length that nobody supplies takes the place of one.
    const bytes = Buffer.from(other)
    for (let at = bytes.indexOf('time.now_ns'); at >= 0; at = bytes.indexOf('time.now_ns', at + 1))
      bytes.write('rand.intn_x', at)
    await expect(loadEngine({ wasm: bytes, data: {} })).rejects.toThrow(/rand\.intn_x/)
    await expect(loadEngine({ wasm: bytes, data: {} })).rejects.toThrow(code('ERR_POLICY_BUILTIN'))
  })

  it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['empty', () => new Uint8Array()],
    ['text', () => text('not wasm at all')],
    ['cut short', (bytes) => bytes.slice(0, bytes.length / 2)],
    ['a bare header', (bytes) => bytes.slice(0, 8)],
  ])('refuses what is no policy: %s', async (_name, change) => {
    await expect(loadEngine({ wasm: change(wasm), data: {} })).rejects.toThrow(code('ERR_POLICY_BUNDLE'))
  })

  it('refuses, or loads, but never breaks on a module with a byte changed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 4000 }), fc.integer({ min: 1, max: 255 }), async (place, change) => {
        const bytes = new Uint8Array(wasm)
        bytes[place] = (bytes[place] ?? 0) ^ change
        try {
          const loaded = await loadEngine({ wasm: bytes, data: {}, fuel: 100_000 })
          expect(loaded.entrypoints).toBeDefined()
        } catch (error) {
          expect(error).toEqual(expect.objectContaining({ code: expect.stringMatching(/^ERR_POLICY_/) }))
        }
      }),
      { numRuns: 25 },
    )
  })
})

describe('the conformance oracle (@open-policy-agent/opa-wasm)', () => {
  it('answers the same where it is right', async () => {
    const oracle = await loadPolicy(Buffer.from(wasm), { initial: 16 }, { 'time.now_ns': () => 0 })
    oracle.setData({ list: [1, 2] })
    const json = fc.jsonValue({ maxDepth: 3 }).filter((item) => Boolean(item) && typeof item === 'object')
    fc.assert(
      fc.property(json, (input) => {
        const plain: Json = JSON.parse(JSON.stringify(input))
        const rest: { result: Json }[] = oracle.evaluate(plain, 'p/echo')
        const answer = engine.evaluate('p/echo', plain, { now })
        expect(answer).toMatchObject({ defined: true, value: rest[0]?.result })
      }),
    )
  })
})
