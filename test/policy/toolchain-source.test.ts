import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { isCustomhouseError } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/json.ts'
import { PolicyCompileError } from '../../src/policy/diagnostics.ts'
import { readPolicySource } from '../../src/policy/source.ts'
import { findJsonFault } from '../../src/policy/toolchain/json.ts'

const root = mkdtempSync(join(tmpdir(), 'customhouse-source-test-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let number = 0
function folder(files: Readonly<Record<string, string | Uint8Array>>): string {
  const at = join(root, String(number++))
  mkdirSync(at)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(at, path)), { recursive: true })
    writeFileSync(join(at, path), content)
  }
  return at
}

/** `file:line:column: sentence` of each fault. */
async function faults(at: string): Promise<string[]> {
  try {
    await readPolicySource(at)
    return []
  } catch (error) {
    if (!(error instanceof PolicyCompileError)) throw error
    return error.diagnostics.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`)
  }
}

describe('a policy folder', () => {
  test('modules by path, schemas by name, data by folder', async () => {
    const at = folder({
      'main.rego': 'package a\n',
      'controls/b/b.rego': 'package b\n',
      'schema/input.json': '{"type":"object"}',
      'schema/nested/x.json': '{"type":"string"}',
      'org/limits.yaml': 'limit: 3\nnames: [a, no, 2026-01-01]\n',
      'org/eu/more.json': '{"regions": ["eu"], "deep": {"a": 1}}',
      'org/eu/other.yml': 'deep: {b: 2}\n',
      'root.json': '{"top": null}',
      'README.md': '# not read',
      '.hidden.yaml': '{{{',
      '.git/config.json': '{{{',
    })
    const { digest, ...source } = await readPolicySource(at)
    expect(source).toEqual({
      modules: { 'main.rego': 'package a\n', 'controls/b/b.rego': 'package b\n' },
      schemas: { input: { type: 'object' }, 'nested/x': { type: 'string' } },
      data: {
        org: { limit: 3, names: ['a', 'no', '2026-01-01'], eu: { regions: ['eu'], deep: { a: 1, b: 2 } } },
        top: null,
      },
    })
    expect(digest).toMatch(/^[0-9a-f]{64}$/)
  })

  test('the digest is of what is read: same files, same digest; any other byte or path, another', async () => {
    const files = { 'a.rego': 'package a\n', 'org/x.yaml': 'a: 1\n', 'README.md': 'one' }
    const digest = async (more: Record<string, string>): Promise<string> =>
      (await readPolicySource(folder({ ...files, ...more }))).digest
    const first = await digest({})
    expect(await digest({ 'README.md': 'two', '.x.yaml': 'a: 2' })).toBe(first)
    const others = await Promise.all([
      digest({ 'a.rego': 'package a\n\n' }),
      digest({ 'org/x.yaml': 'a:  1\n' }),
      digest({ 'b.rego': 'package b\n' }),
      digest({ 'org/y.json': '{}' }),
    ])
    expect(new Set([first, ...others]).size).toBe(5)
  })

  test.each<[string, Record<string, string | Uint8Array>, string[]]>([
    [
      'a key twice, in YAML and in JSON',
      { 'a.yaml': 'x: 1\nx: 2\n', 'b.json': '{"y": 1,\n "y": 2}' },
      [
        'a.yaml:2:1: This key stands twice in one object: remove one.',
        'b.json:2:2: This key stands twice in one object: remove one.',
      ],
    ],
    [
      'one value from two files',
      { 'o/a.yaml': 'x: {y: 1}\n', 'o/b.json': '{"x": {"y": 1}}' },
      ['o/b.json:1:1: Both o/a.yaml and o/b.json give a value to `data.o.x.y`: remove one.'],
    ],
    [
      'an object over a value',
      { 'o/a.yaml': 'x: 1\n', 'o/x/b.yaml': 'y: 1\n' },
      ['o/x/b.yaml:1:1: Both o/a.yaml and o/x/b.yaml give a value to `data.o.x`: remove one.'],
    ],
    [
      'no object',
      { 'a.yaml': '- 1\n', 'b.json': '3', 'c.yaml': '' },
      [
        'a.yaml:1:1: A data file must hold one object, so that its parts have names.',
        'b.json:1:1: A data file must hold one object, so that its parts have names.',
        'c.yaml:1:1: This file holds nothing: write `{}` if that is meant.',
      ],
    ],
    [
      'numbers that cannot be kept',
      { 'a.yaml': 'x: 9007199254740993\n', 'b.json': '{"x": 1e400}', 'c.yaml': 'x: .nan\n' },
      [
        'a.yaml:1:4: This number is too large to be kept exactly: quote it.',
        'b.json:1:7: This number is too large to be kept exactly: quote it.',
        'c.yaml:1:4: This number has no place in JSON.',
      ],
    ],
    [
      'prototypes',
      { 'a.yaml': '__proto__: {x: 1}\n', 'b.json': '{"__proto__": {"x": 1}}', '__proto__/c.json': '{"x": 1}' },
      [
        '__proto__/c.json:1:1: A folder named `__proto__` is not allowed.',
        'a.yaml:1:1: The key `__proto__` is not allowed.',
        'b.json:1:2: The key `__proto__` is not allowed.',
      ],
    ],
    [
      'more than 1 MiB',
      { 'a.rego': new Uint8Array(1024 * 1024 + 1).fill(0x20) },
      ['a.rego:1:1: This file is larger than 1 MiB: split it.'],
    ],
    ['no UTF-8', { 'a.rego': Uint8Array.from([0x70, 0xff]) }, ['a.rego:1:1: This file is not UTF-8 text.']],
    [
      'a schema that is not JSON',
      { 'schema/input.json': '{"a": }' },
      ['schema/input.json:1:7: Here JSON needs a value, but there is `}`.'],
    ],
  ])('%s is refused', async (_name, files, expected) => {
    expect(await faults(folder(files))).toEqual(expected)
  })

  test('aliases cannot blow up', async () => {
    const lines = ['a: &a [x,x,x,x,x,x,x,x,x]']
    for (const [name, of] of ['ba', 'cb', 'dc', 'ed', 'fe', 'gf', 'hg'].map((pair) => [...pair])) {
      lines.push(`${name}: &${name} [${Array(9).fill(`*${of}`).join(',')}]`)
    }
    await expect(readPolicySource(folder({ 'bomb.yaml': `${lines.join('\n')}\n` }))).rejects.toThrow()
  })

  test('a link inside is followed, a link out of the folder is refused, a loop of folders is not walked', async () => {
    const outside = folder({ 'secret.json': '{"secret": 1}', 'x.rego': 'package x\n' })
    const at = folder({ '..data/limits.yaml': 'limit: 1\n', 'a.rego': 'package a\n' })
    symlinkSync('..data/limits.yaml', join(at, 'limits.yaml'))
    symlinkSync('.', join(at, 'loop'))
    expect(await readPolicySource(at)).toMatchObject({ modules: { 'a.rego': 'package a\n' }, data: { limit: 1 } })
    symlinkSync(join(outside, 'secret.json'), join(at, 'out.json'))
    symlinkSync(outside, join(at, 'folder'))
    symlinkSync('nowhere.json', join(at, 'dangling.json'))
    expect(await faults(at)).toEqual([
      'dangling.json:1:1: This link leads out of the policy folder: put the file itself here.',
      'out.json:1:1: This link leads out of the policy folder: put the file itself here.',
    ])
  })

  test('the folder itself may be a link, and a pipe is no file to wait for', async () => {
    const at = folder({ 'a.rego': 'package a\n' })
    execFileSync('mkfifo', [join(at, 'pipe.json')])
    const link = join(root, 'link')
    symlinkSync(at, link)
    expect(Object.keys((await readPolicySource(link)).modules)).toEqual(['a.rego'])
  })

  test('a folder that cannot be read is an error of its own', async () => {
    const error = await readPolicySource(join(root, 'nowhere')).catch((e: unknown) => e)
    expect(isCustomhouseError(error, 'ERR_POLICY_COMPILE') && error.message).toMatch(/nowhere cannot be read/)
  })

  test.each([
    [
      'a file',
      'a.rego',
      /PolicyCompileError: .*a\.rego:1:1: This file cannot be read: no permission \(EACCES\).* ERR_POLICY_COMPILE/,
    ],
    [
      'a folder',
      'b',
      /CustomhouseError: The policy folder .*\/b cannot be read: no permission \(EACCES\).* ERR_POLICY_COMPILE/,
    ],
  ])('%s that cannot be read is an error with its path, and what to do', (_, closed, message) => {
    const at = folder({ 'a.rego': 'package a\n', 'b/c.rego': 'package c\n' })
    chmodSync(join(at, closed), 0)
    chmodSync(root, 0o755)
    // Root may read everything: a process of its own becomes nobody, once it has loaded what it runs.
    const source = JSON.stringify(resolve(import.meta.dirname, '../../src/policy/source.ts'))
    const script = `const { readPolicySource } = await import(${source})
      if (process.getuid() === 0) process.seteuid(65534)
      await readPolicySource(${JSON.stringify(at)}).then(() => console.log('read'), (error) => console.log(error.constructor.name + ':', error.message, error.code))`
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
    expect(said).toMatch(message)
  })
})

describe('findJsonFault', () => {
  const number = fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }))
  const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.constant(null),
      fc.boolean(),
      number,
      fc.string({ unit: 'grapheme' }),
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(
        fc.string().filter((key) => key !== '__proto__'),
        tie('tree'),
        { maxKeys: 4 },
      ),
    ),
  }))

  test('finds nothing in what JSON.stringify writes', () => {
    fc.assert(
      fc.property(tree, fc.constantFrom(0, 2, '\t'), (value, space) => {
        expect(findJsonFault(JSON.stringify(value, null, space))).toBeUndefined()
      }),
    )
  })

  test('finds something wherever JSON.parse does', () => {
    const noise = fc.string({ unit: fc.constantFrom(...'{}[],:"\\ 01e.-truefalsn\n'), maxLength: 12 })
    fc.assert(
      fc.property(
        fc.oneof(
          noise,
          fc.tuple(tree, fc.nat(), noise).map(([value, at, cut]) => {
            const text = JSON.stringify(value)
            const place = at % (text.length + 1)
            return text.slice(0, place) + cut + text.slice(place)
          }),
        ),
        (text) => {
          let parsed: unknown
          try {
            parsed = JSON.parse(text)
          } catch {
            parsed = undefined
          }
          const fault = findJsonFault(text)
          if (parsed === undefined) {
            expect(fault).toBeDefined()
            expect(fault?.offset).toBeLessThanOrEqual(text.length)
          } else if (fault !== undefined) {
            expect(fault.message).toMatch(/twice|too large|__proto__/)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})
