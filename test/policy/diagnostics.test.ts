import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { Json } from '../../src/core/json.ts'
import { type Diagnostic, explainFaults, formatDiagnostics, PolicyCompileError } from '../../src/policy/diagnostics.ts'
import { readPolicySource } from '../../src/policy/source.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'

const golden = join(import.meta.dirname, 'golden')
const cases = readdirSync(golden).filter((name) => /^\d\d-/.test(name))
const input = JSON.parse(readFileSync(join(golden, 'input.schema.json'), 'utf8')) as Json
const toolchain = openToolchain()
afterAll(() => toolchain.close())

/** What `customhouse policy check` prints for a folder. */
async function checked(folder: string): Promise<{ diagnostics: readonly Diagnostic[]; text: string }> {
  try {
    const source = await readPolicySource(folder)
    const { diagnostics } = await toolchain.check({
      files: source.modules,
      schemas: { input, ...source.schemas },
      data: source.data,
    })
    return { diagnostics, text: formatDiagnostics(diagnostics, source.modules) }
  } catch (error) {
    if (!(error instanceof PolicyCompileError)) throw error
    return { diagnostics: error.diagnostics, text: formatDiagnostics(error.diagnostics, error.sources) }
  }
}

describe('golden diagnostics', () => {
  test('there are at least forty broken policies', () => {
    expect(cases.length).toBeGreaterThanOrEqual(40)
  })

  test.each(cases)('%s', async (name) => {
    const { diagnostics, text } = await checked(join(golden, name))
    expect(text).toBe(readFileSync(join(golden, name, 'expected.txt'), 'utf8'))
    expect(diagnostics.length).toBeGreaterThan(0)
    // Whatever the fault, an author gets a sentence, a place that exists, and no word of the compiler's own making.
    for (const one of diagnostics) {
      expect(one.message).toMatch(/^[`A-Z].*[.?]$/s)
      expect(`${one.message} ${one.related.map(({ message }) => message).join(' ')}`).not.toMatch(/__local|rego_|\$\d/)
      const path = join(golden, name, one.file)
      expect(existsSync(path)).toBe(true)
      const line = readFileSync(path, 'utf8').split('\n')[one.line - 1]
      expect(line).toBeDefined()
      expect([...(line ?? '')].length).toBeGreaterThanOrEqual(one.column - 1)
    }
  })

  test('the same policy gives the same text, whatever the order of its files', async () => {
    const files = {
      'a.rego': 'package a\n\np if q.x\n',
      'b.rego': 'package b\n\np if q.x\n',
      'c.rego': 'package c\n\np if r\n',
    }
    const shuffled = Object.fromEntries(Object.entries(files).toReversed())
    const first = await toolchain.check({ files })
    const second = await toolchain.check({ files: shuffled })
    expect(second).toEqual(first)
    expect(first.diagnostics.map(({ file }) => file)).toEqual(['a.rego', 'b.rego', 'c.rego'])
  })
})

describe('whatever an author types', () => {
  const texts = cases.flatMap((name) => {
    const path = join(golden, name, 'policy.rego')
    return existsSync(path) ? [readFileSync(path, 'utf8')] : []
  })
  const scrap = fc.constantFrom(
    ...[
      '{',
      '}',
      '[',
      ']',
      '(',
      ')',
      '"',
      '`',
      ' if ',
      ' not ',
      '\n',
      ':=',
      '==',
      ',',
      '.',
      'x',
      '# METADATA\n',
      'some ',
    ],
    ...[
      'every ',
      'in ',
      ' contains ',
      '$"{',
      '|',
      'with input as ',
      'default ',
      'import data.',
      'package p\n',
      '日',
      '\t',
      '-',
    ],
  )
  const slip = fc.record({ at: fc.nat(400), cut: fc.nat(6), put: fc.oneof(fc.constant(''), scrap) })

  test('is answered with places that exist, in words that are ours', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...texts),
        fc.array(slip, { minLength: 1, maxLength: 3 }),
        async (text, slips) => {
          const typed = slips.reduce((sofar, { at, cut, put }) => {
            const place = at % (sofar.length + 1)
            return sofar.slice(0, place) + put + sofar.slice(place + cut)
          }, text)
          const { diagnostics } = await toolchain.check({ files: { 'p.rego': typed }, schemas: { input } })
          const lines = typed.split('\n')
          for (const { file, line, column, message } of diagnostics) {
            expect(file).toBe('p.rego')
            expect(lines[line - 1]).toBeDefined()
            expect([...(lines[line - 1] ?? '')].length).toBeGreaterThanOrEqual(column - 1)
            expect(message).not.toMatch(/__local|rego_|\$\d/)
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('folding', () => {
  const fault = (row: number, col: number, message: string, code = 'rego_type_error') => ({
    code,
    message,
    file: 'p.rego',
    row,
    col,
  })

  test('repeated uses of one wrong reference are one diagnostic', () => {
    const found = explainFaults(
      [
        fault(9, 2, 'undefined ref: input.x'),
        fault(3, 2, 'undefined ref: input.x'),
        fault(5, 2, 'undefined ref: input.y'),
      ],
      {},
    )
    expect(found.map(({ line, related }) => [line, related.map((place) => place.line)])).toEqual([
      [3, [9]],
      [5, []],
    ])
  })

  test('names that the compiler made up never reach the author', () => {
    const [unsafe] = explainFaults([fault(3, 2, 'var __local0__ is unsafe', 'rego_unsafe_var_error')], {})
    expect(unsafe?.message).toBe('A part of this expression is never given a value.')
    const [other] = explainFaults([fault(3, 2, 'something about __local12__ here')], {})
    expect(other?.message).toBe('Something about a value here.')
  })

  test('an error without a place is shown without one', () => {
    const found = explainFaults(
      [{ code: 'toolchain_error', message: 'wasm compilation requires at least one entrypoint' }],
      {},
    )
    expect(formatDiagnostics(found, {})).toBe(
      'There is nothing to build: name an entrypoint, or mark a rule with `# METADATA` and `# entrypoint: true`.\n',
    )
  })

  test('every fault is either kept or folded, and the order is that of the places', () => {
    const messages = ['undefined ref: input.a', 'undefined ref: input.b', 'match error', 'var x is unsafe']
    const any = fc.record({
      row: fc.integer({ min: 1, max: 6 }),
      col: fc.integer({ min: 1, max: 4 }),
      message: fc.constantFrom(...messages),
    })
    fc.assert(
      fc.property(fc.array(any, { maxLength: 12 }), (list) => {
        const found = explainFaults(
          list.map(({ row, col, message }) => fault(row, col, message)),
          {},
        )
        const places = found.map(({ line, column }) => line * 100 + column)
        expect(places).toEqual(places.toSorted((a, b) => a - b))
        const told = new Set(
          found.flatMap((one) => [one, ...one.related].map(({ line, column }) => `${line}:${column}`)),
        )
        expect(told).toEqual(new Set(list.map(({ row, col }) => `${row}:${col}`)))
      }),
    )
  })
})

describe('formatDiagnostics', () => {
  const diagnostic = (column: number, width: number): Diagnostic => ({
    file: 'p.rego',
    line: 1,
    column,
    width,
    code: 'rego_type_error',
    message: 'No.',
    cause: 'no',
    related: [],
  })

  test.each([
    ['plain', 'allow if x', 10, 1, '  1 | allow if x\n    |          ^\n'],
    ['a tab is four cells', '\tx', 2, 1, '  1 |     x\n    |     ^\n'],
    ['a wide character is two', '"日本" x', 6, 1, '  1 | "日本" x\n    |        ^\n'],
    ['a width beyond the line is cut', 'abc', 2, 99, '  1 | abc\n    |  ^^\n'],
    ['behind the end of the line', 'abc', 4, 1, '  1 | abc\n    |    ^\n'],
    ['an escape sequence is not obeyed', '\u001b[31mx', 6, 1, '  1 | \ufffd[31mx\n    |      ^\n'],
    ['a Windows line', 'abc\r', 1, 3, '  1 | abc\n    | ^^^\n'],
  ])('%s', (_name, line, column, width, expected) => {
    expect(formatDiagnostics([diagnostic(column, width)], { 'p.rego': line })).toBe(
      `p.rego:1:${column}: No.\n${expected}`,
    )
  })

  test('without the source, the sentence alone', () => {
    expect(formatDiagnostics([diagnostic(2, 1)])).toBe('p.rego:1:2: No.\n')
  })
})
