import Anthropic0 from 'anthropic-sdk-0'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { drivers, RAISED } from './anthropic-sdk.ts'
import { anthropicVoice } from './anthropic-voice.ts'
import { hangsUp, run } from './run.ts'
import { headersOf, PROVIDER_CREDENTIAL, type Scene, startScene } from './scene.ts'
import { speech, table } from './table.ts'

/** `@anthropic-ai/sdk` before 1.0, which says who it is in `x-api-key`. */

let scene: Scene
beforeAll(async () => {
  scene = await startScene(anthropicVoice)
})
afterAll(() => scene?.close())

describe.each([
  { how: 'create, whole', driver: drivers.create0, streamed: false },
  { how: 'create, streamed', driver: drivers.create0, streamed: true },
  { how: 'the stream helper', driver: drivers.helper0, streamed: true },
])('anthropic 0.x, $how', ({ driver, streamed }) => {
  test.each(table(streamed, anthropicVoice))('$name', async (row) => {
    const { error, counted } = await run(scene, driver, row, streamed, RAISED)
    if (error instanceof Anthropic0.APIError) expect(error.requestID).toBe(counted.calls.at(-1)?.call)
  })
})

test.each([
  { as: 'apiKey', header: 'x-api-key' },
  { as: 'authToken', header: 'authorization' },
] as const)('$as, in $header', async ({ as, header }) => {
  scene.play({ eu: anthropicVoice.speak(speech, false) })
  const { key, customhouse } = scene.house
  const sent: Headers[] = []
  const urls: string[] = []
  const anthropic = new Anthropic0({
    apiKey: null,
    authToken: null,
    [as]: key,
    baseURL: `${customhouse.data}/anthropic`,
    fetch: (input, init) => {
      sent.push(new Headers(init?.headers))
      urls.push(String(input))
      return fetch(input, init)
    },
  })
  const messages = [{ role: 'user' as const, content: 'hello' }]
  const answer = await anthropic.beta.messages.create({
    model: 'gpt-4o',
    max_tokens: 64,
    messages,
    betas: ['interleaved-thinking-2025-05-14'],
  })
  expect(answer.content).toMatchObject([{ type: 'text', text: 'Good day, traveller.' }])
  expect(sent.map((headers) => [...headers.keys()].filter((name) => headers.get(name)?.includes(key)))).toEqual([
    [header],
  ])
  expect(urls).toEqual([`${customhouse.data}/anthropic/v1/messages?beta=true`])
  const [request] = scene.arrived()
  expect(request?.path).toBe('/v1/messages')
  const arrived = request === undefined ? {} : headersOf(request)
  expect(arrived).toMatchObject({
    'x-api-key': PROVIDER_CREDENTIAL,
    'anthropic-version': '2023-06-01',
    'anthropic-beta': 'interleaved-thinking-2025-05-14',
  })
  expect(arrived).not.toHaveProperty('authorization')
})

test('the client hangs up in mid-stream', async () => {
  // `create` ends its iteration without an error when its own caller has aborted it; the helper does not.
  expect(await hangsUp(scene, drivers.create0)).toBeNull()
  expect(await hangsUp(scene, drivers.helper0)).toBeInstanceOf(Anthropic0.APIUserAbortError)
})
