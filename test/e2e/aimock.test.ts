import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LLMock } from '@copilotkit/aimock'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type House, RESTLESS, startHouse } from '../house.ts'
import { CLIENTS, type ClientName } from './aimock-clients.ts'
import type { Ask, Heard, Raised } from './driver.ts'
import { counting, PROVIDER_CREDENTIAL } from './scene.ts'

/** @copilotkit/aimock as the provider of every kind: an upstream whose bytes none of us wrote. */

/** What the gateway knows each kind by: a model that clients ask for, and what it is called there. */
const PROVIDERS = {
  openai: { kind: 'openai', base: '/v1', asked: 'gpt-4o', model: 'model-9' },
  azure: { kind: 'azure', base: '/openai/v1', asked: 'gpt-4o-mini', model: 'model-9' },
  mistral: { kind: 'mistral', base: '/v1', asked: 'mistral-large', model: 'model-9' },
  anthropic: { kind: 'anthropic', base: '', asked: 'claude-sonnet-4-5', model: 'model-9' },
  bedrock: { kind: 'bedrock', base: '', asked: 'nova-lite', model: 'anthropic.claude-sonnet-4-5-20250929-v1:0' },
} as const
const named = Object.entries(PROVIDERS)

const SAID = 'Good day, traveller, and welcome to the border post.'
const TOLD = 'It rains in Bern, says the tool.'
const ARGUMENTS = '{"city":"Bern"}'
// As Mistral makes them: what is no nine letters and digits would be another id there.
const ID = 'call00001'

const here = new LLMock({ host: '127.0.0.1', port: 0, chunkSize: 2, journalMaxEntries: 0 })
here.onToolResult(ID, { content: TOLD })
here.onMessage('hello', { content: SAID })
here.onMessage('weather', { toolCalls: [{ id: ID, name: 'lookup', arguments: ARGUMENTS }] })
here.onMessage('break off', { content: SAID }, { truncateAfterChunks: 9, latency: 5 })
/** Where the tenant may not go. */
const away = new LLMock({ host: '127.0.0.1', port: 0, journalMaxEntries: 0 })

const secrets = mkdtempSync(join(tmpdir(), 'customhouse-secrets-'))
let house: House
beforeAll(async () => {
  await here.start()
  await away.start()
  writeFileSync(join(secrets, 'provider'), PROVIDER_CREDENTIAL, { mode: 0o600 })
  const credential = `\${file:${join(secrets, 'provider')}}`
  const providers = [
    { mock: here, mark: '', place: 'DE' },
    { mock: away, mark: '-us', place: 'US' },
  ].flatMap(({ mock, mark, place }) =>
    named.map(([name, { kind, base }]) => [
      `${name}${mark}`,
      {
        kind,
        base_url: `${mock.url}${base}`,
        ...(kind === 'bedrock' ? { region: 'eu-central-1' } : {}),
        credential,
        residency: { endpoint: [place], processing: [place], storage: [place] },
      },
    ]),
  )
  const models = named.map(([provider, { asked, model }]) => [asked, { routes: [{ provider, model }] }])
  const denied = named.map(([provider, { model }]) => ({ provider: `${provider}-us`, model }))
  house = await startHouse({
    providers: {},
    config: {
      limits: { breaker: RESTLESS },
      providers: Object.fromEntries(providers),
      models: { ...Object.fromEntries(models), auto: { routes: denied } },
    },
  })
})
afterEach(() => {
  here.clearChaos()
  here.clearRequests()
})
afterAll(async () => {
  await house?.stop()
  await here.stop()
  await away.stop()
  rmSync(secrets, { recursive: true })
})

type Asked = Partial<Pick<Ask, 'say' | 'model' | 'tool' | 'toolResult' | 'retries'>>
type Got = Readonly<{ heard: Heard | null; error: unknown; calls: Ask['calls']; texts: string }>

async function ask(name: ClientName, streamed: boolean, asked: Asked): Promise<Got> {
  const { prefix, provider, driver } = CLIENTS[name]
  const { fetch, calls } = counting()
  let texts = ''
  const [heard, error] = await driver({
    streamed,
    say: 'hello',
    model: PROVIDERS[provider].asked,
    retries: 0,
    key: house.key,
    fetch,
    calls,
    baseURL: `${house.customhouse.data}${prefix}`,
    onText: (text) => {
      texts += text
    },
    ...asked,
  }).then(
    (value) => [value, null] as const,
    (reason: unknown) => [null, reason] as const,
  )
  return { heard, error, calls, texts }
}

/** What aimock's journal says: how it answered each call, every one held to what may go out. */
function journal(name: ClientName, streamed: boolean): readonly number[] {
  const { provider, path } = CLIENTS[name]
  return here.getRequests().map(({ method, path: found, headers, body, response }) => {
    expect({ method, path: found }).toEqual({ method: 'POST', path: path(PROVIDERS[provider].model, streamed) })
    const messages = expect.arrayContaining([expect.objectContaining({ role: 'user' })])
    // Of a Bedrock model aimock writes the bare name down; its path was whole.
    const model = provider === 'bedrock' ? expect.any(String) : PROVIDERS[provider].model
    expect(body).toMatchObject({ model, messages })
    expect(JSON.stringify(headers)).not.toContain(house.key)
    expect(Object.keys(headers).filter((field) => !FIELDS.includes(field))).toEqual([])
    return response.status
  })
}
const FIELDS = [
  'accept',
  'accept-encoding',
  'anthropic-version',
  'authorization',
  'api-key',
  'connection',
  'content-length',
  'content-type',
  'host',
  'x-api-key',
  // aimock's own, for its journal.
  'x-request-id',
]

/** Members of the last record of a call. */
async function recorded({ calls }: Got, kind: string, members: Readonly<Record<string, unknown>>): Promise<void> {
  const call = calls.at(-1)?.call
  expect(call).toMatch(/^[0-9a-f-]{36}$/)
  const last = async () => (await house.records()).filter((record) => record.call === call).at(-1)
  await expect.poll(last, { timeout: 2000 }).toMatchObject({ kind, body: members })
}

function expectRaised(error: unknown, members: Raised): void {
  expect(error).toBeInstanceOf(Error)
  const { class: name, ...rest } = members
  expect((error as Error).constructor.name).toBe(name)
  expect(error).toMatchObject(rest)
}

/**
 * aimock's own faults: of InvokeModelWithResponseStream it sends the model's events where AWS has them in base64 (`PayloadPart.bytes`), of which its
 * own SDK makes nothing; and a stream of Mistral has no usage, which Mistral's own always has.
 */
const saysNothing = (name: ClientName, streamed: boolean): boolean => name === 'invoke' && streamed

const EVERY = (Object.keys(CLIENTS) as ClientName[]).flatMap((name) =>
  CLIENTS[name].ways.map((streamed) => ({ name, streamed, how: streamed ? 'streamed' : 'whole' })),
)
const SPEAKING = EVERY.filter(({ name, streamed }) => !saysNothing(name, streamed))

describe.each(SPEAKING)('$name, $how', ({ name, streamed }) => {
  const { finish } = CLIENTS[name]

  test('a text', async () => {
    const got = await ask(name, streamed, {})
    expect(got).toMatchObject({ error: null, heard: { text: SAID, tools: [], finish: finish.stop } })
    expect(got.calls).toHaveLength(1)
    expect(journal(name, streamed)).toEqual([200])
    await recorded(got, 'call.outcome', { ending: 'complete', status: 200, finish: finish.stop, fault: null })
  })

  test('a tool declared and called', async () => {
    const got = await ask(name, streamed, { say: 'weather', tool: true })
    const called = { id: ID, name: 'lookup', arguments: { city: 'Bern' } }
    expect(got).toMatchObject({ error: null, heard: { text: '', tools: [called], finish: finish.tool } })
    expect(journal(name, streamed)).toEqual([200])
    expect(here.getLastRequest()?.body).toMatchObject({ tools: [{ function: { name: 'lookup' } }] })
    await recorded(got, 'call.outcome', { ending: 'complete', finish: finish.tool })
  })

  test('the result of a tool sent back', async () => {
    const toolResult = { id: ID, arguments: ARGUMENTS, result: 'It rains.' }
    const got = await ask(name, streamed, { tool: true, toolResult })
    // aimock says so only to one who brings the result of that very call.
    expect(got).toMatchObject({ error: null, heard: { text: TOLD, tools: [], finish: finish.stop } })
    expect(journal(name, streamed)).toEqual([200])
  })
})

test.each(EVERY)('$name, $how: denied, and nothing sent anywhere', async ({ name, streamed }) => {
  const got = await ask(name, streamed, { model: 'auto', retries: 2 })
  expectRaised(got.error, CLIENTS[name].raised.denied)
  expect((got.error as Error).message).toContain('residency/endpoint')
  expect(got.calls).toHaveLength(1)
  expect([...here.getRequests(), ...away.getRequests()]).toEqual([])
  await recorded(got, 'call.denied', { code: 'ERR_POLICY_DENIED' })
})

describe.each(EVERY)('$name, $how, in chaos', ({ name, streamed }) => {
  const { raised } = CLIENTS[name]

  test('429, repeated by the SDK', async () => {
    here.setChaos({ rateLimitRate: 1 })
    const got = await ask(name, streamed, { retries: 1 })
    expectRaised(got.error, raised.limited)
    expect(got.calls.length).toBeGreaterThan(1)
    // Who comes again before the provider's Retry-After is over is told so by the gateway.
    const reached = journal(name, streamed)
    expect(reached.length).toBeGreaterThan(0)
    expect(reached).toEqual(reached.map(() => 429))
    const last = reached.length === got.calls.length
    if (last) await recorded(got, 'call.outcome', { ending: 'provider_error', status: 429 })
    else await recorded(got, 'call.denied', { status: 429 })
    // The next cases want the target.
    here.clearChaos()
    const status = async () => (await ask(name, streamed, {})).calls.at(-1)?.status
    await expect.poll(status, { timeout: 10_000 }).not.toBe(429)
  })

  test('500', async () => {
    here.setChaos({ dropRate: 1 })
    const got = await ask(name, streamed, {})
    expectRaised(got.error, raised.failed)
    expect(journal(name, streamed)).toEqual([500])
    await recorded(got, 'call.outcome', { ending: 'provider_error', status: 500 })
  })

  test('200 and no answer of the dialect', async () => {
    here.setChaos({ malformedRate: 1 })
    const got = await ask(name, streamed, {})
    expectRaised(got.error, raised.unusable)
    expect(journal(name, streamed)).toEqual([200])
    expect((got.error as Error).message).not.toContain('<<<chaos>>>')
  })

  test('a hang-up', async () => {
    here.setChaos({ disconnectRate: 1 })
    const got = await ask(name, streamed, {})
    expectRaised(got.error, raised.unusable)
    expect(journal(name, streamed)).toEqual([0])
    await recorded(got, 'call.attempt_failed', { cause: 'ERR_PROVIDER_UNREACHABLE' })
  })
})

test.each(SPEAKING.filter(({ streamed }) => streamed))('$name: broken off in mid-stream', async ({ name }) => {
  const got = await ask(name, true, { say: 'break off' })
  const { broken } = CLIENTS[name].raised
  // Mistral's SDK has no error in a stream, but a reason to finish that is one.
  if (broken === null) expect(got).toMatchObject({ error: null, heard: { finish: 'error' } })
  else expectRaised(got.error, broken)
  expect(got.texts).not.toBe('')
  expect(SAID.startsWith(got.texts)).toBe(true)
  expect(got.texts).not.toBe(SAID)
  await recorded(got, 'call.outcome', { ending: 'provider_truncated', finish: null })
})

test('what is no stream of InvokeModel is refused before a byte of it goes on', async () => {
  const got = await ask('invoke', true, {})
  expectRaised(got.error, CLIENTS.invoke.raised.unusable)
  expect(got.texts).toBe('')
  expect(journal('invoke', true)).toEqual([200])
})
