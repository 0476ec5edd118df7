import { describe, expect, test } from 'vitest'
import { readProfiles } from '../../plugins/redaction/profiles.ts'
import type { Finding, Segment } from '../../src/core/call.ts'
import type { Json } from '../../src/core/json.ts'
import type { Discharged, LaneView } from '../../src/core/plugin.ts'
import { applyEdits } from '../../src/pipeline/edits.ts'
import { callOf, discharge, foundIn, redacted, redaction, restored, said, TARGET } from './discharge-order.ts'

const ADA = 'Ada Lovelace'
const MAIL = 'ada@lovelace.net'
const VALUES = { [ADA]: 'PERSON', [MAIL]: 'EMAIL' }
const TOKEN = { types: { '*': 'token' } }

type Params = Readonly<Record<string, Json>>

async function of(segments: readonly Segment[], params: Params, findings = foundIn(segments, VALUES)) {
  return redacted({ segments, findings, params })
}

async function unmet(segments: readonly Segment[], findings: readonly Finding[], params: Params): Promise<string> {
  const done: Discharged = await discharge({ segments, findings, params })
  if (done.met) throw new Error('it is met')
  expect(done.code).toBe('unredactable')
  return done.message
}

describe('params', () => {
  const WRONG: readonly (readonly [params: Params, says: RegExp])[] = [
    [{}, /types must be an object/],
    [{ types: {} }, /at least one type/],
    [{ types: [] }, /types must be an object/],
    [{ types: { PERSON: 'token' }, mode: 'x' }, /"mode" is no member/],
    [{ types: { person: 'token' } }, /"person" is no type/],
    [{ types: { PERSON: 'encrypt' } }, /types\.PERSON must be one of token, mask/],
    [{ types: { PERSON: null } }, /types\.PERSON must be an operator/],
    [{ types: { PERSON: ['token'] } }, /types\.PERSON must be an operator/],
    [{ types: { PERSON: { operator: 'token', last: 4 } } }, /token takes no options/],
    [{ types: { PERSON: { operator: 'mask', last: 5 } } }, /last must be 0 to 4/],
    [{ types: { PERSON: { operator: 'mask', first: 7 } } }, /first must be 0 to 6/],
    [{ types: { PERSON: { operator: 'mask', middle: 1 } } }, /mask takes first and last/],
    [{ types: { PERSON: { operator: 'hash', length: 8 } } }, /length must be 16 to 64/],
    [{ types: { DATE: { operator: 'generalise', to: 'day' } } }, /to must be year, month or type/],
    [{ types: { CVV: 'token' } }, /types\.CVV may never be kept/],
    [{ types: { CVV: 'keep' } }, /types\.CVV may never be kept/],
    [{ types: { TRACK: 'surrogate' } }, /types\.TRACK may never be kept/],
    [{ types: { PIN: 'hash' } }, /types\.PIN may never be kept/],
    [{ types: { PIN: { operator: 'mask', last: 1 } } }, /types\.PIN may never be kept/],
    [{ ...TOKEN, min_score: 2 }, /min_score must be a number from 0 to 1/],
    [{ ...TOKEN, scores: { PERSON: '0.5' } }, /scores\.PERSON must be a number/],
    [{ ...TOKEN, channels: ['speech'] }, /channels: "speech" is none of text, reasoning, tool, data/],
    [{ ...TOKEN, channels: [] }, /channels must be a list/],
    [{ ...TOKEN, roles: 'user' }, /roles must be a list/],
    [{ ...TOKEN, restore: { text: 'yes' } }, /restore takes text: true or false/],
    [{ ...TOKEN, restore: { tools: 'some' } }, /restore\.tools must be all, none, or the names of tools/],
    [{ ...TOKEN, restore: { tools: { send: 'some' } } }, /each tool takes "all" or a list/],
    [{ ...TOKEN, answer: true }, /answer may only be "inspect"/],
  ]
  test.each(WRONG)('%j are not carried out', async (params, says) => {
    expect(await unmet([said(0, 'nothing')], [], params)).toMatch(says)
    const { response } = redaction().discharge?.redact ?? {}
    const asked = { call: callOf([]), target: TARGET, obligation: { type: 'redact', params } }
    expect(await response?.(asked)).toMatchObject({ met: false, code: 'unredactable' })
  })
})

describe('what is taken out', () => {
  const user = said(0, `I am ${ADA}`)
  const system = said(1, `You serve ${ADA}`, { role: 'system' })
  const tool: Segment = { ...said(2, `${ADA}, ${MAIL}`), channel: 'tool', role: 'tool' }
  const segments = [user, system, tool]
  const at = (texts: readonly string[]): string => texts.map((text) => (text.includes(ADA) ? '-' : 'x')).join('')

  const CASES: readonly (readonly [what: string, params: Params, taken: string])[] = [
    ['everything by the rule for all', TOKEN, 'xxx'],
    ['a type that is listed', { types: { PERSON: 'token' } }, 'xxx'],
    ['no other type', { types: { EMAIL: 'token' } }, '---'],
    ['not what is kept', { types: { PERSON: 'keep', '*': 'token' } }, '---'],
    ['only listed channels', { ...TOKEN, channels: ['text'] }, 'xx-'],
    ['only listed roles', { ...TOKEN, roles: ['system', 'tool'] }, '-xx'],
    ['from the score on', { ...TOKEN, min_score: 0.8 }, 'xxx'],
    ['not below the score', { ...TOKEN, min_score: 0.9 }, '---'],
    ["by a type's own score", { ...TOKEN, min_score: 0.9, scores: { PERSON: 0.2 } }, 'xxx'],
  ]
  test.each(CASES)('%s: %j', async (_, params, taken) => {
    const findings = foundIn(segments, VALUES).map((finding) => ({ ...finding, score: 0.8 }))
    expect(at((await of(segments, params, findings)).texts)).toBe(taken)
  })

  test('below one half nothing is, by default', async () => {
    const findings = foundIn(segments, VALUES).map((finding) => ({ ...finding, score: 0.49 }))
    expect(at((await of(segments, TOKEN, findings)).texts)).toBe('---')
  })

  test('what overlaps is parted as it is asked for; what must never be kept takes with it what it touches', async () => {
    const text = 'Ada Lovelace 123'
    const pointer = '/messages/0/content'
    const all = (type: string, start: number, end: number): Finding => ({ type, pointer, start, end, score: 1 })
    const long = await of([said(0, text)], TOKEN, [all('PERSON', 0, 12), all('ID', 4, 16), all('EMAIL', 4, 6)])
    expect(long.texts[0]).toMatch(/^PERSON_1_[0-9a-z]{4} ID_1_[0-9a-z]{4}$/)
    expect(restored(long.filter, long.texts[0] ?? '')).toBe(text)
    const never = await of([said(0, text)], TOKEN, [all('PERSON', 0, 16), all('CVV', 13, 16)])
    expect(never.texts).toEqual(['********'])
    expect(never.filter).toBeUndefined()
  })

  const LINK = 'https://x.org/pay?card=4111111111111111&mail=jo@example.com'
  const HELD: Readonly<Record<string, string>> = {
    [LINK]: 'URL',
    '4111111111111111': 'CREDIT_CARD',
    'jo@example.com': 'EMAIL',
  }
  test.each<[what: string, params: Params, sent: RegExp]>([
    ['a card', { types: { CREDIT_CARD: 'drop' } }, /^pay: https:\/\/x\.org\/pay\?card=&mail=jo@example\.com$/],
    ['a mail address', { types: { EMAIL: 'token' } }, /^pay: https:.*card=4111111111111111&mail=EMAIL_1_[0-9a-z]{4}$/],
    [
      'what is in one that is kept',
      { types: { URL: 'keep', '*': 'token' } },
      /card=CREDIT_CARD_1_\S{4}&mail=EMAIL_1_\S{4}$/,
    ],
    ['all of it', TOKEN, /^pay: URL_1_[0-9a-z]{4}$/],
    ['what is in one that is not sure enough', { ...TOKEN, scores: { URL: 1 } }, /card=CREDIT_CARD_1_\S{4}&mail=EMAIL/],
  ])('where an address of the web holds more, the params are asked first: %s', async (_, params, sent) => {
    const segment = said(0, `pay: ${LINK}`)
    const findings = Object.entries(HELD).map(([value, type]): Finding => {
      const start = segment.text.indexOf(value)
      return { type, pointer: segment.pointer, start, end: start + value.length, score: type === 'URL' ? 0.95 : 1 }
    })
    const { texts } = await of([segment], params, findings)
    expect(texts[0]).toMatch(sent)
    expect(await unmet([segment], findings, { types: { URL: 'token', CREDIT_CARD: 'refuse' } })).toMatch(
      /CREDIT_CARD \(1\)/,
    )
  })

  test('flags are left alone by the rule for all others, and go where they are listed', async () => {
    const findings = foundIn([said(0, 'E11.9')], { 'E11.9': 'HEALTH' })
    expect((await of([said(0, 'E11.9')], TOKEN, findings)).texts).toEqual(['E11.9'])
    expect((await of([said(0, 'E11.9')], { types: { HEALTH: 'drop' } }, findings)).texts).toEqual(['HEALTH'])
  })

  test('what is in an encoded run goes there, and comes back as it was meant', async () => {
    const run = Buffer.from(`name=${ADA}; mail=${MAIL}`).toString('base64')
    const from = Math.floor((5 * 8) / 6)
    const findings: Finding[] = [
      { type: 'PERSON', pointer: '/messages/0/content', start: 8 + from, end: 8 + Math.ceil((17 * 8) / 6), score: 1 },
    ]
    const { texts, filter } = await of([said(0, `Decode: ${run} please`)], TOKEN, findings)
    const [, sent = ''] = /^Decode: (\S+) please$/.exec(texts[0] ?? '') ?? []
    const read = Buffer.from(sent, 'base64').toString()
    expect(read).toMatch(/^name=PERSON_1_[0-9a-z]{4}; mail=ada@lovelace\.net$/)
    expect(restored(filter, `Hello ${read.slice(5, 18)}`)).toBe(`Hello ${ADA}`)
  })

  test('two ways of writing one value are one: with escapes and without', async () => {
    const json = said(0, '{"name":"J\\u00fcrgen M\\u00fcller"}', { json: true, channel: 'tool', tool: 'send' })
    const plain = said(1, 'Jürgen Müller')
    const findings = foundIn([json, plain], { 'J\\u00fcrgen M\\u00fcller': 'PERSON', 'Jürgen Müller': 'PERSON' })
    const { texts, filter } = await of([json, plain], TOKEN, findings)
    expect(JSON.parse(texts[0] ?? '')).toEqual({ name: texts[1] })
    expect(restored(filter, texts[1] ?? '')).toBe('Jürgen Müller')
  })
})

describe('what cannot be done', () => {
  const CANARY = 'ada@lovelace.net'
  test('is not where a member has the name, a number is one, or a provider has signed; no text is told', async () => {
    const places: readonly Segment[] = [
      { pointer: `/metadata/${CANARY}#`, role: 'none', channel: 'data', text: CANARY },
      { pointer: '/metadata/card~#', role: 'none', channel: 'data', text: '4111111111111111' },
      said(0, CANARY, { signed: true }),
    ]
    for (const segment of places) {
      for (const operator of ['token', 'mask', 'drop', 'hash', 'refuse'] as const) {
        const findings = [{ type: 'EMAIL', pointer: segment.pointer, start: 0, end: segment.text.length, score: 1 }]
        const message = await unmet([segment], findings, { types: { EMAIL: operator } })
        expect(message).toContain('EMAIL')
        expect(message).not.toContain(segment.text)
      }
      const kept = { types: { EMAIL: 'keep' } }
      expect((await discharge({ segments: [segment], findings: [], params: kept })).met).toBe(true)
    }
  })

  test('is told with its place, but not with the names of members in which something was found', async () => {
    const name: Segment = { pointer: `/metadata/${CANARY}#`, role: 'none', channel: 'data', text: CANARY }
    const inner: Segment = {
      pointer: `/metadata/${CANARY}/card~#`,
      role: 'none',
      channel: 'data',
      text: '4111111111111111',
    }
    const findings = [
      { type: 'EMAIL', pointer: name.pointer, start: 0, end: CANARY.length, score: 1 },
      { type: 'CREDIT_CARD', pointer: inner.pointer, start: 0, end: 16, score: 1 },
    ]
    expect(await unmet([name, inner], findings, { types: { CREDIT_CARD: 'token' } })).toBe(
      'redact: CREDIT_CARD stands where nothing can be edited: a number at /metadata/*/card',
    )
  })

  test('is told by type and count where it may not be sent', async () => {
    const segments = [said(0, `${ADA} ${MAIL}`), said(1, MAIL)]
    const message = await unmet(segments, foundIn(segments, VALUES), { types: { EMAIL: 'refuse', '*': 'token' } })
    expect(message).toBe('redact: the call holds what may not be sent: EMAIL (2)')
  })
})

describe('what goes with it', () => {
  const segments = [said(0, `${ADA}, ${MAIL}`), said(1, `${MAIL} 123`)]
  const findings = [...foundIn(segments, VALUES), ...foundIn(segments, { 123: 'CVV' })]

  test('counts by type and operator, for the record', async () => {
    const { done } = await of(segments, { types: { PERSON: 'token', EMAIL: 'drop', '*': 'token' } }, findings)
    expect(done).toMatchObject({ notes: { PERSON: { token: 1 }, EMAIL: { drop: 2 }, CVV: { mask: 1 } } })
  })

  test('of many types no more than a record has room for', async () => {
    const many = Array.from({ length: 200 }, (_, i) => said(i, `value${i}`))
    const types = Object.fromEntries(many.map(({ text }, i) => [text, `TYPE_WITH_A_VERY_LONG_NAME_NO_${i}`]))
    const { done } = await of(many, TOKEN, foundIn(many, types))
    expect(JSON.stringify('notes' in done ? done.notes : null).length).toBeLessThan(2000)
    expect('notes' in done && Object.keys(done.notes ?? {}).length).toBe(30)
  })

  test('the name of the profile, where one is asked for and a record has room for it', async () => {
    const name = 'é'.repeat(31)
    const types = Object.fromEntries(
      Array.from({ length: 200 }, (_, i) => [`value${i}`, `TYPE_WITH_A_VERY_LONG_NAME_NO_${i}`]),
    )
    const many = Object.keys(types).map((text, i) => said(i, text))
    const profiles = readProfiles({
      controls: { redaction: { profiles: { [name]: { redact: TOKEN }, [`${name}é`]: { redact: TOKEN }, off: {} } } },
      org: { redaction: { defaults: { profile: 'off' } } },
    })
    const plugin = redaction('a secret of 32 bytes or some more', profiles)
    const notes = async (profile: string, texts: readonly Segment[], findings: readonly Finding[]) => {
      const done = await discharge({ segments: texts, findings, params: { profile }, plugin })
      return done.met ? done.notes : done.message
    }
    expect(await notes(name, segments, [])).toEqual({ profile: name })
    expect(await notes(name, segments, findings)).toMatchObject({ profile: name, EMAIL: { token: 2 } })
    const full = await notes(name, many, foundIn(many, types))
    expect(full).toMatchObject({ profile: name })
    expect(Buffer.byteLength(JSON.stringify(full))).toBeLessThan(2000)
    expect(await notes(`${name}é`, segments, [])).toBeUndefined()
  })

  test("another reading of a type of the policy's own is not told, and what is proved is", async () => {
    const number = 'PN-123456'
    const texts = [said(0, `policy ${number}`)]
    const both = (type: string, score: number) => [
      ...foundIn(texts, { [number]: 'POLICY_NUMBER' }).map((one) => ({ ...one, score: 0.85 })),
      ...foundIn(texts, { [number]: type }).map((one) => ({ ...one, score })),
    ]
    const sent = async (params: Readonly<Record<string, Json>>, type = 'ID', score = 0.85) =>
      (await redacted({ segments: texts, findings: both(type, score), params })).texts[0]
    expect(await sent(TOKEN)).toMatch(/^policy POLICY_NUMBER_1_\w{4}$/)
    const kept = { types: { POLICY_NUMBER: 'keep', '*': 'token' } }
    expect(await sent(kept)).toBe(`policy ${number}`)
    expect(await sent({ ...kept, scores: { POLICY_NUMBER: 0.9 } })).toMatch(/^policy ID_1_\w{4}$/)
    expect(await sent({ types: { ID: 'token' } })).toMatch(/^policy ID_1_\w{4}$/)
    expect(await sent(kept, 'CREDIT_CARD', 1)).toMatch(/^policy CREDIT_CARD_1_\w{4}$/)
    expect(await sent(kept, 'CVV', 0.85)).toBe('policy ********')
  })

  test('nothing where nothing was found', async () => {
    expect(await discharge({ segments, findings: [], params: TOKEN })).toEqual({ met: true, edits: [] })
  })

  test('the wish that the answer be inspected', async () => {
    expect(await discharge({ segments, findings: [], params: { ...TOKEN, answer: 'inspect' } })).toMatchObject({
      inspects: true,
    })
  })

  test('a filter only where something can be put back', async () => {
    const filterOf = async (params: Params) => (await of(segments, params, findings)).filter !== undefined
    expect(await filterOf(TOKEN)).toBe(true)
    expect(await filterOf({ types: { '*': 'drop' } })).toBe(false)
    expect(await filterOf({ ...TOKEN, restore: { text: false, tools: 'none' } })).toBe(false)
    expect(await filterOf({ ...TOKEN, restore: { text: false } })).toBe(true)
  })

  test('putting back only where it may be', async () => {
    const make = async (restore: Json) => {
      const { texts, filter } = await of([said(0, ADA)], { ...TOKEN, restore })
      const [token = ''] = texts
      const args: Partial<LaneView> = { channel: 'tool', json: true }
      const back = (text: string, lane: Partial<LaneView> = {}) => restored(filter, text, lane).replace(token, '-')
      return [
        back(token),
        back(`{"to":"${token}"}`, { ...args, tool: 'send' }),
        back(`{"to":"${token}"}`, { ...args, tool: 'search' }),
      ]
    }
    const yes = `{"to":"${ADA}"}`
    const no = '{"to":"-"}'
    expect(await make({})).toEqual([ADA, yes, yes])
    expect(await make({ tools: 'none' })).toEqual([ADA, no, no])
    expect(await make({ tools: { send: 'all' } })).toEqual([ADA, yes, no])
    expect(await make({ text: false, tools: { send: ['to'] } })).toEqual(['-', yes, no])
    expect(await make({ text: false, tools: { send: ['cc'] } })).toEqual(['-', no, no])
  })
})

describe('the answer', () => {
  async function filtered(params: Params, call = callOf([said(0, ADA)]), plugin = redaction()) {
    const done = await discharge({
      segments: call.segments,
      findings: foundIn(call.segments, VALUES),
      params: TOKEN,
      call,
      plugin,
    })
    const response = await plugin.discharge?.redact?.response?.({
      call,
      target: TARGET,
      obligation: { type: 'redact', params },
    })
    if (response?.met !== true) throw new Error('it is not met')
    const [token = ''] = ('edits' in done ? (done.edits ?? []) : []).map(({ text }) => text)
    const read = (text: string, findings: readonly Finding[]) => {
      const view: LaneView = {
        lane: 'choices/0/content',
        channel: 'text',
        role: 'assistant',
        text,
        released: 0,
        final: true,
        signed: false,
        json: false,
        tool: null,
        findings,
      }
      return applyEdits(text, response.filter.edit?.(view) ?? [])
    }
    return { token, read }
  }
  const finding = (type: string, text: string, value: string): Finding => {
    const start = text.indexOf(value)
    return { type, pointer: 'choices/0/content', start, end: start + value.length, score: 1 }
  }

  test('is redacted by the same params: what the model says by itself goes, what stands for a value of the call stays for the restorer', async () => {
    const { token, read } = await filtered({ types: { EMAIL: 'mask', PERSON: 'mask' } })
    const text = `${token} or bob@x.org`
    const findings = [finding('PERSON', text, token), finding('EMAIL', text, 'bob@x.org')]
    expect(read(text, findings)).toBe(`${token} or ***@*.***`)
  })

  test('knows nothing of the values of another call', async () => {
    const plugin = redaction()
    const { token } = await filtered(TOKEN, callOf([said(0, ADA)]), plugin)
    const other = await filtered({ types: { PERSON: 'drop' } }, callOf([said(0, 'nobody')]), plugin)
    expect(other.read(token, [finding('PERSON', token, token)])).not.toContain(token)
  })

  test('is refused where it holds what may not be passed on; no text is told', async () => {
    const { read } = await filtered({ types: { EMAIL: 'refuse' } })
    const text = 'ask bob@x.org'
    expect(() => read(text, [finding('EMAIL', text, 'bob@x.org')])).toThrow(/unmet\/unredactable.*EMAIL/)
    expect(() => read(text, [finding('EMAIL', text, 'bob@x.org')])).not.toThrow(/bob/)
  })
})
