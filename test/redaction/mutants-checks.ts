import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { ApartPool } from '../../plugins/redaction/apart/pool.ts'
import type { Job } from '../../plugins/redaction/apart/protocol.ts'
import { resolve } from '../../plugins/redaction/resolve.ts'
import { taggerFrom } from '../../plugins/redaction/tagger/index.ts'
import { tenantKeys, tokenOf } from '../../plugins/redaction/token.ts'
import { applyTo, viewsOf } from '../../plugins/redaction/view/index.ts'
import type { Segment } from '../../src/core/call.ts'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { foundIn, said } from './discharge-order.ts'
import { ALL, answered, answerFilter, inspectorOf, never, pluginOf, SECRET, send } from './mutants-scene.ts'

/** Runs the checks of the plugin that stands beside this file, or the one that is named, and says as JSON which of them fail. */

const MAIL = 'ada@lovelace-test.org'
const CARD = '4111 1111 1111 1111'
const TOKEN = /[A-Z][A-Z_]*_\d+[A-Z]*_[0-9a-z]{4}/
const units = (text: string): readonly string[] => [...text]
const tool = (name: string) => ({ json: true, tool: name, channel: 'tool' }) as const
const tokenIn = (text: string | undefined): string => TOKEN.exec(text ?? '')?.[0] ?? ''

async function hides(text: string, ...parts: readonly string[]): Promise<void> {
  const { texts, refused } = await send([text])
  assert.equal(refused, null)
  for (const part of parts) assert.ok(!(texts[0] ?? part).includes(part), texts[0])
}

const CHECKS: Readonly<Record<string, () => Promise<void> | void>> = {
  'a card with units of no width in it is taken out': () => hides('card 4111\u200b 1111 11\u200b11 1111.', '1111'),
  'a card in full-width digits is taken out, at its place': async () => {
    const wide = '４１１１１１１１１１１１１１１１'
    const { texts } = await send([`ｃard ${wide} .`])
    assert.match(texts[0] ?? '', /^ｃard CREDIT_CARD_1_[0-9a-z]{4} \.$/)
  },
  'a base64 run is read, and stays base64': async () => {
    const run = Buffer.from(`please write to ${MAIL} at once`).toString('base64')
    const { texts } = await send([`x ${run} y`])
    const [, inner = ''] = /^x (\S+) y$/.exec(texts[0] ?? '') ?? []
    assert.match(Buffer.from(inner, 'base64').toString(), /^please write to EMAIL_1_[0-9a-z]{4} at once$/)
  },
  'what is said in tag characters is read': () => {
    const tags = [...MAIL].map((one) => String.fromCodePoint(0xe0000 + one.charCodeAt(0))).join('')
    assert.ok(viewsOf(`hi ${tags}`, false).some(({ text }) => text.includes(MAIL)))
    return hides(`hi ${tags} you`, tags)
  },
  'a number known by its label is found where it stands without': async () => {
    const { texts } = await send(['MRN: QX77-Z19.', 'So QX77-Z19 it is.'])
    assert.equal(tokenIn(texts[1]), tokenIn(texts[0]))
    assert.match(texts[1] ?? '', /^So MRN_1_.... it is\.$/)
  },
  'a value is found in an earlier turn once a later one tells it': async () => {
    const inspector = inspectorOf()
    const plugin = pluginOf(inspector)
    await send(['So QX77-Z19 it is.'], ALL, { plugin })
    const { texts } = await send(['So QX77-Z19 it is.', 'MRN: QX77-Z19.'], ALL, { plugin })
    assert.match(texts[0] ?? '', /MRN_1_/)
  },
  'spans that overlap come out apart': () => {
    const span = (start: number, end: number, type: string) => ({ start, end, type, score: 0.9, rule: 'check' })
    const settled = resolve(
      [span(0, 12, 'PERSON'), span(5, 20, 'ORG'), span(3, 8, 'EMAIL')],
      'Anna Schmidt and Company',
    )
    for (const [at, one] of settled.entries()) assert.ok(at === 0 || one.start >= (settled[at - 1]?.end ?? 0))
  },
  'what may never be kept takes what it touches with it': async () => {
    const segments = [said(0, 'it is 123456 there')]
    const findings = [
      { type: 'PHONE', pointer: '/messages/0/content', start: 6, end: 12, score: 0.9 },
      { type: 'CVV', pointer: '/messages/0/content', start: 6, end: 9, score: 0.9 },
    ]
    const { texts, filter } = await send(segments, ALL, { findings })
    assert.ok(!texts[0]?.includes('PHONE'), texts[0])
    assert.equal(filter, undefined)
  },
  'JSON stays JSON where a string and a number are replaced': async () => {
    const segment: Segment = { ...said(0, `{"to":"${MAIL}","card":4111111111111111}`), json: true, channel: 'tool' }
    const { texts } = await send([segment])
    const read = JSON.parse(texts[0] ?? '')
    assert.match(read.to, /^EMAIL_1_/)
    assert.match(read.card, /^CREDIT_CARD_1_/)
    const text = '{"a":"bcd"}'
    const [edit] = applyTo(text, true, [{ start: 6, end: 7, text: 'x"\\y' }])
    assert.deepEqual(JSON.parse(text.slice(0, edit?.start) + edit?.text + text.slice(edit?.end)), { a: 'x"\\ycd' })
  },
  'what reaches beyond a run of base64 takes the run with it': () => {
    const run = Buffer.from(`please write to ${MAIL} at once`).toString('base64')
    const text = `say ${run}`
    assert.deepEqual(applyTo(text, false, [{ start: 0, end: 10, text: 'X' }]), [
      { start: 0, end: text.length, text: 'X' },
    ])
  },
  'values are put back in JSON, escaped': async () => {
    const said = `{"name":"He \\"x\\" ${MAIL}"}`
    const findings = foundIn(
      [{ pointer: '/messages/0/content', role: 'user', channel: 'text', text: 'He "x" \\ it' }],
      {
        'He "x" \\ it': 'PERSON',
      },
    )
    const { texts, filter } = await send(['He "x" \\ it'], ALL, { findings })
    assert.ok(said.length > 0)
    const back = await answered([`{"name":"${texts[0]}"}`], [filter], { lane: tool('send') })
    assert.deepEqual(JSON.parse(back), { name: 'He "x" \\ it' })
  },
  'a name of a member is not restored': async () => {
    const { texts, filter } = await send([MAIL])
    const text = `{"${texts[0]}":"${texts[0]}"}`
    assert.equal(await answered([text], [filter], { lane: tool('send') }), `{"${texts[0]}":"${MAIL}"}`)
  },
  'a signed text is not restored': async () => {
    const { texts, filter } = await send([MAIL])
    const text = `${texts[0]} and so on`
    assert.equal(await answered([text], [filter], { lane: { signed: true } }), text)
  },
  'nothing is put back into an address': async () => {
    const { texts, filter } = await send([MAIL])
    for (const around of ['http://evil.example/?q=', '![x](http://evil.example/', '<img src="//evil.example/']) {
      const text = `See ${around}${texts[0]}`
      assert.equal(await answered(units(text), [filter]), text)
    }
  },
  'nothing is put back in front of a host': async () => {
    const { texts, filter } = await send([MAIL])
    const text = `See ${texts[0]}.evil.example now`
    assert.equal(await answered([text], [filter]), text)
  },
  'only listed tools and fields get values': async () => {
    const { texts, filter } = await send([MAIL], { ...ALL, restore: { tools: { send: ['to'] } } })
    const text = `{"to":"${texts[0]}","cc":"${texts[0]}"}`
    assert.equal(await answered([text], [filter], { lane: tool('post') }), text)
    assert.equal(
      await answered([text], [filter], { lane: { ...tool('send'), name: 'm' } }),
      `{"to":"${MAIL}","cc":"${texts[0]}"}`,
    )
  },
  'a text is restored however it is cut, and at its very end': async () => {
    const { texts, filter } = await send([MAIL])
    assert.equal(await answered(units(`To ${texts[0]} and`), [filter]), `To ${MAIL} and`)
    const date = await send(['born 12/03/1980.', 'on 12/03/1980'], { types: { DATE: 'surrogate' } })
    const shifted = date.texts[1] ?? ''
    assert.notEqual(shifted, 'on 12/03/1980')
    assert.equal(await answered(units(shifted), [date.filter]), 'on 12/03/1980')
  },
  'tokens are of tenant, number and value': () => {
    const [one, two] = [tenantKeys(SECRET, 'one'), tenantKeys(SECRET, 'two')]
    const token = tokenOf(one, 'PERSON', 1, '', 'Ada')
    assert.notEqual(token, tokenOf(two, 'PERSON', 1, '', 'Ada'))
    assert.notEqual(token, tokenOf(one, 'PERSON', 1, '', 'Bob'))
    assert.notEqual(token.slice(-4), tokenOf(one, 'PERSON', 2, '', 'Ada').slice(-4))
    assert.equal(token, tokenOf(tenantKeys(SECRET, 'one'), 'PERSON', 1, '', 'Ada'))
  },
  'a token that is written by hand stands for nobody': async () => {
    const { texts } = await send([MAIL])
    const [token = ''] = texts
    const { texts: again, filter } = await send([`${MAIL} is not ${token}`], ALL, {
      findings: [{ type: 'EMAIL', pointer: '/messages/0/content', start: 0, end: MAIL.length, score: 1 }],
    })
    assert.match(again[0] ?? '', /is not TOKEN_1_/)
    assert.equal(await answered([again[0] ?? ''], [filter]), `${MAIL} is not ${token}`)
  },
  'a token that stands where nothing can be edited is nobody in this call': async () => {
    const { texts } = await send([MAIL])
    const [token = ''] = texts
    const name: Segment = { pointer: `/metadata/${token}#`, role: 'none', channel: 'data', text: token }
    const { texts: again } = await send([MAIL, name])
    assert.match(again[0] ?? '', /^EMAIL_1/)
    assert.notEqual(again[0], token)
  },
  'values are numbered as they first appear, what stands outside of the messages first': async () => {
    const mails = ['a.first@test.org', 'b.second@test.org', 'a.first@test.org', 'c.third@test.org']
    const tools: Segment = { pointer: '/tools/0/description', role: 'system', channel: 'text', text: 'z.last@test.org' }
    const { texts } = await send([...mails, tools])
    const numbers = texts.map((text) => /^EMAIL_(\d+)_/.exec(text)?.[1])
    assert.deepEqual(numbers, ['2', '3', '2', '4', '1'])
  },
  'another form of a value has its number, and a letter': async () => {
    const findings = foundIn([said(0, 'Ada Lovelace'), said(1, 'ADA LOVELACE'), said(2, 'Lovelace')], {
      'Ada Lovelace': 'PERSON',
      'ADA LOVELACE': 'PERSON',
      Lovelace: 'PERSON',
    })
    const { texts } = await send(['Ada Lovelace', 'ADA LOVELACE', 'Lovelace'], ALL, { findings })
    assert.deepEqual(
      texts.map((text) => text.replace(/_[0-9a-z]{4}$/, '')),
      ['PERSON_1', 'PERSON_1B', 'PERSON_1C'],
    )
  },
  'a find below the least score is left alone': async () => {
    const findings = [{ type: 'PERSON', pointer: '/messages/0/content', start: 0, end: 3, score: 0.4 }]
    assert.deepEqual((await send(['Ada'], ALL, { findings })).texts, ['Ada'])
  },
  'what is refused is not sent': async () => {
    assert.match((await send([CARD], { types: { CREDIT_CARD: 'refuse' } })).refused ?? '', /CREDIT_CARD \(1\)/)
  },
  'what stands where nothing can be edited is not sent': async () => {
    const name: Segment = { pointer: `/metadata/${MAIL}#`, role: 'none', channel: 'data', text: MAIL }
    assert.match((await send([name])).refused ?? '', /nothing can be edited/)
  },
  'params that nobody knows are not carried out': async () => {
    assert.match((await send([MAIL], { ...ALL, keep: 'all' })).refused ?? '', /no member/)
  },
  'an answer is read where the params say so': async () => {
    assert.equal((await send([MAIL], { ...ALL, answer: 'inspect' })).inspects, true)
  },
  'what is found in an answer goes, and what was put back does not': async () => {
    const expected = `To ${MAIL}, not to , ok`
    for (const every of [1, 500]) {
      const plugin = pluginOf()
      const { texts, filter, call } = await send([MAIL], ALL, { plugin })
      const inspected = await answerFilter(plugin, call, { types: { '*': 'drop' } })
      const text = `To ${texts[0]}, not to eve@evil-test.org, ok`
      const pieces = text.match(new RegExp(`.{1,${every}}`, 'g')) ?? []
      assert.equal(await answered(pieces, [filter, inspected], { reads: plugin, call }), expected)
    }
  },
  'a find that covers a live token leaves it alone': async () => {
    const plugin = pluginOf()
    const { texts, call } = await send([MAIL], ALL, { plugin })
    const inspected = await answerFilter(plugin, call, { types: { '*': 'drop' } })
    const text = `To ${texts[0]}, ok`
    const findings = [{ type: 'ID', pointer: 'l', start: 0, end: 3 + (texts[0]?.length ?? 0), score: 1 }]
    const lane = { lane: 'l', channel: 'text', role: 'assistant', released: 0, final: true, signed: false } as const
    const edits = inspected.edit?.({ ...lane, json: false, tool: null, text, findings }) ?? []
    assert.deepEqual(edits, [{ start: 0, end: 2, text: '' }])
  },
  'a number in the JSON of an answer becomes a string': async () => {
    const plugin = pluginOf()
    const call = (await send(['hi'])).call
    const filter = await answerFilter(plugin, call, { types: { '*': 'token' } })
    const out = await answered(['{"card":4111111111111111}'], [filter], { reads: plugin, call, lane: tool('pay') })
    assert.deepEqual(JSON.parse(out), { card: 'CREDIT_CARD' })
  },
  'an answer with what is refused ends': async () => {
    const plugin = pluginOf()
    const call = (await send(['hi'])).call
    const filter = await answerFilter(plugin, call, { types: { EMAIL: 'refuse' } })
    await assert.rejects(answered([`To ${MAIL}`], [filter], { reads: plugin, call }), (error) =>
      JSON.stringify(error).includes('unmet/unredactable'),
    )
  },
  'a find stays one when its label was released': async () => {
    const plugin = pluginOf()
    const call = (await send(['hi'])).call
    const filter = await answerFilter(plugin, call, { types: { '*': 'drop' } })
    const text = `MRN: QX77-Z19${' and on it went'.repeat(20)}`
    const out = await answered(units(text), [filter], { reads: plugin, call })
    assert.ok(!out.includes('QX77'), out.slice(0, 40))
  },
  'a private key in an answer goes whole': async () => {
    const plugin = pluginOf()
    const call = (await send(['hi'])).call
    const filter = await answerFilter(plugin, call, { types: { '*': 'drop' } })
    const line = `${'MIIEvQIBADANBgkq'.repeat(4)}\n`
    const key = `-----BEGIN PRIVATE KEY-----\n${line.repeat(8)}-----END PRIVATE KEY-----`
    const out = await answered(units(`a ${key} b`), [filter], { reads: plugin, call })
    assert.equal(out, 'a  b')
  },
  'a credential longer than all bounds goes whole': async () => {
    const plugin = pluginOf()
    const call = (await send(['hi'])).call
    const filter = await answerFilter(plugin, call, { types: { '*': 'drop' } })
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const jwt = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ sub: 'x'.repeat(200) })}.${'Jq7Zx2Wv9Kb4'.repeat(20)}`
    assert.equal(await answered(units(`a ${jwt} b`), [filter], { reads: plugin, call }), 'a  b')
  },
  'what one tenant lets pass, another has taken out, of the same text': async () => {
    const data = { org: { redaction: { allow: { one: { EMAIL: [MAIL] } } } } }
    const plugin = pluginOf(inspectorOf(data))
    for (const [tenant, passes] of [
      ['one', true],
      ['two', false],
      ['one', true],
    ] as const) {
      const { texts } = await send([MAIL], ALL, { plugin, tenant })
      assert.equal(texts[0] === MAIL, passes, tenant)
    }
  },
  'the same text under another member name is read anew': async () => {
    const plugin = pluginOf()
    const at = (key: string): Segment => ({
      pointer: `/messages/0/${key}`,
      role: 'user',
      channel: 'data',
      text: '536228726',
    })
    assert.deepEqual((await send([at('count')], ALL, { plugin })).texts, ['536228726'])
    assert.match((await send([at('ssn')], ALL, { plugin })).texts[0] ?? '', /^SSN_1_/)
  },
  'a thread that cannot read a text says so': async () => {
    const pool = new ApartPool({ custom: null, tagger: false }, 1)
    try {
      const job = { kind: 'find', tenant: 't', texts: [{ text: 'x', json: false }], seeds: [['x', 1]] }
      await assert.rejects(pool.run(job as unknown as Job, never), (error) =>
        isCustomhouseError(error, 'ERR_GATEWAY_INTERNAL'),
      )
    } finally {
      await pool.close()
    }
  },
  'weights that are damaged are not used': () => {
    const bytes = readFileSync(new URL('../../plugins/redaction/tagger/weights.bin', import.meta.url))
    const damaged = Buffer.concat([bytes, Buffer.of(0)])
    assert.throws(
      () => taggerFrom(damaged),
      (error) => isCustomhouseError(error, 'ERR_CONFIG_UNREADABLE'),
    )
  },
}

const [, , only] = process.argv
const failed: Record<string, string> = {}
for (const [name, check] of Object.entries(CHECKS)) {
  if (only !== undefined && only !== name) continue
  try {
    await check()
  } catch (error) {
    failed[name] = error instanceof Error ? error.message.slice(0, 300) : String(error)
  }
}
process.stdout.write(JSON.stringify({ checks: Object.keys(CHECKS).length, failed }))
