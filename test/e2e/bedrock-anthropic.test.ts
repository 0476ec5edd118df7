import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk'
import type Anthropic from '@anthropic-ai/sdk'
import { APIError } from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Pair } from './bedrock-aws.ts'
import { type Doors, everywhere, openDoors } from './bedrock-doors.ts'
import { invokeVoice } from './bedrock-voice.ts'
import { type Ask, type Driver, type Fault, type Raised, TOOL } from './driver.ts'
import { hangsUp, run } from './run.ts'
import type { Scene } from './scene.ts'
import { type Row, table } from './table.ts'
import type { Voice } from './voice.ts'

/** The client puts its own version of the API into the body. */
const voice: Voice = { ...invokeVoice, asks: () => ({ anthropic_version: '2026-10-21' }) }

let doors: Doors
beforeAll(async () => {
  doors = await openDoors(voice)
})
afterAll(() => doors?.close())

type PairOf = (key: string) => Pair

function client(ask: Ask, pairOf: PairOf | null): AnthropicBedrock {
  const { baseURL, fetch, retries: maxRetries } = ask
  const common = { baseURL, fetch, maxRetries, awsRegion: 'eu-central-1' }
  if (pairOf === null) return new AnthropicBedrock({ ...common, apiKey: ask.key })
  const { accessKeyId: awsAccessKey, secretAccessKey: awsSecretKey } = pairOf(ask.key)
  return new AnthropicBedrock({ ...common, awsAccessKey, awsSecretKey })
}

function paramsOf(ask: Ask): Omit<Anthropic.MessageCreateParams, 'stream'> {
  const { toolResult } = ask
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: ask.say }]
  if (toolResult !== undefined) {
    const input: unknown = JSON.parse(toolResult.arguments)
    messages.push({ role: 'assistant', content: [{ type: 'tool_use', id: toolResult.id, name: TOOL.name, input }] })
    messages.push({
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: toolResult.id, content: toolResult.result }],
    })
  }
  const { name, description, parameters } = TOOL
  const input_schema = { ...parameters, required: [...parameters.required] }
  return {
    model: ask.model,
    max_tokens: 100,
    messages,
    ...(ask.tool === true ? { tools: [{ name, description, input_schema }] } : {}),
  }
}

const driverOf =
  (pairOf: PairOf | null): Driver =>
  async (ask) => {
    const headers = { ...ask.headers, ...(ask.case === undefined ? {} : { 'x-customhouse-meta-case': ask.case }) }
    const options = { headers, ...(ask.signal === undefined ? {} : { signal: ask.signal }) }
    const { messages } = client(ask, pairOf)
    let message: Anthropic.Message
    if (ask.streamed) {
      const stream = messages.stream(paramsOf(ask), options)
      stream.on('text', (piece) => ask.onText?.(piece))
      message = await stream.finalMessage()
    } else message = await messages.create({ ...paramsOf(ask), stream: false }, options)
    return {
      text: message.content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
      tools: message.content.flatMap((block) =>
        block.type === 'tool_use' ? [{ id: block.id, name: block.name, arguments: block.input }] : [],
      ),
      finish: message.stop_reason,
      tokens: message.usage.input_tokens + message.usage.output_tokens,
    }
  }

const RAISED: Record<Fault, Raised> = {
  denied: { class: 'PermissionDeniedError', status: 403 },
  'wrong key': { class: 'AuthenticationError', status: 401 },
  'unknown model': { class: 'NotFoundError', status: 404 },
  malformed: { class: 'BadRequestError', status: 400 },
  'rate limited': { class: 'RateLimitError', status: 429 },
  quota: { class: 'RateLimitError', status: 429 },
  'provider 500': { class: 'InternalServerError', status: 500 },
  'hang-up': { class: 'InternalServerError', status: 502 },
  'broken answer': { class: 'InternalServerError', status: 502 },
  'broken stream': { class: 'APIError', type: 'validationException' },
  'fault in the stream': { class: 'APIError', type: 'modelStreamErrorException' },
  'cut off': { class: 'APIError', type: 'validationException' },
  'answer denied': { class: 'PermissionDeniedError', status: 403 },
}

async function hold(scene: Scene, pairOf: PairOf | null, row: Row, streamed: boolean): Promise<void> {
  const { error, counted } = await run(scene, driverOf(pairOf), row, streamed, RAISED)
  if (!(error instanceof APIError) || error.status === undefined) return
  expect(error.headers?.get('x-amzn-requestid')).toBe(counted.calls.at(-1)?.call)
  expect(error.requestID).toBe(counted.calls.at(-1)?.call)
}

const WAYS = [
  { streamed: false, how: 'whole' },
  { streamed: true, how: 'streamed' },
]

describe.each(WAYS)('AnthropicBedrock, $how', ({ streamed }) => {
  test.each(table(streamed, voice))('$name', (row) => hold(doors.clear, null, row, streamed))
})

describe.each([
  { name: 'over h2c', door: 'h2c', signed: false },
  { name: 'over TLS', door: 'tls', signed: false },
  { name: 'signed', door: 'clear', signed: true },
  { name: 'signed over h2c', door: 'h2c', signed: true },
  { name: 'signed over TLS', door: 'tls', signed: true },
] as const)('AnthropicBedrock $name', ({ door, signed }) => {
  describe.each(WAYS)('$how', ({ streamed }) => {
    test.each(everywhere(table(streamed, voice)))('$name', (row) =>
      hold(doors[door], signed ? doors.pairOf : null, row, streamed),
    )
  })
})

test('the client hangs up in mid-stream', async () => {
  expect(await hangsUp(doors.clear, driverOf(null))).toMatchObject({ name: 'APIUserAbortError' })
})
