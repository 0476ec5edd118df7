import Anthropic from '@anthropic-ai/sdk'
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import Anthropic0 from 'anthropic-sdk-0'
import { betaTool as betaTool0 } from 'anthropic-sdk-0/helpers/beta/json-schema'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anthropicAnswer, anthropicStream, hangUp, type Script, stream, whole } from '../kit/index.ts'
import { client, client0 } from './anthropic-sdk.ts'
import { anthropicVoice } from './anthropic-voice.ts'
import { TOOL } from './driver.ts'
import { type Counted, counting, headersOf, type Scene, startScene } from './scene.ts'
import { speech } from './table.ts'

/** What Anthropic's SDKs do besides asking for a message: count, loop over tools, switch betas on. */

let scene: Scene
beforeAll(async () => {
  scene = await startScene(anthropicVoice)
})
afterAll(() => scene?.close())

type Connected<Client> = Counted & Readonly<{ anthropic: Client }>

function connect(retries = 0): Connected<Anthropic> {
  const counted = counting('request-id')
  return { ...counted, anthropic: client({ ...house(), retries, fetch: counted.fetch }) }
}

function connect0(retries = 0): Connected<Anthropic0> {
  const counted = counting('request-id')
  return { ...counted, anthropic: client0({ ...house(), retries, fetch: counted.fetch }) }
}

const house = () => ({ key: scene.house.key, baseURL: `${scene.house.customhouse.data}/anthropic` })
const hello = (model = 'gpt-4o', content = 'hello') => ({ model, messages: [{ role: 'user' as const, content }] })
const raised = (asking: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(asking).then(
    () => null,
    (reason: unknown) => reason,
  )
const kinds = async (call: string | null | undefined, count: number): Promise<readonly string[]> =>
  (await scene.trailOf(call, count)).map(({ kind }) => kind)

type Counting = [params: ReturnType<typeof hello>, options?: { headers: Record<string, string> }]

describe.each([
  { generation: '1.x', countTokens: (...of: Counting) => connect(2).anthropic.messages.countTokens(...of) },
  { generation: '1.x, beta', countTokens: (...of: Counting) => connect(2).anthropic.beta.messages.countTokens(...of) },
  { generation: '0.x', countTokens: (...of: Counting) => connect0(2).anthropic.messages.countTokens(...of) },
  { generation: '0.x, beta', countTokens: (...of: Counting) => connect0(2).anthropic.beta.messages.countTokens(...of) },
])('tokens are counted, $generation', ({ countTokens }) => {
  test('allowed, and what must not leave stays', async () => {
    scene.play({ eu: whole({ input_tokens: 2095 }) })
    const headers = { 'x-customhouse-meta-case': 'redact' }
    const { data, request_id } = await countTokens(hello('gpt-4o', 'my code is SECRET-123'), { headers }).withResponse()
    expect(data).toEqual({ input_tokens: 2095 })
    expect(scene.arrived()).toHaveLength(1)
    const [request] = scene.arrived()
    expect(request?.path).toBe('/v1/messages/count_tokens')
    expect(JSON.parse(request?.body.toString() ?? '')).toEqual(hello(anthropicVoice.model, 'my code is <<1>>'))
    const trail = await scene.trailOf(request_id, 2)
    expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
    expect(trail[0]?.body).toMatchObject({ operation: 'count_tokens' })
    expect(trail[1]?.body).toMatchObject({ ending: 'complete', status: 200 })
  })

  test('denied: one call, nothing sent', async () => {
    scene.play({ us: whole({ input_tokens: 1 }) })
    const error = await raised(countTokens(hello('auto')))
    expect(error).toMatchObject({ status: 403, type: 'permission_error' })
    expect(error instanceof Anthropic.PermissionDeniedError || error instanceof Anthropic0.PermissionDeniedError).toBe(
      true,
    )
    expect(String(error)).toContain('residency/endpoint')
    expect(scene.arrived()).toEqual([])
    const trail = await scene.trailOf(String(Reflect.get(error as object, 'requestID')))
    expect(trail.map(({ kind, body }) => [kind, body.operation])).toEqual([['call.denied', 'count_tokens']])
  })

  test("the provider's error", async () => {
    scene.play({ eu: anthropicVoice.failure(400).script })
    const error = await raised(countTokens(hello()))
    expect(error).toMatchObject({ status: 400, type: 'api_error' })
    expect(scene.arrived()).toHaveLength(1)
    const call = String(Reflect.get(error as object, 'requestID'))
    expect(await kinds(call, 2)).toEqual(['call.intent', 'call.outcome'])
  })
})

describe.each([
  { how: 'whole', streamed: false },
  { how: 'streamed', streamed: true },
])("the SDK's own loop over tools, $how", ({ streamed }) => {
  const called = { id: 'toolu_7', name: 'lookup', arguments: '{"city":"Bern"}' }
  const turns = (): ((index: number) => Script) => {
    const spoken = [
      { ...speech, texts: ['I look.'], tools: [called] },
      { ...speech, texts: ['It rains.'] },
    ]
    const scripts = spoken.map((turn) => (streamed ? stream(anthropicStream(turn)) : whole(anthropicAnswer(turn))))
    return (index) => scripts[index] ?? hangUp
  }
  const asked: unknown[] = []
  const tool = {
    name: TOOL.name,
    description: TOOL.description,
    inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    run: (given: unknown) => {
      asked.push(given)
      return 'rain, 9 degrees'
    },
  } as const
  const params = { model: 'gpt-4o', max_tokens: 64, stream: streamed, messages: hello().messages }

  test.each([
    {
      generation: '1.x',
      last: async () => {
        const { anthropic, calls } = connect()
        return {
          message: await anthropic.beta.messages.toolRunner({ ...params, thread: false, tools: [betaTool(tool)] }),
          calls,
        }
      },
    },
    {
      generation: '0.x',
      last: async () => {
        const { anthropic, calls } = connect0()
        return { message: await anthropic.beta.messages.toolRunner({ ...params, tools: [betaTool0(tool)] }), calls }
      },
    },
  ])('$generation', async ({ last }) => {
    asked.length = 0
    scene.play({ eu: turns() })
    const { message, calls } = await last()
    expect(message.content).toMatchObject([{ type: 'text', text: 'It rains.' }])
    expect(asked).toEqual([{ city: 'Bern' }])
    const second = JSON.parse(scene.arrived()[1]?.body.toString() ?? '') as { messages: unknown[] }
    expect(second.messages).toMatchObject([
      { role: 'user', content: 'hello' },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'I look.' },
          { type: 'tool_use', id: 'toolu_7', name: 'lookup', input: { city: 'Bern' } },
        ],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_7', content: 'rain, 9 degrees' }] },
    ])
    expect(calls).toHaveLength(2)
    for (const { call } of calls) expect(await kinds(call, 2)).toEqual(['call.intent', 'call.outcome'])
  })
})

test('the loop of 1.x would keep its conversation at the provider: that is denied on record, and it goes on without', async () => {
  scene.play({ eu: anthropicVoice.speak(speech, false) })
  const { anthropic, calls } = connect(2)
  const message = await anthropic.beta.messages.toolRunner({ ...hello(), max_tokens: 64, tools: [] })
  expect(message.content).toMatchObject([{ type: 'text', text: 'Good day, traveller.' }])
  expect(await Promise.all(calls.map(({ call }, at) => kinds(call, at + 1)))).toEqual([
    ['call.denied'],
    ['call.intent', 'call.outcome'],
  ])
  expect(scene.arrived().map(({ body }) => Object.keys(JSON.parse(body.toString())).includes('thread'))).toEqual([
    false,
  ])
})

describe('betas', () => {
  const known = ['interleaved-thinking-2025-05-14', 'context-management-2025-06-27'] as const
  const ask = (betas: string[], given = connect(2)) =>
    given.anthropic.beta.messages.create({ ...hello(), max_tokens: 64, betas })

  test('known ones are sent on, word for word', async () => {
    scene.play({ eu: anthropicVoice.speak(speech, false) })
    const { calls, anthropic, fetch } = connect()
    const answer = await ask([...known], { calls, anthropic, fetch })
    expect(answer.content).toMatchObject([{ type: 'text', text: 'Good day, traveller.' }])
    const [request] = scene.arrived()
    expect(request?.path).toBe('/v1/messages')
    expect(request === undefined ? {} : headersOf(request)).toMatchObject({ 'anthropic-beta': known.join(',') })
    expect(await kinds(calls[0]?.call, 2)).toEqual(['call.intent', 'call.outcome'])
  })

  test.each([['what-nobody-read-2027-01-01'], ['server-side-fallback-2026-06-01']])(
    '%s is refused by name',
    async (beta) => {
      scene.play({ eu: anthropicVoice.speak(speech, false) })
      const given = connect(2)
      const error = await raised(ask([known[0], beta], given))
      expect(error).toBeInstanceOf(Anthropic.BadRequestError)
      expect(error).toMatchObject({ type: 'invalid_request_error', requestID: given.calls[0]?.call })
      expect(String(error)).toContain(`leave out ${beta}`)
      expect(given.calls).toHaveLength(1)
      expect(scene.arrived()).toEqual([])
    },
  )

  test.each([
    ['other models to fall back on', { fallbacks: [{ model: 'claude-opus-4-8' }] }],
    ['a member that nobody knows', { route_to: 'elsewhere' }],
  ])('%s: refused, one call', async (_, more) => {
    scene.play({ eu: anthropicVoice.speak(speech, false) })
    const { anthropic, calls } = connect(2)
    const params = { ...hello(), max_tokens: 64, ...more }
    const error = await raised(anthropic.beta.messages.create(params))
    expect(error).toBeInstanceOf(Anthropic.BadRequestError)
    expect(String(error)).toContain(Object.keys(more)[0])
    expect(calls).toHaveLength(1)
    expect(scene.arrived()).toEqual([])
  })
})

test.each([
  ['files', (sdk: Anthropic) => sdk.beta.files.list()],
  ['models', (sdk: Anthropic) => sdk.models.list()],
  ['batches', (sdk: Anthropic) => sdk.messages.batches.list()],
  ['completions', (sdk: Anthropic) => sdk.post('/v1/complete', { body: { model: 'gpt-4o', prompt: 'hello' } })],
])('what is not served is refused as the SDK understands it: %s', async (_, knock) => {
  scene.play({ eu: anthropicVoice.speak(speech, false) })
  const { anthropic, calls } = connect(2)
  const error = await raised(knock(anthropic))
  expect(error).toBeInstanceOf(Anthropic.NotFoundError)
  expect(error).toMatchObject({ status: 404, type: 'not_found_error', requestID: calls[0]?.call })
  expect(calls).toHaveLength(1)
  expect(scene.arrived()).toEqual([])
})
