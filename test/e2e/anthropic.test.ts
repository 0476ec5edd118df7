import Anthropic from '@anthropic-ai/sdk'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { anthropicStream, stream, whole } from '../kit/index.ts'
import { client, drivers, RAISED } from './anthropic-sdk.ts'
import { anthropicVoice } from './anthropic-voice.ts'
import { hangsUp, run } from './run.ts'
import { counting, headersOf, PROVIDER_CREDENTIAL, type Scene, startScene } from './scene.ts'
import { speech, table } from './table.ts'

/** `@anthropic-ai/sdk` since 1.0. */

let scene: Scene
beforeAll(async () => {
  scene = await startScene(anthropicVoice)
})
afterAll(() => scene?.close())
afterEach(() => vi.unstubAllEnvs())

const { create, helper, beta, betaHelper } = drivers
const baseURL = (): string => `${scene.house.customhouse.data}/anthropic`
const hello = { model: 'gpt-4o', max_tokens: 64, messages: [{ role: 'user' as const, content: 'hello' }] }

describe.each([
  { how: 'create, whole', driver: create, streamed: false },
  { how: 'create, streamed', driver: create, streamed: true },
  { how: 'the stream helper', driver: helper, streamed: true },
  { how: 'beta, whole', driver: beta, streamed: false },
  { how: 'beta, the stream helper', driver: betaHelper, streamed: true },
])('anthropic, $how', ({ driver, streamed }) => {
  test.each(table(streamed, anthropicVoice))('$name', async (row) => {
    const { error, counted } = await run(scene, driver, row, streamed, RAISED)
    if (error instanceof Anthropic.APIError) expect(error.requestID).toBe(counted.calls.at(-1)?.call)
  })
})

test('nothing but the base URL and the key: the SDK with its environment alone', async () => {
  vi.stubEnv('ANTHROPIC_BASE_URL', baseURL())
  vi.stubEnv('ANTHROPIC_API_KEY', scene.house.key)
  scene.play({ eu: anthropicVoice.speak(speech, false) })
  const sent: Headers[] = []
  const anthropic = new Anthropic({
    fetch: (input, init) => {
      sent.push(new Headers(init?.headers))
      return fetch(input, init)
    },
  })
  const answer = await anthropic.messages.create(hello)
  expect(answer.content).toEqual([{ type: 'text', text: 'Good day, traveller.' }])
  expect(sent.map((headers) => [headers.get('authorization'), headers.get('x-api-key')])).toEqual([
    [`Bearer ${scene.house.key}`, null],
  ])
  const [request] = scene.arrived()
  const arrived = request === undefined ? {} : headersOf(request)
  expect(arrived).toMatchObject({ 'x-api-key': PROVIDER_CREDENTIAL, 'anthropic-version': '2026-10-21' })
  expect(arrived).not.toHaveProperty('authorization')
  expect((await scene.trailOf(answer._request_id, 2)).map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
})

test('an early end that the SDK alone takes for a complete answer', async () => {
  const cut = anthropicStream({ texts: ['One two three four five.'] }).slice(0, 6)
  scene.play({ eu: stream(cut) })
  const read = async (url: string): Promise<number> => {
    let events = 0
    const anthropic = client({ key: scene.house.key, baseURL: url, retries: 0, fetch })
    for await (const _ of await anthropic.messages.create({ ...hello, stream: true })) events += 1
    return events
  }
  // The SDK keeps the ping to itself.
  expect(await read(scene.recorders.eu.url)).toBe(5)
  await expect(read(baseURL())).rejects.toMatchObject({
    type: 'api_error',
    apiMessage: expect.stringContaining('ended'),
  })
})

test('an error of the provider keeps what the SDK reads of it', async () => {
  const details = { error_code: 'prompt_too_long' }
  const body = { type: 'error', error: { type: 'invalid_request_error', message: 'Too long.', details } }
  scene.play({ eu: whole(body, { status: 400 }) })
  const anthropic = client({ key: scene.house.key, baseURL: baseURL(), retries: 0, fetch })
  const error = await anthropic.messages.create(hello).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(Anthropic.BadRequestError)
  expect(error).toMatchObject({ type: 'invalid_request_error', errorCode: 'prompt_too_long', details })
})

test('an overloaded provider: the SDK asks again, and gets its answer or the error of that name', async () => {
  const overloaded = anthropicVoice.failure(529).script
  const good = anthropicVoice.speak(speech, false)
  scene.play({ eu: (index) => (index === 0 ? overloaded : good) })
  const { fetch, calls } = counting('request-id')
  const ask = () => client({ key: scene.house.key, baseURL: baseURL(), retries: 1, fetch }).messages.create(hello)
  expect((await ask()).content).toEqual([{ type: 'text', text: 'Good day, traveller.' }])
  expect(calls.map(({ status }) => status)).toEqual([529, 200])
  scene.play({ eu: overloaded })
  await expect(ask()).rejects.toBeInstanceOf(Anthropic.OverloadedError)
  expect(calls).toHaveLength(4)
  for (const { call, status } of calls) {
    const trail = await scene.trailOf(call, 2)
    expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
    expect(trail[1]?.body).toMatchObject({ status, ending: status === 200 ? 'complete' : 'provider_error' })
  }
})

test('the client hangs up in mid-stream', async () => {
  // `create` ends its iteration without an error when its own caller has aborted it; the helper does not.
  expect(await hangsUp(scene, create)).toBeNull()
  expect(await hangsUp(scene, helper)).toBeInstanceOf(Anthropic.APIUserAbortError)
})

test('the client hangs up before the answer begins', async () => {
  scene.play({ eu: ['hold'] })
  const { fetch } = counting()
  const anthropic = client({ key: scene.house.key, baseURL: baseURL(), retries: 0, fetch })
  const controller = new AbortController()
  const asking = anthropic.messages.create(hello, { signal: controller.signal }).catch((reason: unknown) => reason)
  await scene.recorders.eu.waitFor(scene.recorders.eu.requests.length + 1)
  controller.abort()
  expect(await asking).toBeInstanceOf(Anthropic.APIUserAbortError)
  const [request] = scene.arrived()
  expect(await request?.answered).toBe('client_gone')
  const intent = (await scene.house.records()).findLast(({ kind }) => kind === 'call.intent')
  const trail = await scene.trailOf(intent?.call, 2)
  expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
  expect(trail.at(-1)?.body).toMatchObject({ ending: 'client_gone', status: 499 })
})
