import { describe, expect, test } from 'vitest'
import { readParams } from '../../plugins/redaction/params.ts'
import type { Live } from '../../plugins/redaction/pseudonyms.ts'
import { redactAnswer } from '../../plugins/redaction/restore/index.ts'
import { tenantKeys, tokenOf } from '../../plugins/redaction/token.ts'
import type { Finding } from '../../src/core/call.ts'
import type { LaneView } from '../../src/core/plugin.ts'
import { applyEdits } from '../../src/pipeline/edits.ts'

/** What was found in an answer itself. */

const keys = tenantKeys(Buffer.alloc(32, 7), 'acme')
const LIVE: readonly Live[] = [
  { token: tokenOf(keys, 'EMAIL', 1, '', 'a@b.example'), value: 'a@b.example', type: 'EMAIL' },
]
const TOKEN = LIVE[0]?.token ?? ''
const EMAIL = 'eve@evil.example'

function filterOf(types: Record<string, string>, more: Record<string, unknown> = {}) {
  const params = readParams({ type: 'redact', params: { types, ...JSON.parse(JSON.stringify(more)) } })
  if ('message' in params) throw new Error(params.message)
  return redactAnswer(params, LIVE, keys)
}

function found(text: string, what: string, type = 'EMAIL', score = 1): Finding {
  const start = text.indexOf(what)
  return { type, pointer: 'l', start, end: start + what.length, score }
}

function viewOf(text: string, findings: readonly Finding[], more: Partial<LaneView> = {}): LaneView {
  const lane = { lane: 'l', channel: 'text', role: 'assistant', released: 0, final: true } as const
  return { ...lane, signed: false, json: false, tool: null, text, findings, ...more }
}

const edited = (types: Record<string, string>, view: LaneView, more: Record<string, unknown> = {}): string =>
  applyEdits(view.text, filterOf(types, more).edit?.(view) ?? [])

describe('in text', () => {
  const text = `Ask ${EMAIL} now`
  test.each([
    ['mask', 'Ask ***@****.******* now'],
    ['drop', 'Ask  now'],
    ['token', 'Ask EMAIL now'],
    ['surrogate', 'Ask EMAIL now'],
    ['generalise', 'Ask EMAIL now'],
    ['keep', text],
  ])('%s', (operator, expected) => {
    expect(edited({ EMAIL: operator }, viewOf(text, [found(text, EMAIL)]))).toBe(expected)
  })

  test('of what overlaps only what the params ask for counts, and each place is edited once', () => {
    const link = `Ask https://x.org/?m=${EMAIL} now`
    const findings = [found(link, `https://x.org/?m=${EMAIL}`, 'URL'), found(link, EMAIL)]
    expect(edited({ EMAIL: 'token' }, viewOf(link, findings))).toBe('Ask https://x.org/?m=EMAIL now')
    expect(edited({ EMAIL: 'token', URL: 'token' }, viewOf(link, findings))).toBe('Ask URL now')
  })

  test('hash is that of requests', () => {
    expect(edited({ EMAIL: 'hash' }, viewOf(text, [found(text, EMAIL)]))).toMatch(/^Ask EMAIL_x[0-9a-f]{16} now$/)
  })

  test.each<[string, Record<string, string>, Record<string, unknown>, number]>([
    ['a type that is not listed', { PHONE: 'drop' }, {}, 1],
    ['a score below its least', { EMAIL: 'drop' }, { min_score: 0.8 }, 0.7],
    ['another channel', { EMAIL: 'drop' }, { channels: ['tool'] }, 1],
    ['another role', { EMAIL: 'drop' }, { roles: ['user'] }, 1],
  ])('%s is left alone', (_, types, more, score) => {
    expect(edited(types, viewOf(text, [found(text, EMAIL, 'EMAIL', score)]), more)).toBe(text)
  })

  test("what a live token stands for is the restorer's, also where a finding is smaller", () => {
    const said = `to ${TOKEN}, ok`
    for (const what of [TOKEN, TOKEN.slice(0, 5), TOKEN.slice(-4)])
      expect(edited({ '*': 'drop' }, viewOf(said, [found(said, what)]))).toBe(said)
  })

  test('what a finding holds beside a live token is done away with, and a credential whole', () => {
    const said = `to peter.${TOKEN}@firm.example, ok`
    const what = `peter.${TOKEN}@firm.example`
    expect(edited({ '*': 'drop' }, viewOf(said, [found(said, what)]))).toBe(`to ${TOKEN}, ok`)
    expect(edited({ '*': 'drop' }, viewOf(said, [found(said, what, 'SECRET')]))).toBe('to , ok')
    expect(() => edited({ SECRET: 'refuse' }, viewOf(said, [found(said, what, 'SECRET')]))).toThrow('SECRET')
  })
})

test.each(['refuse'])('%s ends the answer, and names the type alone', (operator) => {
  const view = viewOf(EMAIL, [found(EMAIL, EMAIL)])
  expect(() => filterOf({ EMAIL: operator }).edit?.(view)).toThrow(
    expect.objectContaining({ code: 'ERR_POLICY_DENIED', message: expect.not.stringContaining(EMAIL) }),
  )
})

test('what stands where nothing can be edited ends it as well', () => {
  const view = viewOf(EMAIL, [found(EMAIL, EMAIL)], { lane: '@3#/a' })
  expect(() => filterOf({ EMAIL: 'mask' }).edit?.(view)).toThrow(expect.objectContaining({ code: 'ERR_POLICY_DENIED' }))
})

describe('in the JSON of a tool', () => {
  const json = { json: true, tool: 't', channel: 'tool', lane: 'l' } as const
  test('a number becomes a string, and in a string nothing breaks', () => {
    const text = '{"card":4111111111111111,"to":"x eve@evil.example \\" y"}'
    const findings = [found(text, '4111111111111111', 'CREDIT_CARD'), found(text, EMAIL)]
    const said = edited({ '*': 'token' }, viewOf(text, findings, json))
    expect(JSON.parse(said)).toEqual({ card: 'CREDIT_CARD', to: 'x EMAIL " y' })
  })

  test('also where the beginning of the text is released', () => {
    const filter = filterOf({ '*': 'token' })
    const all = '{"a":"\\"b","to":"eve@evil.example","card":4111111111111111}'
    const cuts = [6, 7, 8, 16, 17]
    for (const released of cuts) {
      const text = all.slice(released)
      filter.edit?.(viewOf(all.slice(0, released), [], { ...json, lane: `l${released}`, final: false }))
      const findings = [found(text, EMAIL), found(text, '4111111111111111', 'CREDIT_CARD')]
      const edits = filter.edit?.(viewOf(text, findings, { ...json, lane: `l${released}`, released })) ?? []
      const said = all.slice(0, released) + applyEdits(text, edits)
      expect(JSON.parse(said)).toEqual({ a: '"b', to: 'EMAIL', card: 'CREDIT_CARD' })
    }
  })
})

test('each finding is counted once, however often it is reported', () => {
  const filter = filterOf({ EMAIL: 'mask' })
  const text = `${EMAIL} and more`
  for (let i = 0; i < 3; i++) filter.edit?.(viewOf(text, [found(text, EMAIL)]))
  expect(filter.notes?.()).toEqual({ 'EMAIL mask': 1 })
})

describe('in an answer that was asked for as JSON', () => {
  const json = { json: true, channel: 'text' } as const
  test.each([
    ['a string', `{"to":"${EMAIL}"}`, '{"to":"EMAIL"}'],
    ['a number', `{"to":7}`.replace('7', EMAIL), '{"to":"EMAIL"}'],
    ['prose that comes all the same', `To ${EMAIL}.`, 'To EMAIL.'],
  ])('%s', (_, text, expected) => {
    expect(edited({ EMAIL: 'token' }, viewOf(text, [found(text, EMAIL)], json))).toBe(expected)
  })
})
