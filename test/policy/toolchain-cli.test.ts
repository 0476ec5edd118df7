import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readBundle } from '../../src/policy/bundle.ts'

const root = mkdtempSync(join(tmpdir(), 'customhouse-policy-cli-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let number = 0
function folder(files: Readonly<Record<string, string>>): string {
  const at = join(root, String(number++))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(at, 'policies', path)), { recursive: true })
    writeFileSync(join(at, 'policies', path), text)
  }
  return at
}

type Run = Readonly<{ code: number | null; stdout: string; stderr: string; bytes: Buffer }>

/** Runs `customhouse policy ...` as a process of its own. */
function policy(cwd: string, args: readonly string[], stdin = ''): Promise<Run> {
  return new Promise((resolve, reject) => {
    const bin = join(import.meta.dirname, '../../bin/customhouse.js')
    const child = spawn(process.execPath, [bin, 'policy', ...args], { cwd })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.on('error', reject)
    child.on('close', (code) => {
      const bytes = Buffer.concat(out)
      resolve({ code, stdout: bytes.toString(), stderr: Buffer.concat(err).toString(), bytes })
    })
    child.stdin.end(stdin)
  })
}

const sound = {
  'main.rego': `package customhouse

# METADATA
# title: The decision
# entrypoint: true
decision := {"effect": effect}

default effect := "deny"

effect := "allow" if input.call.model in data.org.models
`,
  'main_test.rego': `package customhouse_test

import data.customhouse

test_allows if customhouse.effect == "allow" with input as {"call": {"model": "m"}}

test_denies if customhouse.effect == "deny" with input as {"call": {"model": "x"}}
`,
  'org/models.yaml': 'models: [m]\n',
  'schema/input.json':
    '{"type":"object","additionalProperties":false,"properties":{"call":{"type":"object","additionalProperties":false,"properties":{"model":{"type":"string"}}}}}',
}
const typo = { ...sound, 'main.rego': sound['main.rego'].replace('input.call.model', 'input.call.modle') }

describe('policy check', () => {
  test('a sound folder: 0, nothing on stdout', async () => {
    const run = await policy(folder(sound), ['check'])
    expect(run).toMatchObject({ code: 0, stdout: '', stderr: '2 files, 2 packages: no fault\n' })
  })

  test('a fault: 2, the diagnostic on stdout', async () => {
    const run = await policy(folder(typo), ['check'])
    expect(run).toMatchObject({
      code: 2,
      stderr: '1 fault\n',
      stdout: [
        'main.rego:10:33: `input.call` has no `modle`; did you mean `model`?',
        '  10 | effect := "allow" if input.call.modle in data.org.models',
        '     |                                 ^^^^^',
        '',
      ].join('\n'),
    })
  })

  test('--json is one document, with nothing beside it', async () => {
    const run = await policy(folder(typo), ['check', '--json'])
    expect(run).toMatchObject({ code: 2, stderr: '' })
    expect(JSON.parse(run.stdout)).toMatchObject({
      ok: false,
      diagnostics: [{ file: 'main.rego', line: 10, column: 33, width: 5, code: 'rego_type_error', related: [] }],
    })
  })

  test('data that cannot be read: 2', async () => {
    const run = await policy(folder({ ...sound, 'org/more.json': '{"models": []}' }), ['check'])
    expect(run.code).toBe(2)
    expect(run.stderr).toContain('Both org/models.yaml and org/more.json give a value to `data.org.models`')
  })
})

describe('policy fmt', () => {
  const ugly = { 'a.rego': 'package a\nx   := 1\n', 'b.rego': 'package b\n' }

  test('names, then writes, then is content', async () => {
    const at = folder(ugly)
    expect(await policy(at, ['fmt', '--list'])).toMatchObject({ code: 2, stdout: 'a.rego\n', stderr: '' })
    expect(readFileSync(join(at, 'policies/a.rego'), 'utf8')).toBe(ugly['a.rego'])
    expect(await policy(at, ['fmt', '--write'])).toMatchObject({
      code: 0,
      stdout: 'a.rego\n',
      stderr: '1 file formatted\n',
    })
    expect(readFileSync(join(at, 'policies/a.rego'), 'utf8')).toBe('package a\n\nx := 1\n')
    expect(await policy(at, ['fmt'])).toMatchObject({ code: 0, stdout: '', stderr: 'every file is formatted\n' })
  })

  test('writes nothing when one file does not parse', async () => {
    const at = folder({ ...ugly, 'c.rego': 'package c\nx if {\n' })
    const run = await policy(at, ['fmt', '--write'])
    expect(run).toMatchObject({ code: 2, stdout: '' })
    expect(run.stderr).toContain('c.rego:2:6: This `{` is never closed')
    expect(readFileSync(join(at, 'policies/a.rego'), 'utf8')).toBe(ugly['a.rego'])
  })
})

describe('policy test', () => {
  test('passes with 0, and says that both engines agree', async () => {
    const run = await policy(folder(sound), ['test', '--coverage', '--threshold', '60'])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toBe(
      'main.rego: no test reaches line 6\ncoverage 66.66 %\n2 of 2 tests passed; interpreter and wasm agree\n',
    )
  })

  test('coverage below the threshold is a finding', async () => {
    const run = await policy(folder(sound), ['test', '--threshold', '99'])
    expect(run.code).toBe(2)
    expect(run.stderr).toMatch(/^coverage is [\d.]+ %, but 99 % is demanded\n$/)
  })

  test('a failing test: 2, with the assertion underlined', async () => {
    const broken = { ...sound, 'org/models.yaml': 'models: [other]\n' }
    const run = await policy(folder(broken), ['test'])
    expect(run.code).toBe(2)
    expect(run.stdout).toContain('main_test.rego:5:16: customhouse_test.test_allows fails\n')
    expect(run.stdout).toContain('1 of 2 tests passed; interpreter and wasm agree\n')
  })

  test('a failing test of the shipped data says what it is for', async () => {
    const pins = 'package org_test\n\ntest_m if data.org.models == ["m"]\n'
    const run = await policy(folder({ ...sound, 'org_test.rego': pins, 'org/models.yaml': 'models: [m, n]\n' }), [
      'test',
    ])
    expect(run).toMatchObject({ code: 2, stderr: expect.stringMatching(/^org_test\.rego pins the choices of org/) })
  })

  test('a failing test shows the values that its assertion names', async () => {
    const test = 'package a_test\n\nlimit := 3\n\ntest_x if {\n\tx := count("four")\n\tx == limit\n}\n'
    const run = await policy(folder({ 'a_test.rego': test }), ['test'])
    expect(run.stdout).toContain(
      [
        'a_test.rego:7:2: a_test.test_x fails',
        '  7 |     x == limit',
        '    |     ^^^^^^^^^^',
        '    |     |    |',
        '    |     |    3',
        '    |     4',
        '',
      ].join('\n'),
    )
  })

  test('engines that differ: 2, and the test is named', async () => {
    const run = await policy(folder({ 'd_test.rego': 'package d_test\n\ntest_x if not base64.decode("YQ")\n' }), [
      'test',
    ])
    expect(run.code).toBe(2)
    expect(run.stdout).toContain(
      'd_test.rego:3: d_test.test_x passes in the interpreter, but fails in the compiled wasm\n',
    )
  })

  test('no test at all is a finding, not a success', async () => {
    expect(await policy(folder({ 'a.rego': 'package a\n' }), ['test'])).toMatchObject({
      code: 2,
      stderr: 'no test was found\n',
    })
  })

  test('--json', async () => {
    const run = await policy(folder(sound), ['test', '--json', '--filter', 'denies'])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(run.stdout)).toMatchObject({ tests: [{ name: 'test_denies', outcome: 'pass' }], differences: [] })
  })
})

describe('policy build', () => {
  test('writes a bundle whose revision is the digest of the sources', async () => {
    const at = folder(sound)
    const run = await policy(at, ['build', '-o', 'bundle.tar.gz', '--json'])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    const bundle = readBundle(readFileSync(join(at, 'bundle.tar.gz')))
    expect(JSON.parse(run.stdout)).toMatchObject({ revision: bundle.revision, entrypoints: ['customhouse/decision'] })
    expect(JSON.parse(Buffer.from(bundle.data).toString())).toEqual({ org: { models: ['m'] } })
  })

  test('the same folder gives the same bytes, also on standard output', async () => {
    const at = folder(sound)
    await policy(at, ['build', '-o', 'one.tar.gz'])
    const run = await policy(at, ['build', '-o', '-'])
    expect(run.bytes.equals(readFileSync(join(at, 'one.tar.gz')))).toBe(true)
  })

  test('refuses what the strict check refuses, and writes nothing', async () => {
    const at = folder(typo)
    const run = await policy(at, ['build', '-o', 'bundle.tar.gz'])
    expect(run).toMatchObject({ code: 2, stdout: '' })
    expect(run.stderr).toContain('did you mean `model`?')
    expect(() => readFileSync(join(at, 'bundle.tar.gz'))).toThrow()
  })
})

describe('policy eval', () => {
  test('the decision, with the input from a file or from standard input', async () => {
    const at = folder(sound)
    writeFileSync(join(at, 'input.json'), '{"call": {"model": "m"}}')
    const file = await policy(at, ['eval', '--input', 'input.json'])
    expect(file.code).toBe(0)
    expect(JSON.parse(file.stdout)).toEqual({ effect: 'allow' })
    const piped = await policy(at, ['eval', '-i', '-'], '{"call": {"model": "x"}}')
    expect(JSON.parse(piped.stdout)).toEqual({ effect: 'deny' })
  })

  test('an explanation goes to standard error', async () => {
    const run = await policy(folder(sound), ['eval', '-e', 'customhouse/effect', '--explain'])
    expect(run.code).toBe(0)
    expect(JSON.parse(run.stdout)).toBe('deny')
    expect(run.stderr).toMatch(/^main\.rego:10 .*Fail/m)
  })

  test('undefined is a finding', async () => {
    const at = folder(sound)
    expect(await policy(at, ['eval', 'data.customhouse.nothing'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'undefined\n',
    })
    const run = await policy(at, ['eval', 'data.customhouse.nothing', '--json'])
    expect([run.code, JSON.parse(run.stdout)]).toEqual([2, { defined: false, results: [] }])
  })
})

describe('wrong usage is 3', () => {
  test.each([
    ['an unknown option', ['check', '--nope'], /unknown option/],
    ['an unknown verb', ['chekc'], /did you mean check/i],
    ['a threshold that is no percentage', ['test', '--threshold', '120'], /0 to 100/],
    ['no output', ['build'], /output/],
    ['a query and an entrypoint', ['eval', 'x', '-e', 'a/b'], /not both/],
    ['input that is no JSON', ['eval', '-i', '-'], /is not JSON/],
    ['a folder without policies', ['check', '.'], /no \.rego file/],
  ])('%s', async (_name, args, message) => {
    const at = folder(sound)
    rmSync(join(at, 'policies/main_test.rego'))
    const run = await policy(
      args.at(-1) === '.' ? root : at,
      args.at(-1) === '.' ? ['check', join(at, 'policies/org')] : args,
    )
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr).toMatch(message)
  })
})

describe('what cannot be read or written', () => {
  test.each<[string, readonly string[], string, RegExp]>([
    [
      'a bundle into no folder',
      ['build', '-o', 'nowhere/b.tar.gz'],
      'ERR_CLI_USAGE',
      /nowhere\/b\.tar\.gz.*make it first/,
    ],
    ['a bundle over a folder', ['build', '-o', 'policies'], 'ERR_CLI_USAGE', /policies cannot be written.*EISDIR/],
    ['a file for a folder', ['check', 'policies/main.rego'], 'ERR_POLICY_COMPILE', /main\.rego.*it is no folder/],
    ['a folder that is not there', ['check', 'nowhere'], 'ERR_POLICY_COMPILE', /nowhere.*ENOENT/],
  ])('%s', async (_, args, code, message) => {
    const run = await policy(folder(sound), args)
    expect(run.stderr).toContain(code)
    expect(run.stderr).toMatch(message)
    expect(run.stderr).not.toMatch(/\n {4}at /)
    expect(run.code).not.toBe(0)
  })
})
