import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../src/core/json.ts'
import { formatFloat } from '../../src/policy/builtins/float.ts'
import { parseJson } from '../../src/policy/builtins/json.ts'
import { type Builtin, BuiltinError } from '../../src/policy/builtins/operand.ts'
import { compare, formatValue, parseValue, type Value, valueOfJson } from '../../src/policy/builtins/value.ts'
import { BUILTINS, loadEngine, readBundle } from '../../src/policy/index.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'
import { EXPRESSIONS, moduleOf } from './builtins.expressions.ts'

const toolchain = openToolchain()
afterAll(() => toolchain.close())

const context = { now: 1732430822123456789n, seed: 'seed', charge: () => undefined }

function call(name: string, ...args: Value[]): Value {
  const builtin: Builtin | undefined = BUILTINS.get(name)
  if (builtin === undefined) throw new Error(`no built-in ${name}`)
  return builtin(args, context)
}

type Answers = Readonly<Record<string, Json>>

function answersOf(value: Json | undefined): Answers {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('no answers')
  return Object.fromEntries(Object.entries(value))
}

describe('our answers and OPA own evaluator (topdown, in the toolchain)', () => {
  let ours: Answers = {}
  let theirs: Answers = {}
  beforeAll(async () => {
    const files = { 'builtins.rego': moduleOf(EXPRESSIONS) }
    const { wasm } = await toolchain.build({ files, entrypoints: ['builtins/answers'] })
    const engine = await loadEngine({ wasm, data: {} })
    const answer = engine.evaluate('builtins/answers', { one: 1 }, { now: 0n })
    ours = answersOf(answer.defined ? answer.value : undefined)
    theirs = answersOf((await toolchain.eval({ files, query: 'data.builtins.answers', input: { one: 1 } })).value)
  })

  it('answers many of them at all', () => {
    expect(Object.keys(theirs).length).toBeGreaterThan(EXPRESSIONS.length * 0.6)
  })

  it.each(EXPRESSIONS.map((expression, index) => [expression, String(index)] as const))('%s', (_expression, index) => {
    const our = ours[index]
    const their = theirs[index]
    if (typeof our === 'string' && typeof their === 'string') {
      // The order of an object's members in json.marshal is the module's own.
      if (compare(parseJson(our), parseJson(their)) !== 0) expect(our).toBe(their)
    } else expect(our).toBe(their)
  })
})

describe('an opa binary, where there is one', () => {
  const opa = process.env.CUSTOMHOUSE_OPA
  it.skipIf(opa === undefined)('answers the same (CUSTOMHOUSE_OPA names it)', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'customhouse-opa-'))
    try {
      writeFileSync(join(folder, 'm.rego'), moduleOf(EXPRESSIONS))
      writeFileSync(join(folder, 'input.json'), '{"one": 1}')
      const run = spawnSync(opa ?? '', ['eval', '-d', 'm.rego', '-i', 'input.json', 'data.builtins.answers'], {
        cwd: folder,
        encoding: 'utf8',
        maxBuffer: 2 ** 26,
      })
      const built = spawnSync(opa ?? '', ['build', '-t', 'wasm', '-e', 'builtins/answers', 'm.rego'], {
        cwd: folder,
        encoding: 'utf8',
      })
      expect(built.status, built.stderr).toBe(0)
      const bundle = readBundle(readFileSync(join(folder, 'bundle.tar.gz')))
      const engine = await loadEngine({ wasm: bundle.wasm, data: bundle.data })
      const answer = engine.evaluate('builtins/answers', { one: 1 }, { now: 0n })
      const ours = answersOf(answer.defined ? answer.value : undefined)
      const theirs = answersOf(JSON.parse(run.stdout).result[0].expressions[0].value)
      const text = (value: Json | undefined): string => (typeof value === 'string' ? value : 'null')
      const differ = EXPRESSIONS.filter(
        (_, index) => compare(parseJson(text(ours[index])), parseJson(text(theirs[index]))) !== 0,
      )
      expect(differ).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('what OPA cannot be asked', () => {
  it('ends where OPA loops without end: pre-releases that differ beyond 64 bits', () => {
    expect(call('semver.compare', '1.0.0-99999999999999999999', '1.0.0-99999999999999999998')).toBe(0)
  })

  it('is undefined where OPA crashes: removing the whole document', () => {
    const operations = valueOfJson([{ op: 'remove', path: '' }])
    expect(() => call('json.patch', valueOfJson({ a: 1 }), operations)).toThrow(BuiltinError)
  })

  it('gives one UUID for one decision and operand, of version 4', () => {
    const first = call('uuid.rfc4122', 'a')
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(call('uuid.rfc4122', 'a')).toBe(first)
    expect(call('uuid.rfc4122', 'b')).not.toBe(first)
    expect(BUILTINS.get('uuid.rfc4122')?.(['a'], { ...context, seed: 'other' })).not.toBe(first)
  })

  it('refuses bytes that are not UTF-8 rather than change them', () => {
    expect(() => call('hex.decode', 'ff')).toThrow(BuiltinError)
    expect(() => call('urlquery.decode', '%ff')).toThrow(BuiltinError)
  })

  it.each([
    ['net.cidr_expand', ['10.0.0.0/8']],
    ['net.cidr_expand', ['::/0']],
    ['numbers.range_step', [0, 100_000_000, 1]],
    ['regex.find_n', ['x'.repeat(5000), 'x', -1]],
  ] as const)('ends the decision where %s would answer with too much', (name, args) => {
    expect(() => call(name, ...args)).toThrow(expect.objectContaining({ code: 'ERR_POLICY_THREW' }))
  })

  it.each([
    ['Local zone', 'time.format', [[0, 'Local']]],
    ['abbreviation of a zone', 'time.format', [[0, 'Europe/Berlin', 'RFC1123']]],
    ['float in hexadecimal', 'sprintf', ['%x', [1.5]]],
  ] as const)('leaves undefined what it does not support: %s', (_name, builtin, args) => {
    expect(() => call(builtin, ...args)).toThrow(BuiltinError)
  })
})

describe('a regular expression', () => {
  it.each([
    ['(a+)+$', `${'a'.repeat(20_000)}!`],
    ['(x*)*y', 'x'.repeat(20_000)],
    ['(?:a|a)*b', 'a'.repeat(20_000)],
  ])('%s is linear: what kills a backtracking engine ends, or runs out of fuel', (pattern, subject) => {
    let left = 10_000_000
    const charge = (units: number): void => {
      left -= units
      if (left < 0) throw new Error('out of fuel')
    }
    const started = performance.now()
    try {
      BUILTINS.get('regex.find_n')?.([pattern, subject, -1], { ...context, charge })
    } catch (error) {
      expect(error).toEqual(new Error('out of fuel'))
    }
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})

describe('values', () => {
  const scalar = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.string({ unit: 'grapheme' }),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => (Object.is(x, -0) ? 0 : x)),
  )
  const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      scalar,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.array(tie('value'), { maxLength: 4 }).map((set): Value => ({ set })),
      fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries): Value => ({ entries })),
    ),
  })).value

  it('come back from the text that the module writes', () => {
    fc.assert(
      fc.property(fc.array(scalar), (items) => {
        const text = `[${items.map(formatValue).join(', ')}]`
        expect(formatValue(parseValue(text))).toBe(formatValue(items))
      }),
    )
  })

  it('have a total order', () => {
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        expect(Math.sign(compare(a, b))).toBe(-Math.sign(compare(b, a)) + 0)
        expect(compare(a, a)).toBe(0)
        if (compare(a, b) <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0)
      }),
    )
  })

  it('keep every number of a JSON text', () => {
    for (const lexeme of ['12345678901234567890', '1.0', '1e400', '-0', '0.1', '9007199254740993']) {
      expect(formatValue(parseJson(lexeme))).toBe(lexeme)
    }
  })

  it('are read from JSON as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(JSON.parse(formatValue(parseJson(text)))).toEqual(JSON.parse(text))
      }),
    )
  })

  it('are refused where JSON.parse refuses them', () => {
    for (const text of ['', '{', '{"a":}', '[1,]', '01', 'nul', '"\u0001"'])
      expect(() => parseJson(text)).toThrow(BuiltinError)
  })
})

describe('floats', () => {
  it('in their shortest form read back as the same number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        for (const verb of ['e', 'f', 'g'] as const) expect(Number(formatFloat(number, verb, -1))).toBe(number)
      }),
    )
  })
})
