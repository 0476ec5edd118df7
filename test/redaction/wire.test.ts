import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type House, startHouse } from '../house.ts'
import { openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from '../kit/index.ts'

/**
 * Through a real gateway with the shipped policies: an upstream that answers with what it was asked, in words and in a tool's arguments, so that every token
 * that it got is one that the client gets back.
 */

const CANARIES = {
  mail: 'ada.canary@lovelace-test.org',
  card: '4111 1111 1111 1111',
  iban: 'GB29 NWBK 6016 1331 9268 19',
  phone: '+1 415 867 5309',
}
const SAID = `Write to ${CANARIES.mail} about card ${CANARIES.card} and IBAN ${CANARIES.iban}, or ring ${CANARIES.phone}.`

type Message = Readonly<{ role: string; content: string }>

let upstream: Recorder
let house: House
let client: OpenAI

beforeAll(async () => {
  upstream = await startRecorder({
    answer: ({ body }) => {
      const asked: { stream?: boolean; messages: readonly Message[] } = JSON.parse(Buffer.from(body).toString())
      const text = asked.messages.findLast(({ role }) => role === 'user')?.content ?? ''
      const speech = {
        texts: [text],
        tools: [{ id: 'call_2', name: 'send_mail', arguments: JSON.stringify({ text, to: [text] }) }],
      }
      return asked.stream === true ? stream(openaiStream(speech, { pieces: byThree })) : whole(openaiAnswer(speech))
    },
  })
  house = await startHouse({ providers: { 'openai-eu': { url: `${upstream.url}/v1` } }, redaction: 'shipped' })
  client = new OpenAI({ apiKey: house.key, baseURL: house.baseURL, maxRetries: 0 })
})
afterAll(async () => {
  await house?.stop()
  await upstream?.close()
})

/** Every token is cut, and some in each of its places. */
function byThree(text: string): readonly string[] {
  return text.match(/[\s\S]{1,3}/g) ?? []
}

const tools = [
  {
    type: 'function' as const,
    function: { name: 'send_mail', description: `As ${CANARIES.mail} does`, parameters: { type: 'object' } },
  },
]

function messages(): OpenAI.ChatCompletionMessageParam[] {
  return [
    { role: 'system', content: `You serve ${CANARIES.mail}.` },
    { role: 'user', content: `Who has ${CANARIES.card}?` },
    {
      role: 'assistant',
      content: null,
      tool_calls: [
        {
          id: 'call_1',
          type: 'function',
          function: {
            name: 'send_mail',
            arguments: JSON.stringify({ to: [CANARIES.mail], note: `"${CANARIES.iban}"` }),
          },
        },
      ],
    },
    { role: 'tool', tool_call_id: 'call_1', content: `{"phone":"${CANARIES.phone}"}` },
    { role: 'user', content: SAID },
  ]
}

async function ask(streamed: boolean): Promise<Readonly<{ text: string; args: string }>> {
  const asked = { model: 'gpt-4o', messages: messages(), tools }
  if (!streamed) {
    const { choices } = await client.chat.completions.create(asked)
    const [call] = choices[0]?.message.tool_calls ?? []
    return { text: choices[0]?.message.content ?? '', args: call?.type === 'function' ? call.function.arguments : '' }
  }
  let text = ''
  let args = ''
  for await (const { choices } of await client.chat.completions.create({ ...asked, stream: true })) {
    text += choices[0]?.delta.content ?? ''
    for (const call of choices[0]?.delta.tool_calls ?? []) args += call.function?.arguments ?? ''
  }
  return { text, args }
}

describe.each([
  ['whole', false],
  ['streamed', true],
] as const)('a call whose answer is %s', (_, streamed) => {
  test('goes out without the values, and the client has them in text and in arguments of tools', async () => {
    const before = upstream.requests.length
    const { text, args } = await ask(streamed)
    expect(text).toBe(SAID)
    expect(JSON.parse(args)).toEqual({ text: SAID, to: [SAID] })
    const request = upstream.requests[before]
    const sent = Buffer.from(request?.body ?? []).toString()
    for (const canary of Object.values(CANARIES)) {
      for (const form of [
        canary,
        canary.replaceAll(/[ +]/g, ''),
        encodeURIComponent(canary),
        Buffer.from(canary).toString('base64'),
      ]) {
        expect(sent).not.toContain(form)
      }
    }
    expect(sent).toMatch(/EMAIL_1_[0-9a-z]{4}/)
    expect(sent.match(/EMAIL_1_[0-9a-z]{4}/g)?.length).toBe(4)
    expect(new Set(sent.match(/CREDIT_CARD_\d+[A-Z]*_[0-9a-z]{4}/g)).size).toBe(1)
  })
})

test('records and logs hold counts, and no value', async () => {
  await ask(false)
  const trail = await house.trail()
  const intent = trail.findLast(({ kind }) => kind === 'call.intent')
  expect(intent?.body.notes).toMatchObject({ redaction: { profile: 'standard', EMAIL: { token: 4 } } })
  await expect
    .poll(async () => (await house.trail()).findLast(({ kind }) => kind === 'call.outcome')?.body.notes)
    .toMatchObject({
      redaction: { restored: expect.any(Number) },
    })
  const kept = JSON.stringify([await house.records(), house.logged])
  for (const canary of Object.values(CANARIES)) expect(kept).not.toContain(canary)
})

test('a token that the client writes itself comes back as it was, and stands for nobody', async () => {
  await ask(false)
  const sent = Buffer.from(upstream.requests.at(-1)?.body ?? []).toString()
  const [token = ''] = sent.match(/EMAIL_1_[0-9a-z]{4}/) ?? []
  const { choices } = await client.chat.completions.create({
    model: 'gpt-4o',
    messages: [{ role: 'user', content: `${CANARIES.mail} is not ${token}` }],
  })
  expect(choices[0]?.message.content).toBe(`${CANARIES.mail} is not ${token}`)
  const again = Buffer.from(upstream.requests.at(-1)?.body ?? []).toString()
  expect(again).toContain(`${token} is not TOKEN_1_`)
})
