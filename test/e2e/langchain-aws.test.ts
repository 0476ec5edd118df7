import { BedrockRuntimeServiceException } from '@aws-sdk/client-bedrock-runtime'
import { ChatBedrockConverse } from '@langchain/aws'
import { AIMessage, type AIMessageChunk, type BaseMessage, HumanMessage, ToolMessage } from '@langchain/core/messages'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { AWS_RAISED, awsClient, type How, watch } from './bedrock-aws.ts'
import { type Doors, everywhere, openDoors } from './bedrock-doors.ts'
import { converseVoice } from './bedrock-voice.ts'
import { type Ask, type Driver, TOOL } from './driver.ts'
import { hangsUp, run } from './run.ts'
import type { Scene } from './scene.ts'
import { type Row, table } from './table.ts'

let doors: Doors
beforeAll(async () => {
  doors = await openDoors(converseVoice)
})
afterAll(() => doors?.close())

function messagesOf({ say, toolResult }: Ask): BaseMessage[] {
  const messages: BaseMessage[] = [new HumanMessage(say)]
  if (toolResult !== undefined) {
    const { id, result } = toolResult
    const args = JSON.parse(toolResult.arguments) as Record<string, unknown>
    messages.push(new AIMessage({ content: '', tool_calls: [{ id, name: TOOL.name, args, type: 'tool_call' }] }))
    messages.push(new ToolMessage({ tool_call_id: id, content: result }))
  }
  return messages
}

/** The environment alone names the gateway and the key, as an application has it that changes nothing else. */
function fromEnvironment(ask: Ask): ChatBedrockConverse {
  vi.stubEnv('AWS_ENDPOINT_URL_BEDROCK_RUNTIME', ask.baseURL)
  vi.stubEnv('AWS_BEARER_TOKEN_BEDROCK', ask.key)
  vi.stubEnv('AWS_DEFAULT_REGION', 'eu-central-1')
  const model = new ChatBedrockConverse({ model: ask.model, clientOptions: { maxAttempts: ask.retries + 1 } })
  watch(model.client, ask)
  return model
}

/** With a client of the application's own. */
const withClient =
  (how: How) =>
  (ask: Ask): ChatBedrockConverse =>
    new ChatBedrockConverse({ model: ask.model, region: 'eu-central-1', client: awsClient(ask, how) })

const driverOf =
  (make: (ask: Ask) => ChatBedrockConverse): Driver =>
  async (ask) => {
    const model = make(ask)
    try {
      return await chat(model, ask)
    } finally {
      vi.unstubAllEnvs()
      model.client.destroy()
    }
  }

async function chat(model: ChatBedrockConverse, ask: Ask): ReturnType<Driver> {
  const bound = ask.tool === true ? model.bindTools([{ type: 'function', function: TOOL }]) : model
  const options = ask.signal === undefined ? {} : { signal: ask.signal }
  let answer: AIMessage
  if (ask.streamed) {
    let joined: AIMessageChunk | undefined
    for await (const chunk of await bound.stream(messagesOf(ask), options)) {
      joined = joined === undefined ? chunk : joined.concat(chunk)
      if (chunk.text !== '') ask.onText?.(chunk.text)
    }
    if (joined === undefined) throw new Error('LangChain streamed nothing')
    answer = joined
  } else answer = await bound.invoke(messagesOf(ask), options)
  const { stopReason, messageStop } = answer.response_metadata
  const finish: unknown = ask.streamed ? Reflect.get(Object(messageStop), 'stopReason') : stopReason
  const tokens: unknown = Reflect.get(Object(answer.usage_metadata), 'total_tokens')
  return {
    text: answer.text,
    tools: (answer.tool_calls ?? []).map(({ id, name, args }) => ({ id: id ?? '', name, arguments: args })),
    finish: typeof finish === 'string' ? finish : null,
    tokens: typeof tokens === 'number' ? tokens : undefined,
  }
}

async function hold(scene: Scene, driver: Driver, row: Row, streamed: boolean): Promise<void> {
  const { error, counted } = await run(scene, driver, row, streamed, AWS_RAISED)
  if (error === null) return
  // The SDK's own class passes through.
  if (!(error instanceof BedrockRuntimeServiceException)) throw error
  if (row.raises === 'broken stream' || row.raises === 'fault in the stream' || row.raises === 'cut off') return
  const last = counted.calls.at(-1)
  expect(error.$metadata).toMatchObject({ httpStatusCode: last?.status, requestId: last?.call })
}

const WAYS = [
  { streamed: false, how: 'whole' },
  { streamed: true, how: 'streamed' },
]

describe.each(WAYS)('langchain with Bedrock, $how', ({ streamed }) => {
  const driver = driverOf(fromEnvironment)
  test.each(table(streamed, converseVoice))('$name', (row) => hold(doors.clear, driver, row, streamed))
})

describe.each([
  { name: 'over TLS', door: 'tls', make: () => driverOf(fromEnvironment) },
  { name: 'with a client over HTTP/1.1', door: 'clear', make: () => driverOf(withClient({ transport: 'HTTP/1.1' })) },
  { name: 'signed', door: 'clear', make: () => driverOf(withClient({ pairOf: doors.pairOf })) },
] as const)('langchain with Bedrock $name', ({ door, make }) => {
  describe.each(WAYS)('$how', ({ streamed }) => {
    test.each(everywhere(table(streamed, converseVoice)))('$name', (row) => hold(doors[door], make(), row, streamed))
  })
})

test('the client hangs up in mid-stream', async () => {
  expect(await hangsUp(doors.clear, driverOf(fromEnvironment))).toMatchObject({ name: 'AbortError' })
})
