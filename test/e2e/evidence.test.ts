import Anthropic, { PermissionDeniedError } from '@anthropic-ai/sdk'
import { InvokeModelCommand, InvokeModelWithResponseStreamCommand } from '@aws-sdk/client-bedrock-runtime'
import { AzureOpenAI } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anthropicAnswer, anthropicStream, frame, openaiAnswer, openaiStream, stream, whole } from '../kit/index.ts'
import { awsClient } from './bedrock-aws.ts'
import { openPlaces, type Places } from './places.ts'
import { counting } from './scene.ts'

/** Providers that work elsewhere than was judged, heard behind the real SDKs with the shipped policies: `claims` is cut off, `research` has it on record. */

const TEXT = 'one two three four five six'
let places: Places
beforeAll(async () => {
  places = await openPlaces()
})
afterAll(() => places?.close())

type Tenant = 'claims' | 'research'
type Heard = Readonly<{ text: string; error: unknown; call: string | null | undefined }>

const geo = (word: string): unknown => {
  const { usage, ...answer } = anthropicAnswer({ texts: [TEXT] })
  return { ...answer, usage: { ...(usage as object), inference_geo: word } }
}
/** Says it with its first event, or with its finish. */
const geoStream = (word: string, last: boolean): string[] =>
  anthropicStream({ texts: [TEXT] }).map((event) =>
    event.replace(last ? '"usage":{"output_tokens":34' : '"usage":{"input_tokens"', (found) =>
      found.replace('{', `{"inference_geo":"${word}",`),
    ),
  )

async function claude(tenant: Tenant, streamed: boolean): Promise<Heard> {
  const { fetch, calls } = counting('request-id')
  const client = new Anthropic({
    apiKey: places.keys[tenant],
    baseURL: `${places.house.customhouse.data}/anthropic`,
    maxRetries: 0,
    fetch,
  })
  const asked = { model: 'auto', max_tokens: 64, messages: [{ role: 'user' as const, content: 'hello' }] }
  let text = ''
  try {
    if (streamed) {
      for await (const event of await client.messages.create({ ...asked, stream: true })) {
        if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text
        if (event.type === 'message_stop') text += '[stop]'
      }
    } else {
      const [block] = (await client.messages.create(asked)).content
      text = block?.type === 'text' ? `${block.text}[stop]` : ''
    }
    return { text, error: null, call: calls[0]?.call }
  } catch (error) {
    return { text, error, call: calls[0]?.call }
  }
}

async function azure(tenant: Tenant, streamed: boolean): Promise<Heard> {
  const { fetch, calls } = counting()
  const client = new AzureOpenAI({
    apiKey: places.keys[tenant],
    endpoint: `${places.house.customhouse.data}/azure`,
    apiVersion: '2024-10-21',
    maxRetries: 0,
    fetch,
  })
  const asked = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: 'hello' }] }
  let text = ''
  try {
    if (streamed) {
      for await (const { choices } of await client.chat.completions.create({ ...asked, stream: true })) {
        text += choices[0]?.delta.content ?? ''
        if (choices[0]?.finish_reason === 'stop') text += '[stop]'
      }
    } else text = `${(await client.chat.completions.create(asked)).choices[0]?.message.content ?? ''}[stop]`
    return { text, error: null, call: calls[0]?.call }
  } catch (error) {
    return { text, error, call: calls[0]?.call }
  }
}

async function invoke(tenant: Tenant, streamed: boolean): Promise<Heard> {
  const calls: { status: number; call: string | null; requestId: string | null; at: number }[] = []
  const client = awsClient({
    key: places.keys[tenant],
    baseURL: `${places.house.customhouse.data}/bedrock`,
    retries: 0,
    calls,
  })
  const body = JSON.stringify({
    anthropic_version: 'bedrock-2023-05-31',
    max_tokens: 64,
    messages: [{ role: 'user', content: 'hello' }],
  })
  const asked = { modelId: 'nova-lite', contentType: 'application/json', body }
  let text = ''
  try {
    if (streamed) {
      const { body: events } = await client.send(new InvokeModelWithResponseStreamCommand(asked))
      for await (const { chunk } of events ?? []) {
        const event = JSON.parse(Buffer.from(chunk?.bytes ?? []).toString())
        if (event.type === 'content_block_delta') text += event.delta.text
        if (event.type === 'message_stop') text += '[stop]'
      }
    } else {
      const answer = JSON.parse((await client.send(new InvokeModelCommand(asked))).body.transformToString())
      text = `${answer.content[0].text}[stop]`
    }
    return { text, error: null, call: calls[0]?.call }
  } catch (error) {
    return { text, error, call: calls[0]?.call }
  } finally {
    client.destroy()
  }
}

const chunks = (events: readonly string[]): Buffer[] =>
  events
    .map((event) => event.slice(event.indexOf('data: ') + 6).trim())
    .map((data) => frame('chunk', { bytes: Buffer.from(data).toString('base64') }))
const FRAMES = { fields: { 'content-type': 'application/vnd.amazon.eventstream' } }
const SWEDEN = { 'x-ms-region': 'Sweden Central' }

type Row = Readonly<{
  name: string
  ask: (tenant: Tenant, streamed: boolean) => Promise<Heard>
  streamed: boolean
  script: ReturnType<typeof whole>
  body: Readonly<Record<string, unknown>>
  /** What of the text reached a client that is cut off; null where nothing of the answer did. */
  before: string | null
}>

const GLOBAL = { facet: 'processing', judged: ['US'], said: ['*'], source: 'usage.inference_geo', word: 'global' }
const REGION = { facet: 'endpoint', judged: ['US'], said: ['SE'], source: 'x-ms-region', word: 'Sweden Central' }

const rows: readonly Row[] = [
  { name: 'Claude, whole', ask: claude, streamed: false, script: whole(geo('global')), body: GLOBAL, before: null },
  {
    name: 'Claude, the first event',
    ask: claude,
    streamed: true,
    script: stream(geoStream('global', false)),
    body: GLOBAL,
    before: null,
  },
  {
    name: 'Claude, the last event',
    ask: claude,
    streamed: true,
    script: stream(geoStream('global', true), { everyMs: 5 }),
    body: GLOBAL,
    before: TEXT,
  },
  {
    name: 'Claude by InvokeModel, whole',
    ask: invoke,
    streamed: false,
    script: whole(geo('global')),
    body: GLOBAL,
    before: null,
  },
  {
    name: 'Claude by InvokeModel, the first event',
    ask: invoke,
    streamed: true,
    script: stream(chunks(geoStream('global', false)), FRAMES),
    body: GLOBAL,
    before: null,
  },
  {
    name: 'Claude by InvokeModel, the last event',
    ask: invoke,
    streamed: true,
    script: stream(chunks(geoStream('global', true)), { ...FRAMES, everyMs: 5 }),
    body: GLOBAL,
    before: TEXT,
  },
  {
    name: 'AzureOpenAI, whole',
    ask: azure,
    streamed: false,
    script: whole(openaiAnswer({ texts: [TEXT] }), { fields: SWEDEN }),
    body: REGION,
    before: null,
  },
  {
    name: 'AzureOpenAI, streamed',
    ask: azure,
    streamed: true,
    script: stream(openaiStream({ texts: [TEXT] }), { fields: SWEDEN }),
    body: REGION,
    before: null,
  },
]

const kinds = async (call: Heard['call'], count: number): Promise<readonly string[]> => {
  await expect.poll(async () => (await places.recordsOf(call)).length).toBe(count)
  return (await places.recordsOf(call)).map(({ kind }) => kind)
}

describe.each(rows)('$name, from elsewhere', ({ ask, streamed, script, body, before }) => {
  test('is cut off where the tenant does not say otherwise', async () => {
    places.answer(script)
    const { text, error, call } = await ask('claims', streamed)
    expect(error).toBeInstanceOf(Error)
    expect(String(error)).toContain('residency/displaced')
    expect(text).toBe(before ?? '')
    expect(await kinds(call, 3)).toEqual(['call.intent', 'call.displaced', 'call.outcome'])
    const [, displaced, outcome] = await places.recordsOf(call)
    expect(displaced?.body).toMatchObject(body)
    expect(outcome?.body).toMatchObject({
      ending: before === null ? 'denied' : 'cut_off',
      reasons: expect.arrayContaining([expect.objectContaining({ rule: 'residency/displaced' })]),
    })
  })

  test('is on record, and whole, where the tenant wants that', async () => {
    places.answer(script)
    const { text, error, call } = await ask('research', streamed)
    expect(error).toBeNull()
    expect(text).toBe(`${TEXT}[stop]`)
    expect(await kinds(call, 3)).toEqual(['call.intent', 'call.displaced', 'call.outcome'])
    expect((await places.recordsOf(call)).map((record) => record.body.ending)).toEqual([
      undefined,
      undefined,
      'complete',
    ])
  })
})

describe.each([false, true])('where it was judged to go (streamed: %s)', (streamed) => {
  test('Claude, pinned to the US: the switch is sent, the word is heard, and says nothing of the next call', async () => {
    for (const [word, displaced] of [
      ['us', false],
      ['global', true],
      ['us', false],
    ] as const) {
      places.answer(streamed ? stream(geoStream(word, false)) : whole(geo(word)))
      const { error, call } = await claude('claims', streamed)
      expect(places.sent()).toMatchObject([{ inference_geo: 'us' }])
      // A memo that answered for other evidence would let the second through.
      expect(error === null).toBe(!displaced)
      if (displaced && !streamed) expect(error).toBeInstanceOf(PermissionDeniedError)
      expect((await kinds(call, displaced ? 3 : 2)).includes('call.displaced')).toBe(displaced)
    }
  })

  test('AzureOpenAI, in the region that was judged', async () => {
    const fields = { 'x-ms-region': 'East US 2' }
    places.answer(
      streamed
        ? stream(openaiStream({ texts: [TEXT] }), { fields })
        : whole(openaiAnswer({ texts: [TEXT] }), { fields }),
    )
    const { text, error, call } = await azure('claims', streamed)
    expect(error).toBeNull()
    expect(text).toBe(`${TEXT}[stop]`)
    expect(await kinds(call, 2)).toEqual(['call.intent', 'call.outcome'])
  })
})

test('each is told to the log, by target and word', () => {
  const lines = places.house.logged.filter(({ msg }) => String(msg).includes('an answer came from elsewhere'))
  expect(lines.length).toBeGreaterThanOrEqual(rows.length * 2)
})
