import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { BUILTINS } from '../../src/policy/builtins/table.ts'
import { readBundle } from '../../src/policy/bundle.ts'
import { PolicyCompileError } from '../../src/policy/diagnostics.ts'
import { loadEngine } from '../../src/policy/engine/index.ts'
import { runPolicyTests } from '../../src/policy/toolchain/crosscheck.ts'
import { type Files, openToolchain } from '../../src/policy/toolchain/index.ts'

const toolchain = openToolchain()
afterAll(() => toolchain.close())

const files: Files = {
  'main.rego': `package customhouse

# METADATA
# title: The decision
# entrypoint: true
# custom:
#   controls: [GDPR-44]
decision := {"effect": effect}

default effect := "deny"

effect := "allow" if {
	input.call.model in data.org.models
	not input.call.stream
	count(input.findings) <= 3
}
`,
  'main_test.rego': `package customhouse_test

import data.customhouse

call := {"call": {"model": "m", "stream": false}, "findings": []}

test_allows if customhouse.effect == "allow" with input as call with data.org.models as ["m"]

test_denies if customhouse.effect == "deny" with input as {}

test_denies if customhouse.effect == "deny" with input as object.union(call, {"call": {"stream": true}})

test_cases[name] if {
	some name, model in {"known": "m", "unknown": "x"}
	customhouse.effect == {"m": "allow", "x": "deny"}[model] with input as {"call": {"model": model}, "findings": []}
		with data.org.models as ["m"]
}

test_clock if time.now_ns() == 1790000000000000000
`,
}
const data = { org: { models: ['m'] } }
const now = 1_790_000_000_000

describe('check', () => {
  test('a sound policy has no diagnostics', async () => {
    expect(await toolchain.check({ files, data })).toEqual({
      diagnostics: [],
      packages: ['data.customhouse', 'data.customhouse_test'],
    })
  })

  test('the input schema holds for every file without annotations', async () => {
    const schema = { type: 'object', additionalProperties: false, properties: { call: { type: 'object' } } }
    const { diagnostics } = await toolchain.check({
      files: { 'p.rego': 'package p\n\na if input.cal\n' },
      schemas: { input: schema },
    })
    expect(diagnostics.map(({ code, line, column }) => [code, line, column])).toEqual([['rego_type_error', 3, 12]])
  })

  test('a schema cannot be fetched from elsewhere', async () => {
    const schema = { $ref: 'http://127.0.0.1:9/schema.json' }
    const { diagnostics } = await toolchain.check({
      files: { 'p.rego': 'package p\n\na if input.x\n' },
      schemas: { input: schema },
    })
    expect(diagnostics).not.toEqual([])
  })
})

describe('fmt', () => {
  test('formats, and leaves alone what is formatted', async () => {
    const once = await toolchain.fmt({ 'p.rego': 'package p\na   if {input.x==1}\n' })
    expect(once).toEqual({ 'p.rego': 'package p\n\na if input.x == 1\n' })
    expect(await toolchain.fmt(once)).toEqual(once)
  })

  test('rejects what does not parse', async () => {
    await expect(toolchain.fmt({ 'p.rego': 'package p\n\na if {\n' })).rejects.toThrow(PolicyCompileError)
  })
})

describe('test', () => {
  test('every rule of one name is a test, cases are told apart, and the clock stands still', async () => {
    const { tests } = await toolchain.test({ files, data, now })
    expect(tests.map(({ name, outcome, entrypoint }) => [name, outcome, entrypoint])).toEqual([
      ['test_allows', 'pass', 'customhouse_test/test_allows'],
      ['test_denies', 'pass', 'customhouse_test/test_denies'],
      ['test_denies#01', 'pass', 'customhouse_test/test_denies__02'],
      ['test_cases', 'pass', 'customhouse_test/test_cases'],
      ['test_clock', 'pass', 'customhouse_test/test_clock'],
    ])
    expect(tests[3]?.cases).toEqual({ known: true, unknown: true })
    const later = await toolchain.test({ files, data, now: now + 1 })
    expect(later.tests.at(-1)?.outcome).toBe('fail')
  })

  test('a failing test says where', async () => {
    const broken = { ...files, 'main.rego': (files['main.rego'] ?? '').replace('<= 3', '> 3') }
    const { tests } = await toolchain.test({ files: broken, data, now })
    const failed = tests.filter(({ outcome }) => outcome === 'fail')
    expect(failed.map(({ name }) => name)).toEqual(['test_allows', 'test_cases'])
    expect(failed[0]?.failedAt).toMatchObject({ file: 'main_test.rego', row: 7, col: 16 })
    expect(failed[0]?.values).toContain('customhouse.')
    expect(failed[1]?.cases).toEqual({ known: false, unknown: true })
  })

  test('coverage counts the rules, not the tests', async () => {
    const { coverage } = await toolchain.test({ files, data, now, coverage: true })
    expect(Object.keys(coverage?.files ?? {})).toEqual(['main.rego'])
    expect(coverage?.percent).toBeLessThan(100)
    const rows = coverage?.files['main.rego']?.not_covered?.map(({ start }) => start.row)
    expect(new Set(rows)).toEqual(new Set([8]))
  })

  test('a filter chooses, and print is captured', async () => {
    const talking = { ...files, 't_test.rego': 'package t_test\n\ntest_prints if print("seen", 1)\n' }
    const { tests } = await toolchain.test({ files: talking, data, now, filter: 'prints' })
    expect(tests.map(({ name, printed }) => [name, printed])).toEqual([['test_prints', 'seen 1\n']])
  })
})

describe('interpreter and wasm', () => {
  test('agree where they should', async () => {
    const source = { modules: files, data, schemas: {}, digest: '' }
    const report = await runPolicyTests(toolchain, source, { now })
    expect(report.tests).toHaveLength(5)
    expect(report.differences).toEqual([])
  })

  test('a test that comes out otherwise in wasm is named', async () => {
    // OPA's own decoder refuses base64 without padding, the one inside policy.wasm does not (facts of OPA 1.22.2).
    const source = {
      modules: {
        'd_test.rego':
          'package d_test\n\ntest_padding if not base64.decode("YQ")\n\ntest_same if base64.decode("YQ==") == "a"\n',
      },
      data: {},
      schemas: {},
      digest: '',
    }
    const { differences } = await runPolicyTests(toolchain, source, { now })
    expect(differences).toEqual([
      { test: 'd_test.test_padding', file: 'd_test.rego', row: 3, interpreter: 'passes', wasm: 'fails' },
    ])
  })

  test('a test that never ends in wasm is named, and ends', async () => {
    // replace with an empty pattern loops for ever in policy.wasm; fuel stops it.
    const source = {
      modules: {
        'd_test.rego': 'package d_test\n\npattern := ""\n\ntest_loops if replace("aa", pattern, "b") == "babab"\n',
      },
      data: {},
      schemas: {},
      digest: '',
    }
    const { differences } = await runPolicyTests(toolchain, source, { now })
    expect(differences.map(({ interpreter, wasm }) => [interpreter, wasm])).toEqual([
      ['passes', 'ends with ERR_POLICY_OUT_OF_FUEL'],
    ])
  })
})

describe('build', () => {
  test('gives a wasm that decides, its data, and the bundle that OPA writes', async () => {
    const built = await toolchain.build({
      files,
      data,
      revision: 'r1',
      entrypoints: ['customhouse/effect'],
      metadata: { by: 'test' },
    })
    expect(built.manifest.wasm.map(({ entrypoint }) => entrypoint)).toEqual([
      'customhouse/effect',
      'customhouse/decision',
    ])
    expect(built.manifest.wasm[1]?.annotations?.[0]).toMatchObject({
      title: 'The decision',
      custom: { controls: ['GDPR-44'] },
    })
    const bundle = readBundle(built.bundle)
    expect(bundle).toMatchObject({ revision: 'r1', metadata: { by: 'test' } })
    expect(Buffer.from(bundle.wasm).equals(built.wasm)).toBe(true)
    expect([...bundle.files.keys()].filter((name) => name.endsWith('_test.rego'))).toEqual([])
    const engine = await loadEngine({ wasm: built.wasm, data: built.data })
    const found = engine.evaluate(
      'customhouse/decision',
      { call: { model: 'm' }, findings: [] },
      { now: new Date(now) },
    )
    expect(found).toMatchObject({ defined: true, value: { effect: 'allow' } })
    engine.close()
  })

  test('is the same, byte for byte, from another instance', async () => {
    const other = openToolchain()
    const hashes = await Promise.all(
      [toolchain, other].map(async (one) => {
        const { wasm, bundle } = await one.build({ files, data, revision: 'same' })
        return [wasm, bundle].map((bytes) => createHash('sha256').update(bytes).digest('hex'))
      }),
    )
    await other.close()
    expect(hashes[1]).toEqual(hashes[0])
  })

  test.each([
    ['no entrypoint', {}, /nothing to build/],
    ['an entrypoint that is no rule', { entrypoints: ['p/b'] }, /`p\/b` names no rule/],
  ])('refuses %s', async (_name, more, message) => {
    const error = await toolchain
      .build({ files: { 'p.rego': 'package p\n\na := 1\n' }, ...more })
      .catch((e: unknown) => e)
    expect(error).toBeInstanceOf(PolicyCompileError)
    expect(error instanceof PolicyCompileError ? error.message : '').toMatch(message)
  })

  test.each([
    'http.send({"method": "GET", "url": "http://127.0.0.1"})',
    'opa.runtime()',
    'rand.intn("a", 3)',
    'net.lookup_ip_addr("x")',
  ])('refuses %s', async (call) => {
    const source = { files: { 'p.rego': `package p\n\na := ${call}\n` }, entrypoints: ['p/a'] }
    await expect(toolchain.build(source)).rejects.toThrow(/is not available/)
    await expect(toolchain.eval({ files: source.files, entrypoint: 'p/a' })).rejects.toThrow(/is not available/)
  })
})

describe('eval', () => {
  test('a value, an undefined one, a query with bindings, an explanation', async () => {
    const input = { call: { model: 'm' }, findings: [] }
    expect(await toolchain.eval({ files, data, entrypoint: 'customhouse/decision', input })).toMatchObject({
      defined: true,
      value: { effect: 'allow' },
    })
    expect(await toolchain.eval({ files, data, query: 'data.customhouse.nothing' })).toMatchObject({
      defined: false,
      results: [],
    })
    const found = await toolchain.eval({ files, data, query: 'x := data.org.models[i]' })
    expect(found.results).toMatchObject([{ bindings: { x: 'm', i: 0 } }])
    const explained = await toolchain.eval({ files, data, entrypoint: 'customhouse/decision', input, explain: 'full' })
    expect(explained.explanation).toContain('main.rego:12')
  })

  test('falsy inputs are inputs', async () => {
    for (const input of [null, false, 0, '']) {
      const found = await toolchain.eval({ files: {}, query: 'input', input })
      expect(found).toMatchObject({ defined: true, value: input })
    }
    expect(await toolchain.eval({ files: {}, query: 'input' })).toMatchObject({ defined: false })
  })
})

describe('inspect', () => {
  test('packages, rules and METADATA with what is custom', async () => {
    const { packages, annotations } = await toolchain.inspect(files)
    expect(packages.map((one) => one.package)).toEqual(['data.customhouse', 'data.customhouse_test'])
    expect(packages[0]?.rules.map(({ path, kind, row }) => [path, kind, row])).toEqual([
      ['data.customhouse.decision', 'complete', 8],
      ['data.customhouse.effect', 'complete', 10],
      ['data.customhouse.effect', 'complete', 12],
    ])
    expect(annotations).toEqual([
      {
        path: 'data.customhouse.decision',
        file: 'main.rego',
        row: 8,
        annotations: { scope: 'document', title: 'The decision', entrypoint: true, custom: { controls: ['GDPR-44'] } },
      },
    ])
  })
})

describe('mutants', () => {
  test('each is one small fault in one place, compiles, and is none of the tests', async () => {
    const mutants = await toolchain.mutants({ files, data })
    expect(mutants.map(({ line, kind, description }) => [line, kind, description])).toEqual([
      [13, 'membership', '`in` becomes `not in`: `input.call.model in data.org.models`'],
      [13, 'condition', 'condition dropped: `input.call.model in data.org.models`'],
      [14, 'negation', '`not` removed: `not input.call.stream`'],
      [14, 'condition', 'condition dropped: `not input.call.stream`'],
      [15, 'condition', 'condition dropped: `count(input.findings) <= 3`'],
      [15, 'operator', '`<=` becomes `<`'],
      [15, 'operator', '`<=` becomes `>`'],
    ])
    const survivors: string[] = []
    for (const { file, source } of mutants) {
      expect(file).toBe('main.rego')
      expect(source).not.toBe(files[file])
      const { tests } = await toolchain.test({ files: { ...files, [file]: source }, data, now })
      if (tests.every(({ outcome }) => outcome === 'pass'))
        survivors.push(source.split('\n').slice(12, 15).join(';').trim())
    }
    // The tests above never come near the limit of findings; that is what mutants are for.
    expect(survivors).toHaveLength(2)
  })
})

describe('capabilities', () => {
  const capabilities = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../toolchain/capabilities.json'), 'utf8'),
  ) as { builtins: { name: string }[] }
  const names = new Set(capabilities.builtins.map(({ name }) => name))

  test('hold nothing that reaches out of the module, and nothing that cannot be replayed', () => {
    for (const name of [
      'http.send',
      'net.lookup_ip_addr',
      'opa.runtime',
      'rand.intn',
      'regex.split',
      'rego.parse_module',
      'trace',
      'yaml.unmarshal',
    ]) {
      expect(names).not.toContain(name)
    }
    for (const name of ['sprintf', 'time.now_ns', 'regex.match', 'json.patch', 'io.jwt.decode'])
      expect(names).toContain(name)
  })

  test('name no function of the host that the engine does not supply, and miss none', () => {
    const text = readFileSync(join(import.meta.dirname, '../../toolchain/builtins.txt'), 'utf8')
    const section = (name: string): string[] =>
      new RegExp(`\\n\\[${name}\\][^\\n]*\\n(.*?)\\n\\n`, 's').exec(text)?.[1]?.split('\n') ?? []
    const [host, native] = [section('host'), section('native')]
    expect(host.length).toBeGreaterThan(40)
    expect(host.filter((name) => !BUILTINS.has(name))).toEqual([])
    // What the engine supplies besides is for bundles of other compilers: newer ones have it inside the module.
    expect([...BUILTINS.keys()].filter((name) => !host.includes(name) && !native.includes(name))).toEqual([])
  })
})
