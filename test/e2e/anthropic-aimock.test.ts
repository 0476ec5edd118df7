import { LLMock } from '@copilotkit/aimock'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type House, RESTLESS, startHouse } from '../house.ts'
import { langchain } from './anthropic-langchain.ts'
import { drivers } from './anthropic-sdk.ts'
import { vercel } from './anthropic-vercel.ts'
import type { Ask, Driver, Heard } from './driver.ts'
import { type Counted, counting } from './scene.ts'

/** Anthropic's clients through the gateway in front of aimock: an Anthropic that somebody else has written. */

const MODEL = 'claude-sonnet-4-5'
const CLIENTS = [
  { name: 'anthropic, whole', driver: drivers.create, streamed: false },
  { name: 'anthropic, streamed', driver: drivers.create, streamed: true },
  { name: 'anthropic, the stream helper', driver: drivers.helper, streamed: true },
  { name: 'anthropic 0.x, whole', driver: drivers.create0, streamed: false },
  { name: 'anthropic 0.x, streamed', driver: drivers.create0, streamed: true },
  { name: 'vercel, whole', driver: vercel, streamed: false },
  { name: 'vercel, streamed', driver: vercel, streamed: true },
  { name: 'langchain, whole', driver: langchain, streamed: false },
  { name: 'langchain, streamed', driver: langchain, streamed: true },
] as const

let mock: LLMock
let house: House
beforeAll(async () => {
  mock = new LLMock({ port: 0, chunkSize: 3 })
  mock.on({ userMessage: 'hello', hasToolResult: false }, { content: 'Grüezi, traveller \u{1f600}.' })
  mock.on(
    { userMessage: 'weather', hasToolResult: false },
    { toolCalls: [{ id: 'toolu_1', name: 'lookup', arguments: '{"city":"Bern","why":"asked"}' }] },
  )
  mock.on({ userMessage: 'weather', hasToolResult: true }, { content: 'It rains in Bern.' })
  mock.on(
    { userMessage: 'never ends' },
    { content: 'This ends before it has ended.' },
    { truncateAfterChunks: 5, latency: 10 },
  )
  mock.on({ userMessage: 'fails' }, { error: { message: 'Out of order.', type: 'api_error' }, status: 500 })
  await mock.start()
  const residency = { endpoint: ['DE'], processing: ['DE'], storage: ['DE'] }
  house = await startHouse({
    providers: {},
    config: {
      limits: { breaker: RESTLESS },
      providers: { aimock: { kind: 'anthropic', base_url: mock.url, residency } },
      models: { 'gpt-4o': { routes: [{ provider: 'aimock', model: MODEL }] } },
    },
  })
})
afterAll(async () => {
  await house?.stop()
  await mock?.stop()
})
beforeEach(() => mock.clearRequests())

async function ask(driver: Driver, given: Pick<Ask, 'say' | 'streamed' | 'tool' | 'toolResult'>) {
  const counted: Counted = counting('request-id')
  const baseURL = `${house.customhouse.data}/anthropic`
  const asking = driver({ ...given, ...counted, model: 'gpt-4o', retries: 0, key: house.key, baseURL })
  const [heard, error] = await asking.then(
    (value: Heard) => [value, null] as const,
    (reason: unknown) => [null, reason] as const,
  )
  expect(counted.calls).toHaveLength(1)
  const trail = (await house.records()).filter(({ call }) => call === counted.calls[0]?.call)
  return { heard, error, trail: trail.map(({ kind, body }) => [kind, body.ending ?? null]) }
}

const COMPLETE = [
  ['call.intent', null],
  ['call.outcome', 'complete'],
]

describe.each(CLIENTS)('$name', ({ driver, streamed }) => {
  test('a text', async () => {
    const { heard, error, trail } = await ask(driver, { say: 'hello', streamed })
    if (error !== null) throw error
    expect(heard).toMatchObject({ text: 'Grüezi, traveller \u{1f600}.', tools: [], finish: 'end_turn' })
    expect(trail).toEqual(COMPLETE)
    expect(mock.getRequests().map(({ path }) => path)).toEqual(['/v1/messages'])
  })

  test('a tool, called and answered', async () => {
    const called = await ask(driver, { say: 'weather', streamed, tool: true })
    if (called.error !== null) throw called.error
    const input = { city: 'Bern', why: 'asked' }
    expect(called.heard).toMatchObject({
      tools: [{ id: 'toolu_1', name: 'lookup', arguments: input }],
      finish: 'tool_use',
    })
    const toolResult = { id: 'toolu_1', arguments: JSON.stringify(input), result: 'rain' }
    const answered = await ask(driver, { say: 'weather', streamed, tool: true, toolResult })
    if (answered.error !== null) throw answered.error
    expect(answered.heard).toMatchObject({ text: 'It rains in Bern.', finish: 'end_turn' })
    expect([called.trail, answered.trail]).toEqual([COMPLETE, COMPLETE])
  })

  test('an error', async () => {
    const { error, trail } = await ask(driver, { say: 'fails', streamed })
    expect(error).toBeInstanceOf(Error)
    expect(String(error)).toContain('Out of order.')
    expect(trail).toEqual([
      ['call.intent', null],
      ['call.outcome', 'provider_error'],
    ])
  })

  if (!streamed) return
  test('a stream that breaks off', async () => {
    const { error, trail } = await ask(driver, { say: 'never ends', streamed })
    expect(error).toBeInstanceOf(Error)
    expect(trail).toEqual([
      ['call.intent', null],
      ['call.outcome', 'provider_truncated'],
    ])
  })
})
