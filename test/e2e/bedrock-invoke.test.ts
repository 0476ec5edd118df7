import { BedrockRuntimeServiceException, InvokeModelCommand } from '@aws-sdk/client-bedrock-runtime'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AWS_RAISED, awsClient, type How, invokeDriver } from './bedrock-aws.ts'
import { type Doors, everywhere, openDoors } from './bedrock-doors.ts'
import { invokeVoice } from './bedrock-voice.ts'
import { hangsUp, run } from './run.ts'
import type { Counted, Scene } from './scene.ts'
import { type Row, speech, table } from './table.ts'

let doors: Doors
beforeAll(async () => {
  doors = await openDoors(invokeVoice)
})
afterAll(() => doors?.close())

async function hold(scene: Scene, how: How, row: Row, streamed: boolean): Promise<void> {
  const { error } = await run(scene, invokeDriver(how), row, streamed, AWS_RAISED)
  if (error !== null) expect(error).toBeInstanceOf(BedrockRuntimeServiceException)
}

const WAYS = [
  { streamed: false, how: 'whole' },
  { streamed: true, how: 'streamed' },
]

describe.each(WAYS)('InvokeModel over h2c, $how', ({ streamed }) => {
  test.each(table(streamed, invokeVoice))('$name', (row) => hold(doors.clear, {}, row, streamed))
})

describe.each([
  { name: 'HTTP/1.1', door: 'clear', how: { transport: 'HTTP/1.1' } },
  { name: 'TLS and HTTP/2', door: 'tls', how: {} },
] as const)('InvokeModel over $name', ({ door, how }) => {
  describe.each(WAYS)('$how', ({ streamed }) => {
    test.each(everywhere(table(streamed, invokeVoice)))('$name', (row) => hold(doors[door], how, row, streamed))
  })
})

describe.each(WAYS)('InvokeModel signed, over h2c, $how', ({ streamed }) => {
  test.each(everywhere(table(streamed, invokeVoice)))('$name', (row) =>
    hold(doors.clear, { pairOf: doors.pairOf }, row, streamed),
  )
})

describe('InvokeModel with a body', () => {
  async function invoke(contentType: string | undefined, body: unknown) {
    const { house } = doors.clear
    const calls: Counted['calls'] = []
    const client = awsClient({ key: house.key, baseURL: `${house.customhouse.data}/bedrock`, calls, retries: 2 })
    const input = {
      modelId: 'gpt-4o',
      body: JSON.stringify(body),
      ...(contentType === undefined ? {} : { contentType }),
    }
    try {
      return await client.send(new InvokeModelCommand(input)).then(
        (answer) => ({ text: answer.body.transformToString(), error: null, calls }),
        (error: unknown) => ({ text: '', error, calls }),
      )
    } finally {
      client.destroy()
    }
  }
  const asked = { anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] }

  test('of no kind, as the SDK sends it by itself', async () => {
    doors.clear.play({ eu: invokeVoice.speak(speech, false) })
    const { text, error } = await invoke(undefined, asked)
    if (error !== null) throw error
    expect(JSON.parse(text)).toMatchObject({ content: [{ type: 'text', text: 'Good day, traveller.' }] })
    const [request] = doors.clear.arrived()
    expect(request?.header('content-type')).toBe('application/json')
    expect(JSON.parse(request?.body.toString() ?? '')).toEqual(asked)
  })

  test.each([
    ["of another maker's model", { inputText: 'x' }, 'ValidationException', '/anthropic_version'],
    ['without messages', { ...asked, messages: [] }, 'ValidationException', '/messages'],
    [
      'that asks for a web search',
      { ...asked, tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
      'AccessDeniedException',
      'server_tool',
    ],
  ])('%s: refused in one call', async (_, body, name, says) => {
    doors.clear.play({})
    const { error, calls } = await invoke('application/json', body)
    expect(error).toMatchObject({ name, message: expect.stringContaining(says) })
    expect(calls).toHaveLength(1)
    expect(doors.clear.arrived()).toEqual([])
  })
})

test('the client hangs up in mid-stream', async () => {
  expect(await hangsUp(doors.clear, invokeDriver())).toBeNull()
})
