import { ChatAnthropic } from '@langchain/anthropic'
import { type AIMessageChunk, type BaseMessage, HumanMessage, ToolMessage } from '@langchain/core/messages'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { langchain } from './anthropic-langchain.ts'
import { LOOKUP, RAISED } from './anthropic-sdk.ts'
import { thinks, thoughtful, used } from './anthropic-thoughts.ts'
import { anthropicVoice } from './anthropic-voice.ts'
import { hangsUp, run } from './run.ts'
import { counting, type Scene, startScene } from './scene.ts'
import { type Row, speech, table } from './table.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene(anthropicVoice)
})
afterAll(() => scene?.close())

/** Streamed, LangChain adds the output that `message_start` counts (1) to that of `message_delta` (9), which holds it already. */
function counted(row: Row): Row {
  return row.heard?.tokens === undefined ? row : { ...row, heard: { ...row.heard, tokens: row.heard.tokens + 1 } }
}

describe.each([
  { streamed: false, how: 'whole' },
  { streamed: true, how: 'streamed' },
])('langchain with Anthropic, $how', ({ streamed }) => {
  test.each(table(streamed, anthropicVoice).map(streamed ? counted : (row) => row))('$name', async (row) => {
    const { error, counted: sent } = await run(scene, langchain, row, streamed, RAISED)
    if (error instanceof Error) expect(Reflect.get(error, 'requestID')).toBe(sent.calls.at(-1)?.call)
  })
})

test('it counts the same without the gateway', async () => {
  scene.play({ eu: anthropicVoice.speak(speech, true) })
  const bare = { streamed: true, say: 'hello', model: 'gpt-4o', retries: 0, key: scene.house.key, ...counting() }
  expect(await langchain({ ...bare, baseURL: scene.recorders.eu.url })).toMatchObject({ tokens: 17 })
})

test('the client hangs up in mid-stream', async () => {
  expect(await hangsUp(scene, langchain)).toMatchObject({ name: 'AbortError' })
})

test.each([
  { how: 'whole', streamed: false },
  { how: 'streamed', streamed: true },
])('a signed thought comes as it is and goes back so, $how', async ({ streamed }) => {
  const { key, customhouse } = scene.house
  const model = new ChatAnthropic({
    model: 'gpt-4o',
    apiKey: key,
    anthropicApiUrl: `${customhouse.data}/anthropic`,
    maxRetries: 0,
    maxTokens: 2048,
    thinking: { type: 'enabled', budget_tokens: 1024 },
    clientOptions: { defaultHeaders: { 'x-customhouse-meta-case': 'redact' } },
  }).bindTools([LOOKUP])
  const messages: BaseMessage[] = [new HumanMessage('my code is SECRET-7')]
  scene.play({ eu: thinks(streamed) })
  let answer: BaseMessage | undefined
  if (streamed) {
    let joined: AIMessageChunk | undefined
    for await (const chunk of await model.stream(messages)) joined = joined?.concat(chunk) ?? chunk
    answer = joined
  } else answer = await model.invoke(messages)
  expect(answer?.text).toBe('I read SECRET-7.')
  if (answer !== undefined) messages.push(answer)
  messages.push(new ToolMessage({ tool_call_id: used.id, content: 'It rains.' }))
  scene.play({ eu: anthropicVoice.speak(speech, false) })
  await model.invoke(messages)
  const sent = JSON.parse(scene.arrived()[0]?.body.toString() ?? '') as { messages: { content: unknown }[] }
  expect(sent.messages[1]?.content).toEqual(thoughtful)
})
