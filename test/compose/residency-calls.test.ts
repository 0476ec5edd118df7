import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Json } from '../../src/core/json.ts'
import { type House, startHouse } from '../house.ts'
import { converseAnswer, openaiAnswer, type Recorder, startRecorder, whole } from '../kit/index.ts'

/** Calls go where all the places of the model are permitted, and nowhere else. */

type Raw = Readonly<Record<string, Json>>
const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
const OPAQUE = 'arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abcdefghij12'
const EU = ['DE', 'ES', 'FR', 'IE', 'IT', 'SE']
const HOME = { endpoint: ['DE'], processing: ['DE'], storage: ['DE'] }

describe('calls through a gateway', () => {
  let upstream: Recorder
  let house: House
  beforeAll(async () => {
    upstream = await startRecorder({
      answer: ({ path }) =>
        whole(path.includes('/model/') ? converseAnswer({ texts: ['fine'] }) : openaiAnswer({ texts: ['fine'] })),
    })
    const local = (more: Raw): Raw => ({
      kind: 'bedrock',
      region: 'eu-central-1',
      base_url: upstream.url,
      residency: HOME,
      ...more,
    })
    house = await startHouse({
      providers: {},
      models: {
        'nova-lite': ['frankfurt/amazon.nova-lite-v1:0'],
        'claude-sonnet-4-5': [`frankfurt/eu.${CLAUDE}`],
        'gpt-4o': [`frankfurt/us.${CLAUDE}`],
        'mistral-large': [`frankfurt/global.${CLAUDE}`],
        'gpt-4o-mini': [`frankfurt/${OPAQUE}`],
        auto: [`london/eu.${CLAUDE}`],
      },
      config: {
        providers: {
          frankfurt: local({}),
          london: local({ region: 'eu-west-2', base_url: upstream.url.replace('127.0.0.1', 'localhost') }),
        },
      },
    })
  })
  afterAll(async () => {
    await house?.stop()
    await upstream?.close()
  })
  const ask = (model: string): Promise<Response> =>
    fetch(`${house.customhouse.data}/bedrock/model/${encodeURIComponent(model)}/converse`, {
      method: 'POST',
      headers: { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content: [{ text: 'hello' }] }] }),
    })

  test('go where the policy permits all the places of the model, which the record names', async () => {
    expect((await ask('nova-lite')).status).toBe(200)
    expect((await ask('claude-sonnet-4-5')).status).toBe(200)
    const intents = (await house.trail()).filter(({ kind }) => kind === 'call.intent')
    expect(intents.map(({ body }) => body.target)).toMatchObject([
      { id: 'frankfurt/amazon.nova-lite-v1:0', residency: HOME },
      { id: `frankfurt/eu.${CLAUDE}`, residency: { endpoint: ['DE'], processing: EU, storage: EU } },
    ])
  })
  test.each([
    ['a profile from elsewhere', 'gpt-4o', 'unknown-residency'],
    ['global', 'mistral-large', 'unknown-residency'],
    ['opaque', 'gpt-4o-mini', 'unknown-residency'],
    ['a profile with a place that is not permitted', 'auto', 'residency/processing'],
  ])('are refused and not sent: %s', async (_, model, why) => {
    const sent = upstream.requests.length
    const answer = await ask(model)
    expect(answer.status).toBe(403)
    expect(upstream.requests.length).toBe(sent)
    const denied = (await house.trail()).findLast(({ kind }) => kind === 'call.denied')
    expect(JSON.stringify(denied?.body)).toContain(why)
  })
  test('and the log has said at the start which can never be sent', () => {
    const said = house.logged.filter(({ msg }) => String(msg).includes('no call can take the route'))
    expect(said).toHaveLength(3)
  })
})
