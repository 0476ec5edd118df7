import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hangUp, openaiAnswer, openaiStream, stream, whole } from '../kit/index.ts'
import { TOOL } from './driver.ts'
import { client, openai, RAISED } from './openai-sdk.ts'
import { hangsUp, run } from './run.ts'
import { counting, type Scene, startScene } from './scene.ts'
import { table } from './table.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene?.close())

describe.each([
  { streamed: false, how: 'whole' },
  { streamed: true, how: 'streamed' },
])('openai, $how', ({ streamed }) => {
  test.each(table(streamed))('$name', async (row) => {
    const { error, counted } = await run(scene, openai, row, streamed, RAISED)
    if (error instanceof OpenAI.APIError && error.status !== undefined) {
      expect(error.requestID).toBe(counted.calls.at(-1)?.call)
    }
  })

  test('several choices', async () => {
    const spoken = { texts: ['One says this.', 'Two says that, and more.'], usage: { input: 3, output: 11 } }
    scene.play({
      eu: streamed ? stream(openaiStream(spoken, { includeUsage: true })) : whole(openaiAnswer(spoken)),
    })
    const { fetch, calls } = counting()
    const openai = client({ key: scene.house.key, baseURL: scene.house.baseURL, retries: 0, fetch })
    const asked = { model: 'gpt-4o', n: 2, messages: [{ role: 'user' as const, content: 'hello' }] }
    const texts = ['', '']
    const finishes: string[] = []
    if (streamed) {
      for await (const chunk of await openai.chat.completions.create({ ...asked, stream: true })) {
        for (const { index, delta, finish_reason } of chunk.choices) {
          texts[index] += delta.content ?? ''
          if (finish_reason !== null) finishes.push(finish_reason)
        }
      }
    } else {
      for (const { index, message, finish_reason } of (await openai.chat.completions.create(asked)).choices) {
        texts[index] += message.content ?? ''
        finishes.push(finish_reason)
      }
    }
    expect(texts).toEqual(spoken.texts)
    expect(finishes).toEqual(['stop', 'stop'])
    expect(JSON.parse(scene.arrived()[0]?.body.toString() ?? '')).toMatchObject({ n: 2 })
    const trail = await scene.trailOf(calls[0]?.call, 2)
    expect(trail.at(-1)?.body).toMatchObject({ ending: 'complete', usage: { total_tokens: 14 } })
  })
})

describe('the usage of a stream', () => {
  test.each([
    { name: 'asked for', options: { include_usage: true }, seen: [16] },
    { name: 'not asked for', options: undefined, seen: [] },
    { name: 'declined', options: { include_usage: false }, seen: [] },
  ])('$name', async ({ options, seen }) => {
    scene.play({ eu: stream(openaiStream({ texts: ['a b'], usage: { input: 7, output: 9 } }, { includeUsage: true })) })
    const { fetch, calls } = counting()
    const openai = client({ key: scene.house.key, baseURL: scene.house.baseURL, retries: 0, fetch })
    const chunks: OpenAI.Chat.ChatCompletionChunk[] = []
    const answer = await openai.chat.completions.create({
      model: 'gpt-4o',
      messages: [{ role: 'user', content: 'hello' }],
      stream: true,
      ...(options === undefined ? {} : { stream_options: options }),
    })
    for await (const chunk of answer) chunks.push(chunk)
    expect(chunks.flatMap(({ usage }) => (usage ? [usage.total_tokens] : []))).toEqual(seen)
    expect(chunks.filter(({ choices }) => choices.length === 0)).toHaveLength(seen.length)
    if (options?.include_usage !== true) for (const chunk of chunks) expect(chunk).not.toHaveProperty('usage')
    expect(JSON.parse(scene.arrived()[0]?.body.toString() ?? '').stream_options).toEqual({ include_usage: true })
    const trail = await scene.trailOf(calls[0]?.call, 2)
    expect(trail.at(-1)?.body).toMatchObject({ usage: { input_tokens: 7, output_tokens: 9, total_tokens: 16 } })
  })
})

test('many calls at once, each with its own answer', async () => {
  scene.recorders.eu.script((request) => {
    const body = JSON.parse(request.body.toString()) as { stream?: boolean; messages: { content: string }[] }
    const said = { texts: [`You said: ${body.messages[0]?.content}, and I repeat it.`] }
    return body.stream === true ? stream(openaiStream(said), { everyMs: 1 }) : whole(openaiAnswer(said))
  })
  const heard = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const { fetch, calls } = counting()
      const { house } = scene
      const ask = { model: 'gpt-4o', say: `number ${index} SECRET-${index}`, case: 'redact', retries: 0 }
      const { text } = await openai({
        ...ask,
        streamed: index % 2 === 0,
        key: house.key,
        baseURL: house.baseURL,
        fetch,
        calls,
      })
      return { text, call: calls[0]?.call }
    }),
  )
  expect(heard.map(({ text }) => text)).toEqual(
    heard.map((_, index) => `You said: number ${index} SECRET-${index}, and I repeat it.`),
  )
  expect(new Set(heard.map(({ call }) => call)).size).toBe(40)
  const records = await scene.house.records()
  for (const { call } of heard) {
    expect(records.filter((record) => record.call === call).map(({ kind }) => kind)).toEqual([
      'call.intent',
      'call.outcome',
    ])
  }
})

test("the SDK's own loop over tools", async () => {
  const called = { id: 'call_7', name: 'lookup', arguments: '{"city":"Bern"}' }
  const turns = [
    stream(openaiStream({ texts: [''], tools: [called] }, { pieces: (text) => [...text], includeUsage: true })),
    stream(openaiStream({ texts: ['It rains.'] }, { includeUsage: true })),
  ]
  scene.play({ eu: (index) => turns[index] ?? hangUp })
  const { fetch, calls } = counting()
  const openai = client({ key: scene.house.key, baseURL: scene.house.baseURL, retries: 0, fetch })
  const asked: unknown[] = []
  const lookup = (given: string): string => {
    asked.push(JSON.parse(given))
    return 'rain, 9 degrees'
  }
  const parameters = { ...TOOL.parameters, required: [...TOOL.parameters.required] }
  const runner = openai.chat.completions.runTools({
    model: 'gpt-4o',
    stream: true,
    messages: [{ role: 'user', content: 'How is the weather in Bern?' }],
    tools: [{ type: 'function', function: { ...TOOL, parameters, function: lookup } }],
  })
  expect(await runner.finalContent()).toBe('It rains.')
  expect(asked).toEqual([{ city: 'Bern' }])
  const second = JSON.parse(scene.arrived()[1]?.body.toString() ?? '') as { messages: unknown[] }
  expect(second.messages.at(-1)).toMatchObject({ role: 'tool', tool_call_id: 'call_7', content: 'rain, 9 degrees' })
  for (const { call } of calls) {
    expect((await scene.trailOf(call, 2)).map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
  }
  expect(calls).toHaveLength(2)
})

test('an early end that the SDK alone takes for a complete answer', async () => {
  const cut = openaiStream({ texts: ['One two three four five.'] }).slice(0, 4)
  scene.play({ eu: stream(cut) })
  const asked = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: 'hello' }], stream: true as const }
  const read = async (baseURL: string): Promise<number> => {
    let chunks = 0
    const openai = client({ key: scene.house.key, baseURL, retries: 0, fetch })
    for await (const _ of await openai.chat.completions.create(asked)) chunks += 1
    return chunks
  }
  expect(await read(`${scene.recorders.eu.url}/v1`)).toBe(4)
  await expect(read(scene.house.baseURL)).rejects.toMatchObject({ code: 'provider_truncated' })
})

test('a body without messages', async () => {
  scene.play({})
  const { fetch, calls } = counting()
  const openai = client({ key: scene.house.key, baseURL: scene.house.baseURL, retries: 2, fetch })
  const error = await openai.chat.completions
    .create({ model: 'gpt-4o', messages: [] })
    .catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(OpenAI.BadRequestError)
  expect(String(error)).toContain('/messages')
  expect(calls).toHaveLength(1)
  expect(scene.arrived()).toEqual([])
})

test('the client hangs up in mid-stream', async () => {
  // The SDK ends the iteration without an error when its own caller has aborted it.
  expect(await hangsUp(scene, openai)).toBeNull()
})

test('the client hangs up before the answer begins', async () => {
  scene.play({ eu: ['hold'] })
  const { fetch } = counting()
  const openai = client({ key: scene.house.key, baseURL: scene.house.baseURL, retries: 0, fetch })
  const controller = new AbortController()
  const asking = openai.chat.completions
    .create({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }, { signal: controller.signal })
    .catch((reason: unknown) => reason)
  await scene.recorders.eu.waitFor(scene.recorders.eu.requests.length + 1)
  const abortedAt = performance.now()
  controller.abort()
  expect(await asking).toBeInstanceOf(OpenAI.APIUserAbortError)
  const [request] = scene.arrived()
  expect(((await request?.closed) ?? Number.POSITIVE_INFINITY) - abortedAt).toBeLessThan(1000)
  const intent = (await scene.house.records()).findLast(({ kind }) => kind === 'call.intent')
  const trail = await scene.trailOf(intent?.call, 2)
  expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
  expect(trail.at(-1)?.body).toMatchObject({ ending: 'client_gone', status: 499 })
})
