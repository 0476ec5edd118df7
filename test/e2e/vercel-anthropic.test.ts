import { createAnthropic } from '@ai-sdk/anthropic'
import { APICallError, generateText, jsonSchema, type ModelMessage, streamText, tool } from 'ai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SIGNATURE, THOUGHT, thinks, thoughtful, used } from './anthropic-thoughts.ts'
import { RAISED, vercel } from './anthropic-vercel.ts'
import { anthropicVoice } from './anthropic-voice.ts'
import { TOOL } from './driver.ts'
import { hangsUp, run } from './run.ts'
import { type Scene, startScene } from './scene.ts'
import { speech, table } from './table.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene(anthropicVoice)
})
afterAll(() => scene?.close())

describe.each([
  { streamed: false, how: 'whole' },
  { streamed: true, how: 'streamed' },
])('vercel with Anthropic, $how', ({ streamed }) => {
  test.each(table(streamed, anthropicVoice))('$name', async (row) => {
    const { error, counted } = await run(scene, vercel, row, streamed, RAISED)
    if (!APICallError.isInstance(error)) return
    expect(error.responseHeaders?.['request-id']).toBe(counted.calls.at(-1)?.call)
  })
})

test('the client hangs up in mid-stream', async () => {
  // The SDK ends its stream with a part `abort`, and no error.
  expect(await hangsUp(scene, vercel)).toBeNull()
})

test.each([
  { how: 'whole', streamed: false },
  { how: 'streamed', streamed: true },
])('a signed thought comes as it is and goes back so, $how', async ({ streamed }) => {
  const { key, customhouse } = scene.house
  const messages: ModelMessage[] = [{ role: 'user', content: 'my code is SECRET-7' }]
  const asked = (): Parameters<typeof generateText>[0] => ({
    model: createAnthropic({ apiKey: key, baseURL: `${customhouse.data}/anthropic/v1` })('gpt-4o'),
    messages,
    maxRetries: 0,
    maxOutputTokens: 1000,
    headers: { 'x-customhouse-meta-case': 'redact' },
    providerOptions: { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } },
    tools: {
      [TOOL.name]: tool({ description: TOOL.description, inputSchema: jsonSchema({ ...TOOL.parameters }) }),
    },
  })
  scene.play({ eu: thinks(streamed) })
  const answer = streamed ? streamText(asked()) : await generateText(asked())
  expect(await answer.text).toBe('I read SECRET-7.')
  const [reasoning] = await answer.reasoning
  expect(reasoning).toMatchObject({ text: THOUGHT, providerMetadata: { anthropic: { signature: SIGNATURE } } })

  messages.push(...(await answer.response).messages, {
    role: 'tool',
    content: [
      { type: 'tool-result', toolCallId: used.id, toolName: used.name, output: { type: 'text', value: 'It rains.' } },
    ],
  })
  scene.play({ eu: anthropicVoice.speak(speech, false) })
  await generateText(asked())
  const sent = JSON.parse(scene.arrived()[0]?.body.toString() ?? '') as { messages: { content: unknown }[] }
  expect(sent.messages[1]?.content).toEqual(thoughtful)
})
