import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CustomhouseError, ERROR_CODES, type ErrorCode, isCustomhouseError } from '../src/core/errors.ts'
import { ROOT } from './house.ts'

/** Codes, sources and docs/errors.md, held together in every direction. */

const docs = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')
const codes = Object.keys(ERROR_CODES) as ErrorCode[]

/** A code that is kept for what is to come. Whoever raises it takes it out of here. */
const RESERVED: readonly ErrorCode[] = []

const sections = new Map(
  [...docs.matchAll(/^### (\w+)\n\n(.*?)(?=^##|$(?![\s\S]))/gms)].map((match) => [match[1] ?? '', match[2] ?? '']),
)

const sources = ['src', 'plugins'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .filter((name) => name !== join('src', 'core', 'errors.ts'))
    .map((name) => ({ name, text: readFileSync(join(ROOT, name), 'utf8') })),
)

test('every code has a heading, every heading is a code', () => {
  expect([...sections.keys()].toSorted()).toEqual(codes.toSorted())
})

describe.each(codes)('%s', (code) => {
  const section = sections.get(code) ?? ''

  test('docs and code agree on the status', () => {
    const stated = /^Status: (\d{3}|none)\b/.exec(section)?.[1]
    expect(stated).toBe(ERROR_CODES[code] === 0 ? 'none' : String(ERROR_CODES[code]))
    expect(new CustomhouseError(code, 'A sentence.').status).toBe(ERROR_CODES[code])
  })

  test('docs say what it means', () => expect(section.length).toBeGreaterThan(120))

  test(RESERVED.includes(code) ? 'is reserved, and raised nowhere' : 'is raised somewhere', () => {
    const raised = sources.filter(({ text }) => text.includes(`'${code}'`)).map(({ name }) => name)
    if (RESERVED.includes(code)) expect(raised).toEqual([])
    else expect(raised).not.toEqual([])
    expect(section.includes('Reserved')).toBe(RESERVED.includes(code))
  })
})

test('docs and the command line agree on exit codes', () => {
  const main = readFileSync(join(ROOT, 'src/cli/main.ts'), 'utf8')
  const table = /EXIT_CODES[^{]*\{(.*?)\n\}/s.exec(main)?.[1] ?? ''
  const real = [...table.matchAll(/(ERR_\w+): (\d)/g)].map((match) => `${match[1]} ${match[2]}`)
  const stated = [...sections].flatMap(([code, text]) => {
    const exit = /^Status: .*\bExit: (\d)\./.exec(text.split('\n')[0] ?? '')?.[1]
    return exit === undefined ? [] : [`${code} ${exit}`]
  })
  expect(real.length).toBeGreaterThan(5)
  expect(stated.toSorted()).toEqual(real.toSorted())
})

test('nothing speaks of a code that is none', () => {
  const texts = [
    ...sources,
    ...readdirSync(ROOT)
      .filter((name) => name.endsWith('.md'))
      .map((name) => ({ name, text: readFileSync(join(ROOT, name), 'utf8') })),
    ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => ({ name: join('docs', name), text: readFileSync(join(ROOT, 'docs', name), 'utf8') })),
  ]
  const known: ReadonlySet<string> = new Set(codes)
  const areas = [...new Set(codes.map((code) => code.split('_')[1]))].join('|')
  const strangers = texts.flatMap(({ name, text }) =>
    [...text.matchAll(new RegExp(`\\bERR_(?:${areas})_[A-Z_]*[A-Z]\\b`, 'g'))]
      .filter(([code]) => !known.has(code))
      .map(([code]) => `${name}: ${code}`),
  )
  expect(strangers).toEqual([])
})

test('every error of ours is thrown with a sentence: there is no empty message', () => {
  const empty = sources.filter(({ text }) => /new CustomhouseError\(\s*'ERR_\w+',\s*(?:''|""|``)/.test(text))
  expect(empty.map(({ name }) => name)).toEqual([])
})

test('an error is known by its code', () => {
  const error = new CustomhouseError('ERR_CALL_TOO_LARGE', 'Too large.', { status: 499, detail: { bytes: 3 } })
  expect(isCustomhouseError(error)).toBe(true)
  expect(isCustomhouseError(error, 'ERR_CALL_TOO_LARGE')).toBe(true)
  expect(isCustomhouseError(error, 'ERR_CALL_MALFORMED')).toBe(false)
  expect(isCustomhouseError({ code: 'ERR_CALL_TOO_LARGE' })).toBe(false)
  expect(error).toMatchObject({ status: 499, detail: { bytes: 3 }, name: 'CustomhouseError' })
})
